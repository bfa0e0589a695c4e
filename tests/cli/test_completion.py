"""Completion of values: what a half-typed command line is offered."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.completion import answer, values, words
from reconciler.cli.program import program
from tests.cli.sessions import begin, call

SHOP = """\
version: 1
stack: shop
variables:
  note: {type: string, default: first}
firewalls:
  web: {icmp: true, rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}
instances:
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    firewall: web
    count: 2
  seoul:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    firewall: web
    for_each: {한글: 1}
outputs:
  first_ip: {value: "${instances.web[0].public_ip}"}
"""
NET = """\
version: 1
stack: net
environments: {prod: {}, staging: {}}
variables: {size: {type: integer}}
firewalls: {gate: {}}
"""
WEB = ["instances.web", "instances.web[0]", "instances.web[1]"]
RULE = "firewalls.web.rules.https"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `shop` is applied to the local cloud, with other stacks beside it."""
    folder = tmp_path_factory.mktemp("completion")
    with pytest.MonkeyPatch.context() as patch:
        begin(
            patch,
            folder,
            {
                "shop/stack.yaml": SHOP,
                "net.yaml": NET,
                "broken.yaml": "instances: {web: {}\n",
                "half.yaml": "stack: half\ninstances: {web: {flavour: x}}\n",
                "prod.plan": "",
            },
        )
        from reconciler.cli.program import run

        assert run(["apply", "shop", "--yes", "--time-scale", "3000"]) == 0
    return folder


