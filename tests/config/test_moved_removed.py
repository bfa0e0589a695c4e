"""`moved` and `removed` as the file writes them: what they may say, and each mistake with its place
and way out.
"""

from __future__ import annotations

import pytest

from reconciler.config import yaml_reader
from reconciler.config.builder import build
from reconciler.model.state import Entry, State
from reconciler.planner.compare import moves
from tests.stackfiles import HEAD, at, built, problems

SERVERS = """
firewalls: {web: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}
instances:
  web: {count: 2}
  app:
"""


def test_lines_are_sorted_so_that_their_order_does_not_matter() -> None:
    one = built(
        HEAD
        + SERVERS
        + "moved: [{from: instances.b, to: instances.app}, {from: instances.a, to: instances.b}]\n"
    )
    two = built(
        HEAD
        + SERVERS
        + "moved: [{from: instances.a, to: instances.b}, {from: instances.b, to: instances.app}]\n"
    )
    assert [str(move.source) for move in one.moved] == ["instances.a", "instances.b"]
    assert one.digest == two.digest != built(HEAD + SERVERS).digest


def test_a_removal_states_whether_the_object_stays() -> None:
    stack = built(
        HEAD
        + SERVERS
        + 'removed: [{from: instances.old, keep: true}, {from: "instances.web[7]", keep: false}]'
        + "\n"
    )
    assert [(removal.address, removal.keep) for removal in stack.removed] == [
        (at("instances.old"), True),
        (at("instances.web[7]"), False),
    ]


WRONG: list[tuple[str, str, str, str]] = [
    ("no address", "moved: [{from: web, to: instances.app}]", "bad-reference", "write an address"),
    (
        "others' object",
        "moved: [{from: existing.firewalls.a, to: firewalls.web}]",
        "bad-reference",
        "write an address",
    ),
    (
        "to itself",
        "moved: [{from: instances.x, to: instances.x}]",
        "bad-combination",
        "remove the line",
    ),
    ("another kind", "moved: [{from: instances.x, to: firewalls.web}]", "bad-combination", "None"),
    (
        "a rule to a firewall",
        "moved: [{from: firewalls.web.rules.http, to: firewalls.web}]",
        "bad-combination",
        "None",
    ),
    (
        "a rule to another firewall",
        "moved: [{from: firewalls.x.rules.a, to: firewalls.web.rules.a}]",
        "bad-combination",
        "create it as a new rule",
    ),
    (
        "still in the file",
        "moved: [{from: instances.app, to: 'instances.web[0]'}]",
        "bad-combination",
        "remove one of the two",
    ),
    (
        "all of it still in the file",
        "moved: [{from: instances.web, to: instances.app}]",
        "bad-combination",
        "remove one of the two",
    ),
    (
        "twice",
        "moved: [{from: instances.x, to: instances.app}, "
        "{from: instances.x, to: 'instances.web[0]'}]",
        "bad-combination",
        "keep one of the two lines",
    ),
    (
        "two of the file to one",
        "moved: [{from: 'instances.web[0]', to: instances.app}, "
        "{from: 'instances.web[1]', to: instances.app}]",
        "bad-combination",
        "keep one of the two lines",
    ),
    (
        "a component to an address",
        "moved: [{from: components.shop, to: instances.app}]",
        "bad-reference",
        "write components.NAME on both sides",
    ),
    ("without to", "moved: [{from: instances.x}]", "missing-key", "None"),
    ("a mapping", "moved: {from: instances.x, to: instances.app}", "wrong-type", "None"),
    (
        "removed and in the file",
        "removed: [{from: instances.app, keep: true}]",
        "bad-combination",
        "remove one of the two",
    ),
    (
        "a rule that stays",
        "removed: [{from: firewalls.web.rules.a, keep: true}]",
        "bad-combination",
        "ignore: [rules]",
    ),
    ("without keep", "removed: [{from: instances.x}]", "missing-key", "None"),
    ("keep in words", "removed: [{from: instances.x, keep: yes}]", "wrong-type", "write true"),
]


@pytest.mark.parametrize(
    ("text", "code", "hint"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_each_mistake_is_reported_with_its_place_and_a_hint(
    text: str, code: str, hint: str
) -> None:
    found = problems(HEAD + SERVERS + text + "\n")
    assert [problem.code for problem in found] == [code], found
    assert found[0].place is not None and hint in str(found[0].hint)


RETIRED = [
    "moved: [{from: instances.x, to: instances.retired}]",
    "moved: [{from: instances.x, to: instances.y}, {from: instances.y, to: instances.retired}]",
    "moved: [{from: firewalls.web.rules.a, to: firewalls.web.rules.retired}]",
]


@pytest.mark.parametrize("text", RETIRED)
def test_an_old_line_whose_target_was_retired_may_stay(text: str) -> None:
    assert built(HEAD + SERVERS + text + "\n").moved[-1].retired


@pytest.mark.parametrize(
    "text",
    [
        "moved: [{from: instances.x, to: instances.app}]",
        "moved: [{from: instances.x, to: instances.gone}]\nremoved: "
        "[{from: instances.gone, keep: false}]",
    ],
)
def test_a_line_whose_target_is_defined_or_removed_is_not_retired(text: str) -> None:
    assert not any(move.retired for move in built(HEAD + SERVERS + text + "\n").moved)


def test_a_long_chain_is_followed_in_time_that_grows_with_its_length() -> None:
    # Goal: 1,000 lines took 13 s when each start walked the chain anew, and this many minutes.
    lines = "".join(f"- {{from: instances.x{n}, to: instances.x{n + 1}}}\n" for n in range(3_000))
    document, _ = yaml_reader.read(
        HEAD + SERVERS + "moved:\n" + lines + "- {from: instances.x3000, to: instances.app}\n",
        "stack.yaml",
    )
    stack, found = build(document, environment=None)
    assert found == () and stack is not None
    state = State(
        "lineage",
        1,
        "shop",
        None,
        entries={"instances.x0": Entry("instances.x0", "instances", "INSTANCE-1")},
    )
    assert list(moves.move(stack, state).state.entries) == ["instances.app"]
