"""Conditions protect: only the branch that is taken must exist, and only that is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.config import expression
from reconciler.config.variables import VariableInputs
from reconciler.model.resource import Deferred, Ref, Unknown
from tests.stackfiles import HEAD, at, attributes_of, built, the_problem

BASE = """
variables: {n: {type: integer, default: 0}, on: {type: boolean, default: false}, m: {type: map, default: {k: 1}}}
defaults: {instances: {zone: z, flavor: f, image: i}}
instances:
  a: {}
  b: {count: "${vars.n}"}
  c: {for_each: [p, q]}
  d: {when: "${vars.on}"}
"""


def _stack(text: str, more: str = "") -> str:
    return HEAD + BASE + more + "outputs: {x: {value: '" + text.replace("'", "''") + "'}}\n"


def _output(text: str, more: str = "", **given: str) -> Any:
    return built(_stack(text, more), inputs=VariableInputs(arguments=given)).outputs[0].value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${vars.n > 0 ? instances.b[0].public_ip : 'none'}", "none"),
        ("${size(instances.b) > 0 ? instances.b[0].public_ip : 'none'}", "none"),
        ("${instances.b.size() == 0 ? 'none' : instances.b[0].public_ip}", "none"),
        ("${length(instances.b) > 0 ? instances.b[0].public_ip : 'none'}", "none"),
        ("ip: ${vars.n > 0 ? instances.b[0].public_ip : 'none'}!", "ip: none!"),
        ("${'k' in instances.c ? instances.c['k'].public_ip : 'none'}", "none"),
        ("${'k' in keys(instances.c) ? instances.c.k.public_ip : 'none'}", "none"),
        ("${has(instances.c.k) ? instances.c.k.public_ip : 'none'}", "none"),
        ("${has(instances.c['k']) ? instances.c['k'].public_ip : 'none'}", "none"),
        ("${has(instances.d) ? instances.d.public_ip : 'none'}", "none"),
        ("${has(instances.a.public_ip)}", True),
        ("${has(existing.firewalls.office) ? existing.firewalls.office.id : 'none'}", "none"),
        ("${vars.on ? instances.d.public_ip : 'none'}", "none"),
        ("${vars.on && instances.d.public_ip != null}", False),
        (
            "${vars.n > 0 && instances.b[0].public_ip != '' ? instances.b[0].public_ip : 'none'}",
            "none",
        ),
        ("${!vars.on || instances.d.public_ip != null}", True),
        ("${has(vars.m.z) ? vars.m.z : 'none'}", "none"),
        ("${has(vars.zz) ? vars.zz : 'none'}", "none"),
        ("${'z' in vars.m ? vars.m.z : 'none'}", "none"),
        ("${vars.n > 0 ? instances.b[0].name : vars.n > 1 ? instances.b[1].name : 'none'}", "none"),
        ("${[vars.on ? instances.d.name : 'none', 'x']}", ("none", "x")),
        ("${lower(vars.on ? instances.d.name : 'NONE')}", "none"),
        ("${{'k': vars.on ? instances.d.name : 'none'}.k}", "none"),
    ],
)
def test_what_is_not_taken_need_not_exist(text: str, value: Any) -> None:
    assert _output(text) == value


@pytest.mark.parametrize(
    ("text", "given", "reads"),
    [
        (
            "${vars.n > 0 ? instances.b[0].public_ip : instances.a.name}",
            {"n": "1"},
            ["instances.b[0].public_ip"],
        ),
        ("${vars.n > 0 ? instances.b[0].public_ip : instances.a.name}", {}, ["instances.a.name"]),
        ("${vars.on ? instances.d.public_ip : 'none'}", {"on": "true"}, ["instances.d.public_ip"]),
        (
            "${'p' in instances.c ? instances.c['p'].public_ip : 'none'}",
            {},
            ['instances.c["p"].public_ip'],
        ),
        ("${instances.a.status == 'off' ? instances.b[0].name : 'x'}", {}, ["instances.a.status"]),
        (
            "${instances.a.status == 'off' ? instances.b[0].name : 'x'}",
            {"n": "1"},
            ["instances.a.status", "instances.b[0].name"],
        ),
        (
            "${instances.c.map(k, k in instances.c ? instances.c[k].name : '')}",
            {},
            ["instances.c.name"],
        ),
    ],
)
def test_only_what_may_be_taken_is_waited_for(
    text: str, given: Mapping[str, str], reads: list[str]
) -> None:
    value = _output(text, **given)
    assert isinstance(value, Deferred)
    assert [str(ref) for ref in value.references] == reads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${vars.n == 0 ? instances.b[0].public_ip : 'none'}",
            "`instances.b[0]` does not exist: the resource has 0 objects",
        ),
        ("${vars.n > 0 ? instances.bb[0].public_ip : 'none'}", "`instances.bb` does not exist"),
        ("${vars.n > 0 ? vars.nn : 'none'}", "`vars.nn` does not exist"),
        (
            "${vars.on ? instances.a.public_pi : instances.a.public_pi}",
            "instances have no attribute `public_pi`",
        ),
        ("${vars.on ? 'x' : instances.d.public_ip}", "`instances.d` is left out by its `when`"),
        ("${'k' in instances.c ? 'x' : instances.c.k.name}", '`instances.c["k"]` does not exist'),
        (
            "${true && instances.b[0].public_ip != ''}",
            "`instances.b[0]` does not exist: the resource has 0 objects",
        ),
        ("${vars.n > 0 ? instances.b[0].public_ip + : 'none'}", "the expression cannot be read: "),
    ],
)
def test_what_is_taken_must_exist_and_names_must_be_spelled_right(text: str, message: str) -> None:
    assert the_problem(_stack(text)).message.startswith(message)


def test_a_mistake_in_the_branch_that_is_taken_keeps_its_place() -> None:
    text = _stack("${vars.n > 0 ? instances.b[0].public_ip : instances.b[7].name}")
    place = the_problem(text).place
    assert place is not None
    assert text.splitlines()[place.line - 1][place.column - 1 :].startswith("instances.b[7]")


def test_locals_are_protected_by_their_condition_too() -> None:
    local = "locals: {ip: \"${vars.n > 0 ? instances.b[0].public_ip : 'none'}\", late: '${instances.a.public_ip}'}\n"
    assert _output("${locals.ip}", local) == "none"
    assert _output("${vars.on ? locals.late : 'none'}", local) == "none"


def test_a_count_may_use_a_local_that_reads_resources_only_in_a_branch_not_taken() -> None:
    local = "locals: {k: \"${vars.on ? instances.a.name : 'none'}\"}\nfirewalls: {w: {count: \"${locals.k == 'none' ? 2 : 1}\"}}\n"
    assert built(HEAD + BASE + local).cardinalities["firewalls", "w"] == 2


def test_a_count_can_depend_on_how_many_others_there_are() -> None:
    for condition, count in (
        ("has(instances.d)", 0),
        ("'p' in instances.c", 2),
        ("size(instances.b) > 0", 0),
        ("vars.n == 0 && size(instances.later) > 0", 2),
    ):
        text = (
            HEAD
            + BASE
            + f'  early: {{count: "${{{condition} ? 2 : vars.n}}"}}\n  later: {{count: 1}}\n'
        )
        assert built(text).cardinalities["instances", "early"] == count, condition


VALUES: Mapping[str, Mapping[str, Any]] = {
    "instances.a": {
        "status": "active",
        "name": "shop-a",
        "public_ip": Unknown((Ref(at("instances.a"), "public_ip"),)),
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${instances.a.status == 'off' ? instances.b[0].name : 'x'}", "x"),
        ("${instances.a.status == 'off' ? instances.a.public_ip : 'x'}", "x"),
        ("${instances.a.status == 'off' && instances.a.public_ip == ''}", False),
        ("${instances.a.name == 'shop-a' || instances.a.public_ip == ''}", True),
        ("${size(instances.c) > 1 ? instances.a.name : instances.a.public_ip}", "shop-a"),
        ("${['a', 'p'].filter(k, k in instances.c)}", ("p",)),
        ("${locals.late}", "x"),
    ],
)
def test_a_condition_is_decided_as_soon_as_what_it_reads_is_known(text: str, value: Any) -> None:
    local = "locals: {late: \"${instances.a.status == 'off' ? instances.a.public_ip : 'x'}\"}\n"
    stack = built(_stack(text, local))
    given = {**VALUES, 'instances.c["p"]': {"name": "p"}, 'instances.c["q"]': {"name": "q"}}
    assert expression.resolve_value(stack.outputs[0].value, stack, attributes_of(given)) == value


def test_a_condition_that_is_not_known_waits_for_both_branches() -> None:
    stack = built(
        _stack("${instances.a.public_ip == 'x' ? instances.a.name : instances.b[3].name}")
    )
    found = expression.resolve_value(stack.outputs[0].value, stack, attributes_of(VALUES))
    assert isinstance(found, Unknown)
    assert [str(ref) for ref in found.source] == ["instances.a.public_ip"]


def test_a_late_branch_that_is_taken_must_exist() -> None:
    stack = built(_stack("${instances.a.status == 'active' ? instances.b[3].name : 'x'}"))
    with pytest.raises(
        expression.ExpressionError,
        match=r"`instances\.b\[3\]` does not exist: the resource has 0 objects",
    ):
        expression.resolve_value(stack.outputs[0].value, stack, attributes_of(VALUES))
