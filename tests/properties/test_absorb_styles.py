"""Drift is written into files of any style: what is written reads back as meant, and all else of
the file means what it did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import text_edits, yaml_reader
from reconciler.config.text_edits import CannotEdit, TextChange
from reconciler.importing.absorb import Absorber, CannotAbsorb, Source
from reconciler.model.address import Address
from reconciler.model.plan import Action, Cause, Change, FieldChange
from reconciler.model.resource import Account, Link, LiveResource, Resource, Stack
from tests import extent
from tests.builders import at
from tests.stackfiles import built

HEAD = """\
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_1.2-g1}
"""
ADDED = {"direction": "in", "protocol": "tcp", "cidr": "10.0.0.0/8"}


def absorbed(text: str, *changes: Change) -> str:
    """The text with the changes in it."""
    rows = [
        LiveResource("rules", id, {"id": id, **ADDED, "ports": port, "title": id})
        for id, port in (("x1", "8081"), ("x2", "8082"))
    ]
    account = Account({"rules": {row.id: row for row in rows}})
    source = Source(text, yaml_reader.layout(text))
    absorber = Absorber(built(text), account, lambda file: source)
    desired_values: list[TextChange] = [
        desired for change in changes for _, desired in absorber.edits(change)
    ]
    return text_edits.applied(text, text_edits.resolved(text, source.pieces, desired_values))


def changed(address: str, **after: Any) -> Change:
    fields = tuple(
        FieldChange(path.replace("rules_", "rules."), None, value, Cause.OUTSIDE)
        for path, value in sorted(after.items())
    )
    return Change(at(address), Action.NONE, "", fields)


def meanings(stack: Stack) -> dict[Address, Resource]:
    return {
        address: replace(resource, place=None, places={})
        for address, resource in stack.resources.items()
    }


def checked(text: str, *changes: Change) -> str:
    """The text with the changes in it, which say what is meant and nothing else of other
    objects.
    """
    before, now = built(text), absorbed(text, *changes)
    after = built(now)
    touched = {change.address for change in changes}
    for change in changes:
        for field in change.fields:
            if field.path == "rule":
                assert change.address not in after.resources, now
            elif field.path.startswith("rules."):
                assert any(
                    a.owner == change.address and a.rule is not None and a.rule.startswith("x")
                    for a in after.resources
                ), now
            else:
                value: Any = after.resources[change.address].attributes[field.path]
                said = (
                    f"firewalls.{value.address.name}"
                    if isinstance(value, Link)
                    else getattr(value, "value", value)
                )
                assert said == field.after, now
    others = {a: r for a, r in meanings(before).items() if a not in touched}
    assert {a: r for a, r in meanings(after).items() if a in others} == others, now
    return now


FIELDS = {
    "description": "a text: of somebody",
    "flavor": "std_2.4-g1",
    "name": "front",
    "power": "off",
    "firewall": "firewalls.w",
}
RULES = ("https", "ssh", "x-y")


@st.composite
def mapping(draw: st.DrawFn, entries: list[str], indent: str) -> str:
    """What stands behind a key: these entries in some style, or something empty."""
    comment = draw(st.sampled_from(["", "  # a, b: {c", "   #"]))
    if not entries:
        return (
            draw(st.sampled_from(["", " {}", " ~", " null", " { }", " {\n" + indent + "}"]))
            + comment
        )
    if draw(st.booleans()):
        gap = draw(st.sampled_from(["\n", "\n\n", f"\n{indent}# between, {{these}}\n"]))
        return (
            comment
            + gap
            + gap.join(
                f"{indent}{entry}{draw(st.sampled_from(['', '  # x']))}" for entry in entries
            )
        )
    between = draw(st.sampled_from([", ", ",", ",\n" + indent, " , ", f",  # a, b}}\n{indent}"]))
    end = draw(st.sampled_from(["", ",", " ", ", ", ",\n" + indent, f"\n{indent}"]))
    return (
        " {"
        + draw(st.sampled_from(["", " ", "\n" + indent]))
        + between.join(entries)
        + end
        + "}"
        + comment
    )


@st.composite
def stacks(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A stack with a firewall `w`, with its rules, and a server `b`, in some style."""
    rules = draw(st.lists(st.sampled_from(RULES), unique=True))
    written = [
        f"{name}: {{direction: in, protocol: tcp, ports: {port}, cidr: 10.1.0.0/16{draw(st.sampled_from(['', ',']))}}}"
        for port, name in enumerate(rules, 1)
    ]
    own = draw(
        st.lists(
            st.sampled_from(
                ["name: b-server", "power: on", "flavor: 'std_1.2-g1'", '"description": "x, y}"']
            ),
            unique=True,
        )
    )
    in_rules = draw(mapping(written, "      "))
    group = [f"rules:{in_rules}"]
    if (
        not in_rules.lstrip().startswith(("#", "{ ", "{\n"))
        and "\n" not in in_rules
        and "#" not in in_rules
        and draw(st.booleans())
    ):
        wall = f" {{icmp: true, rules:{in_rules or ' {}'}}}"
    else:
        icmp = draw(st.sampled_from([["icmp: true"], []]))
        wall = "\n" + "".join(f"    {line}\n" for line in [*icmp, *group]).rstrip("\n")
    server = draw(mapping(own, "    "))
    tail = draw(
        st.sampled_from(
            ["\n", "", "\n\n# the end\n", "\n...\n", "\n  c: {}\n", "\n\n  c:\n    name: c\n"]
        )
    )
    text = f"{HEAD}firewalls:\n  w:{wall}\ninstances:\n  b:{server}{tail}"
    return (text.replace("\n", "\r\n") if draw(st.booleans()) else text), rules


