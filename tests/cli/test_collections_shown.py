"""Rules of one collection as a person asks for them: by their key, in `show`, `explain` and
`graph`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.render.plan.address_ranges import full_spans, spans
from tests.builders import at
from tests.cli.sessions import apply, begin, call

STACK = """\
version: 1
stack: shop
firewalls:
  web:
    rules:
      ssh: {direction: in, protocol: tcp, ports: [22, 80], cidr: 10.0.0.0/8}
      ping: {direction: out, protocol: udp, ports: 53, cidr: 0.0.0.0/0}
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": STACK})


def test_the_key_of_a_collection_shows_all_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    at_key = ("show", "firewalls.web.rules.ssh", "--stack", "web.yaml")
    code, out, _ = call(capsys, *at_key)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "firewalls.web.rules.ssh",
        "ssh[22]",
        "ssh[80]",
    ]
    assert "in tcp/80 from 10.0.0.0/8" in out
    found = json.loads(call(capsys, *at_key, "--format", "json")[1])
    assert [each["address"] for each in found["entries"]] == [
        "firewalls.web.rules.ssh[22]",
        "firewalls.web.rules.ssh[80]",
    ]
    whole = call(capsys, "show", "firewalls.web", "--stack", "web.yaml")[1]
    assert "out udp/53 to 0.0.0.0/0" in whole and "ssh[22]" in whole
    # One rule is shown with its attributes, not as a collection of itself.
    for one in ("ssh[22]", "ping"):
        text = call(capsys, "show", f"firewalls.web.rules.{one}", "--stack", "web.yaml")[1]
        assert "as last applied" in text and "its rules" not in text
    assert call(capsys, "show", "firewalls.web.rules.no", "--stack", "web.yaml")[0] == 1


@pytest.mark.parametrize(
    ("address", "first"),
    [
        ('firewalls.web.rules.ssh[22]["10.0.0.0/8"]', " firewalls.rules"),
        ("firewalls.web.rules.ssh", " firewalls.rules"),
        ("instances.web[0]", " instances"),
    ],
)
def test_an_address_is_explained_as_its_kind(
    capsys: pytest.CaptureFixture[str], address: str, first: str
) -> None:
    code, out, _ = call(capsys, "explain", address)
    assert (code, out.splitlines()[0]) == (0, first)


@pytest.mark.parametrize("form", ["text", "dot", "mermaid"])
def test_a_graph_shows_the_rules_of_a_collection_as_one_node(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    out = call(capsys, "graph", "web.yaml", "--format", form)[1]
    assert "firewalls.web.rules.ssh " in out and "2 rules" in out
    assert "22" not in out and "firewalls.web.rules.ping" in out
    every = json.loads(call(capsys, "graph", "web.yaml", "--format", "json")[1])
    assert "firewalls.web.rules.ssh[22]" in [node["address"] for node in every["nodes"]]


@pytest.mark.parametrize(
    ("addresses", "short", "full"),
    [
        (
            ['firewalls.f["p"].rules.ssh["k"]', 'firewalls.f["q"].rules.ssh["k"]'],
            ['f["p", "q"].ssh["k"]'],
            ['firewalls.f["p", "q"].rules.ssh["k"]'],
        ),
        (
            ["firewalls.f[0].rules.a", "firewalls.f[1].rules.a"],
            ["f[0..1].a"],
            ["firewalls.f[0..1].rules.a"],
        ),
        (
            ["firewalls.f.rules.a[0]", "firewalls.f.rules.a[1]"],
            ["f.a[0]", "f.a[1]"],
            ["firewalls.f.rules.a[0]", "firewalls.f.rules.a[1]"],
        ),
    ],
)
def test_equal_rules_of_several_firewalls_name_each_firewall(
    addresses: list[str], short: list[str], full: list[str]
) -> None:
    assert spans(map(at, addresses)) == short
    assert full_spans(map(at, addresses)) == full