@pytest.fixture
def here(applied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder is the current one."""
    begin(monkeypatch, applied)
    return applied


def offered(line: str) -> list[str]:
    """The values that are offered at the end of a command line."""
    folder = Path.cwd()
    found = words.split(line)
    try:
        items = answer.offered(program, found.words, found.last, os.environ)
    finally:
        os.chdir(folder)
    return [item.value for item in items]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plan ", ["broken.yaml", "half.yaml", "net.yaml", "shop/"]),
        ("plan --stack=sh", ["--stack=shop/"]),
        ("graph shop/", ["shop/stack.yaml", "shop/state/"]),
        ("plan net.yaml --env ", ["prod", "staging"]),
        ("plan net.yaml shop --env ", ["prod", "staging"]),
        ("plan net.yaml --env=s", ["--env=staging"]),
        ("plan --env s", []),
        ("plan --stack net.yaml --env s", ["staging"]),
        ("state move firewalls.web --to net.yaml --to-env s", ["staging"]),
        ("plan shop --only instances.w", WEB),
        ("plan shop --except firewalls.web.", [RULE]),
        ("plan shop --replace instances.w", WEB[1:]),
        ("apply shop --unprotect instances.s", ['instances.seoul["한글"]']),
        ("--chdir shop plan --only instances.w", WEB),
        ("--chdir=shop plan --only instances.w", WEB),
        ("--ch", ["--chdir"]),
        ("--chdir s", ["shop/"]),
        ("show --stack shop instances.web", WEB[1:]),
        ("show pr", ["prod.plan"]),
        ("state --help", ["--help"]),
        ("state f", ["forget"]),
        ("state mv --stack shop instances.w", WEB),
        ("state mv --stack shop instances.web instances.w", []),
        ("state forget --stack shop firewalls", ["firewalls.web", RULE]),
        ("import --stack net.yaml --env prod --var size=1 ", ["firewalls.gate"]),
        ("import --stack shop instances.w", []),
        ("absorb --stack shop instances.s", ["instances.seoul", 'instances.seoul["한글"]']),
        ("server reboot --stack shop i", ['instances.seoul["한글"]', *WEB[1:]]),
        ("server reboot --stack shop --accept ", ["downtime", "downtime=", "frozen"]),
        ("server console --stack shop instances.web[1", ["instances.web[1]"]),
        ("output --stack shop f", ["first_ip"]),
        ("output sh", ["shop/"]),
        ("output --inventory a", ["ansible"]),
        ("apply shop --accept dow", ["downtime", "downtime="]),
        ("apply shop --accept lock", ["lockout="]),
        ("apply shop --accept downtime=instances.web[", [f"downtime={text}" for text in WEB[1:]]),
        ("apply shop --accept=downtime=instances.web[0", ["--accept=downtime=instances.web[0]"]),
        ("apply shop --undo l", ["last"]),
        ("plan net.yaml --var ", ["size="]),
        ("plan net.yaml --var-file half", ["half.yaml"]),
        ("catalog f", ["flavors"]),
        ("catalog flavors --sort -vc", ["-vcpu"]),
        ("catalog flavors --stack shop --zone kr1", ["kr1-z01", "kr1_z02"]),
        ("catalog zones --stack shop --filter kr2", ["kr2-z01"]),
        ("explain firewalls.rules.ci", ["firewalls.rules.cidr"]),
        ("simulator do set instance --stack shop shop-web-0", ["shop-web-0"]),
        ("simulator do set fire", ["firewall"]),
        ("simulator serve --set page_s", ["page_size_cap="]),
        ("recover shop --not-created ", []),
        ("completion z", ["zsh"]),
        # Goal: nothing is offered where nothing can be known, and no mistake is shown.
        ("plan broken.yaml --only ", []),
        ("plan half.yaml --only ", ["instances.web"]),
        ("plan nowhere --only ", []),
        ("--chdir nowhere plan --on", None),
        ("nonsense ", None),
        ("plan --nonsense --env ", []),
        ("plan 'net.yaml' --env \"st", ["staging"]),
    ],
)
def test_a_half_typed_line_is_offered_values(
    here: Path, line: str, expected: list[str] | None
) -> None:
    shown = answer.answer(program, {**os.environ, answer.LINE: f"reconciler {line}"})
    os.chdir(here)
    if expected is None:
        assert shown in ("", offered_commands(line))
    else:
        assert sorted(offered(line)) == sorted(expected)
        assert len(shown.splitlines()) == len(set(expected))


def offered_commands(line: str) -> str:
    """The answer to an unknown command: every command, because none is named yet."""
    return (
        "" if line.startswith("--chdir") else answer.answer(program, {answer.LINE: "reconciler "})
    )


def test_an_import_on_the_local_cloud_is_offered_its_objects(here: Path) -> None:
    found = offered("import --stack shop instances.web[0] ")
    assert len(found) == 3 and all(id.startswith("INSTANCE-") for id in found)


def test_a_completion_sends_and_writes_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a completion opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    for line in ("plan --only ", "show ", "apply --accept gone=", "import instances.web[0] "):
        offered(f"--chdir shop {line}")
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_the_state_is_read_where_the_environment_says(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path))
    assert offered("show --stack shop i") == []
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(here / "shop" / "state"))
    assert offered("show --stack shop instances.web") == WEB[1:]
    monkeypatch.delenv("RECONCILER_SIMULATE")
    assert offered("show --stack shop i") == []
    assert offered("show --stack shop --simulate instances.web") == WEB[1:]


def test_a_question_ends_with_0_and_without_a_message(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(answer.SHELL, "bash")
    monkeypatch.setenv(answer.LINE, "reconciler plan broken.yaml --only ")
    assert call(capsys) == (0, "", "")


FREE = frozenset(
    {
        "admin",
        "budget",
        "base",
        "end",
        "expect",
        "last",
        "format",
        "gpu",
        "id",
        "inventory",
        "reason",
        "report_url",
        "remote",
        "lock_timeout",
        "interval",
        "max_price",
        "min_memory",
        "every",
        "min_price",
        "min_vcpu",
        "name",
        "objects",
        "port",
        "pull",
        "host",
        "seed",
        "start",
        "url",
    }
    | {"time_scale", "values", "texts"}
)
"""Options and arguments whose values nobody can know before."""


def test_every_value_has_a_source() -> None:
    # Goal: who adds an option decides what it offers.
    known = {name for _, name in values._OF_COMMANDS} | values._OF_ALL.keys() | FREE
    unknown = {
        f"{command.name} {parameter.name}"
        for command in commands(program, click.Context(program))
        for parameter in command.params
        if not isinstance(parameter.type, (click.Choice, click.Path, click.types.BoolParamType))
        and not (isinstance(parameter, click.Option) and parameter.is_flag)
        and parameter.name not in known
    }
    assert not unknown


def commands(command: click.Command, context: click.Context) -> list[click.Command]:
    """A command and all below it."""
    if not isinstance(command, click.Group):
        return [command]
    below = [command.get_command(context, name) for name in command.list_commands(context)]
    return [command, *(each for one in below if one for each in commands(one, context))]


@given(text=st.text(st.characters(exclude_categories=["C", "Z"])), before=st.sampled_from("'\" "))
def test_a_quoted_text_is_read_as_it_was(text: str, before: str) -> None:
    quote = before.strip()
    found = words.split(f"{before}{words.quoted(text, quote)}")
    assert (found.last, found.quote) == (text, quote)