@settings(max_examples=extent.examples(150), deadline=None, derandomize=True)
@given(stacks(), st.data())
def test_what_is_absorbed_reads_back_in_any_style(
    written: tuple[str, list[str]], data: st.DataObject
) -> None:
    # Goal: two fields into an empty resource, an only rule that is replaced, a trailing comma: the
    # new text was not YAML.
    text, rules = written
    names = data.draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True))
    gone = data.draw(st.lists(st.sampled_from(rules), unique=True)) if rules else []
    new = data.draw(st.lists(st.sampled_from(["x1", "x2"]), unique=True))
    wall: dict[str, Any] = {f"rules_{id}": id for id in new} | (
        {"name": "walls"} if data.draw(st.booleans()) else {}
    )
    changes = [changed("instances.b", **{name: FIELDS[name] for name in names})] if names else []
    changes += [changed("firewalls.w", **wall)] if wall else []
    changes += [changed(f"firewalls.w.rules.{rule}", rule=None) for rule in gone]
    assert checked(text, *changes) == text or changes


ANCHORS: list[tuple[str, str, str, str]] = [
    (
        "used later",
        "  b: {flavor: &f std_1.2-g1, name: bb}\n  c: {flavor: *f}\n",
        "flavor: std_2.4-g1, name",
        "flavor: &f std_1.2-g1}",
    ),
    (
        "used twice",
        "  b:\n    flavor: &f std_1.2-g1\n  c: {flavor: *f}\n  d: {flavor: *f}\n",
        "flavor: std_2.4-g1\n",
        "&f std_1.2-g1}",
    ),
    ("used by nobody", "  b: {flavor: &f std_1.2-g1}\n", "flavor: std_2.4-g1}", "flavor"),
    (
        "an alias",
        "  a: {flavor: &f std_1.2-g1}\n  b: {flavor: *f, name: bb}\n",
        "{flavor: std_2.4-g1, name",
        "a: {flavor: &f std_1.2-g1}",
    ),
]


@pytest.mark.parametrize(
    ("name", "lines", "has", "keeps"), ANCHORS, ids=[row[0] for row in ANCHORS]
)
def test_a_value_that_an_anchor_defines_is_changed_for_its_object_alone(
    name: str, lines: str, has: str, keeps: str
) -> None:
    now = checked(f"{HEAD}instances:\n{lines}", changed("instances.b", flavor="std_2.4-g1"))
    assert has in now and keeps in now


def test_lines_that_others_have_through_an_alias_are_not_written() -> None:
    text = f"{HEAD}instances:\n  a: &a {{name: x}}\n  b: *a\n"
    with pytest.raises(CannotAbsorb, match="an alias that other objects share"):
        absorbed(text, changed("instances.b", flavor="std_2.4-g1"))


def test_an_anchor_that_cannot_be_moved_is_reported() -> None:
    text = f"{HEAD}instances:\n  b:\n    description: &d one, two\n  c: {{description: *d}}\n"
    with pytest.raises(CannotEdit, match="the anchor `d`"):
        absorbed(text, changed("instances.b", description="new"))


def test_a_text_block_at_the_end_is_not_taken_for_a_comment() -> None:
    text = f"{HEAD}instances:\n  b:\n    description: |-\n      one\n      # two\n"
    now = checked(text, changed("instances.b", flavor="std_2.4-g1"))
    assert now.endswith("      # two\n    flavor: std_2.4-g1\n")
