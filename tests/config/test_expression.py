"""Expressions: what a text comes to, what it reads, and what is said where it is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import cel_syntax, expression
from reconciler.config.expression import Cardinalities, ExpressionError
from reconciler.model.resource import Deferred, Existing, Ref, Stack, Unknown
from tests import extent
from tests.stackfiles import HEAD, at, attributes_of, built

SCOPE: Mapping[str, Any] = {
    "vars": {
        "n": 3,
        "x": "a",
        "f": 1.5,
        "b": True,
        "none": None,
        "list": ("p", "q"),
        "map": {"k": {"z": 1}},
        "한글": "가나다",
    },
    "locals": {"t": "shop front"},
    "env": {"name": "prod"},
    "stack": {"name": "shop"},
    "count": {"index": 1},
    "each": {"key": "seoul", "value": {"size": 2}},
}
SHAPES = Cardinalities(
    {
        ("instances", "db"): None,
        ("instances", "web"): 2,
        ("instances", "region"): ("busan", "seoul"),
        ("instances", "none"): 0,
        ("firewalls", "web"): None,
        ("block_storages", "data"): None,
        ("existing.firewalls", "office"): None,
    }
)


def _compute(text: str) -> Any:
    return expression.compute(expression.parse(text), SCOPE)


def _reads(text: str) -> list[str]:
    return [str(ref) for ref in _sources(text, SCOPE)]


def _sources(text: str, scope: Mapping[str, Any]) -> tuple[Ref, ...]:
    parsed = expression.parse(text)
    expression.check_names(parsed, scope, SHAPES)
    found = expression.read(parsed, scope, SHAPES)
    return found.source if isinstance(found, Unknown) else ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${vars.n}", 3),
        ("${vars.b}", True),
        ("${vars.f}", 1.5),
        ("${vars.none}", None),
        ("${vars.list}", ("p", "q")),
        ("${vars.list[1]}", "q"),
        ('${vars["x"]}', "a"),
        ("${ vars . x }", "a"),
        ("${vars.map.k.z}", 1),
        ("${each.value.size}", 2),
        ("a${vars.n}b${vars.x}c", "a3bac"),
        ("${vars.b}!", "true!"),
        ("${vars.f}!", "1.5!"),
        ("$${vars.n}", "${vars.n}"),
        ("$${a} ${vars.n} $${b}", "${a} 3 ${b}"),
        ("$ {x} $", "$ {x} $"),
        ("${stack.name}-${env.name}-${count.index}", "shop-prod-1"),
        ("${vars.n + 1}", 4),
        ("${vars.n > 2 ? 'many' : 'few'}", "many"),
        ('${"}" + vars.x}', "}a"),
        ('${{"a": 1}.a}', 1),
        ("${[1, 2].map(x, x * vars.n)}", (3, 6)),
        ("${vars.list.filter(p, p != 'p')}", ("q",)),
        ("${vars.list.exists(p, p == 'p')}", True),
        ("${'p' in vars.list}", True),
        ("${join(vars.list, '-')}", "p-q"),
        ("${vars.list.join(', ')}", "p, q"),
        ("${lower('AB') + upper('ab')}", "abAB"),
        ("${trim('  a ')}", "a"),
        ("${replace('a-b-c', '-', '+')}", "a+b+c"),
        ("${'a,b'.split(',')}", ("a", "b")),
        ("${format('%s-%03d', ['web', count.index])}", "web-001"),
        ("${length('가나다')}", 3),
        ("${size('가나다')}", 3),
        ("${'가나다'.size()}", 3),
        ("${size(vars.list)}", 2),
        ("${string(true) + string(3)}", "true3"),
        ("${int('3') + 1}", 4),
        ("${min([3, 1]) + max(1, 2)}", 3),
        ("${sort(['b', 'a'])}", ("a", "b")),
        ("${distinct([1, 1, 2])}", (1, 2)),
        ("${keys(vars.map)}", ("k",)),
        ("${values({'b': 1, 'a': 2})}", (2, 1)),
        ("${cidr_host('10.0.0.0/24', 5)}", "10.0.0.5"),
        ("${cidr_subnet('10.0.0.0/16', 8, 3)}", "10.0.3.0/24"),
        ("${cidr_contains('10.0.0.0/8', '10.1.2.3/32')}", True),
        ("${cidr_address('10.1.2.3/24')}", "10.1.2.3"),
        ("${{'b': 1, 'a': 2, 'c': 3, 'd': 0}.map(k, k)}", ("a", "b", "c", "d")),
        ("${vars.map.filter(k, k == 'k')}", ("k",)),
        ("${has(vars.n) && !has(vars.zz)}", True),
        ("${'shop-web'.startsWith('shop')}", True),
        ("${'web1'.matches('^web[0-9]$')}", True),
    ],
)
def test_a_text_is_evaluated_to_its_value(text: str, value: Any) -> None:
    assert _compute(text) == value
    assert type(_compute(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("${vars.n}", []),
        ("${instances.db.private_ip}", ["instances.db.private_ip"]),
        ("${instances.db}", ["instances.db"]),
        ("${instances.web[0].name}", ["instances.web[0].name"]),
        ("${instances.web[count.index].name}", ["instances.web[1].name"]),
        ("${instances.web[1 - count.index].name}", ["instances.web[0].name"]),
        ('${instances.region["seoul"].name}', ['instances.region["seoul"].name']),
        ("${instances.region.seoul.name}", ['instances.region["seoul"].name']),
        ("${instances.region[each.key].name}", ['instances.region["seoul"].name']),
        ("${instances.web}", ["instances.web"]),
        ("${instances.web.map(w, w.public_ip)}", ["instances.web.public_ip"]),
        (
            "${instances.web.map(w, w.status == 'active', w.name)}",
            ["instances.web.name", "instances.web.status"],
        ),
        ("${instances.web.map(w, w)}", ["instances.web"]),
        ("${instances.web.map(w, [w])}", ["instances.web"]),
        ("${instances.web.filter(w, w.status == 'off')}", ["instances.web"]),
        ("${instances.web.exists(w, w.status == 'off')}", ["instances.web.status"]),
        ("${instances.web.map(w, instances.db.name)}", ["instances.db.name"]),
        ("${instances.region.map(k, instances.region[k].name)}", ["instances.region.name"]),
        ("${instances.web.size()}", []),
        ('${"instances.nowhere.name" + instances.db.name}', ["instances.db.name"]),
        ("${existing.firewalls.office.id}", ["existing.firewalls.office.id"]),
        (
            "${firewalls.web.icmp} ${block_storages.data.size}",
            ["block_storages.data.size", "firewalls.web.icmp"],
        ),
        ("${instances.db.name} ${instances.db.name}", ["instances.db.name"]),
    ],
)
def test_what_a_text_reads_is_found_without_evaluating(text: str, reads: list[str]) -> None:
    assert _reads(text) == reads


@pytest.mark.parametrize(
    ("text", "code", "offset", "part"),
    [
        ("a ${vars.n", "expression", 2, "not closed"),
        ("${}", "expression", 2, "empty"),
        ("${vars.n +}", "expression", 10, "cannot be read"),
        ("${vars.n @ 2}", "expression", 9, "`@`"),
        ("${'abc}", "expression", 2, "quote"),
        ("${var.x}", "bad-reference", 2, "spelled `vars`"),
        ("x ${local.t}", "bad-reference", 4, "spelled `locals`"),
        ("${instance.db.name}", "bad-reference", 2, "spelled `instances`"),
        ("${HOME}", "bad-reference", 2, "`HOME` is not known"),
        ("${instances.web[*].name}", "bad-reference", 15, "`[*]`"),
        ("${vars.nn}", "missing-reference", 2, "`vars.nn` does not exist"),
        ("${each.foo}", "missing-reference", 2, "`each.foo` does not exist"),
        ("${instances.dbb.name}", "missing-reference", 2, "`instances.dbb` does not exist"),
        ("${instances[vars.x].name}", "bad-reference", 2, "name the resource"),
        ("${instances}", "bad-reference", 2, "name the resource"),
        ("${existing.office.id}", "bad-reference", 2, "existing"),
        ("${existing.firewalls.home.id}", "missing-reference", 2, "`existing.firewalls.home`"),
        ("${instances.db.ip}", "unknown-attribute", 2, "no attribute `ip`"),
        ("${instances.db.public_pi}", "unknown-attribute", 2, "no attribute `public_pi`"),
        ("${instances.web.public_ip}", "missing-reference", 2, "several objects"),
        ("${instances.web[2].name}", "missing-reference", 2, "the resource has 2 objects"),
        ("${instances.none[0].name}", "missing-reference", 2, "the resource has 0 objects"),
        ('${instances.region["jeju"].name}', "missing-reference", 2, '["jeju"]'),
        ("${instances.web.map(w, w.publicip)}", "unknown-attribute", 2, "`publicip`"),
        ("${nofunc(vars.n)}", "expression", 2, "no function `nofunc`"),
        ("${vars.list.jion('-')}", "expression", 12, "no function `jion`"),
        ("${vars.list.map(vars, vars)}", "expression", 16, "another name"),
        ("${x.map(vars.n, 1)}", "bad-reference", 2, "`x` is not known"),
        ("${vars.가}", "expression", 7, "not part of an expression"),
        ("a ${vars.list} b", "expression", 4, "a list cannot be inserted into a string"),
        ("a ${vars.none}", "expression", 4, "null cannot be inserted into a string"),
        ("${vars.n.x}", "expression", 2, "a number has no `x`"),
        ("${vars.list[7]}", "expression", 2, "the list has 2"),
        ("${vars.n / 0}", "expression", 2, "division by zero"),
        ("${vars.x + 1}", "expression", 2, "`+` cannot be applied to a string and a number"),
        ("${lower(3)}", "expression", 2, "lower() needs a string"),
        ("${cidr_host('10.0.0.0/30', 9)}", "expression", 2, "no address number 9"),
        ("${1.0 / 0.0}", "expression", 2, "finite"),
        ("${b'x'}", "expression", 3, "is not expected here"),
        ("${duration('3h')}", "expression", 2, "no function `duration`"),
        ("${" + "(" * 60 + "1" + ")" * 60 + "}", "expression", 34, "brackets"),
        ("${" + "vars.n + " * 600 + "1}", "expression", 0, "at most"),
    ],
)
def test_what_is_wrong_is_reported_at_its_place_in_the_text(
    text: str, code: str, offset: int, part: str
) -> None:
    with pytest.raises(ExpressionError) as failure:
        parsed = expression.parse(text)
        expression.check_names(parsed, SCOPE, SHAPES)
        expression.read(parsed, SCOPE, SHAPES)
    assert part in failure.value.message
    assert (failure.value.code, failure.value.offset) == (code, offset)


def test_names_out_of_scope_are_reported_with_the_reason() -> None:
    for text, words in (("${count.index}", "with `count`"), ("${each.key}", "with `for_each`")):
        with pytest.raises(ExpressionError, match=words):
            expression.read(expression.parse(text), {"vars": {}}, SHAPES)


def test_work_that_would_take_long_is_refused_before_it_begins() -> None:
    many = {"vars": {"l": tuple(range(2_000))}}
    with pytest.raises(ExpressionError, match="too long"):
        expression.compute(expression.parse("${vars.l.map(a, vars.l.map(b, vars.l))}"), many)
    assert expression.compute(expression.parse("${vars.l.map(a, a + 1)}"), many)[0] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("7 / -2", -3),
        ("-7 % 3", -1),
        ("1 == 1.0 && 1 < 1.5", True),
        ("true == 1", False),
        ("!(1 < 2) || 'a' < 'b'", True),
        ("false && 1 / 0 == 0", False),
        ("1 / 0 == 0 || true", True),
        ("[1, 'a'] == [1, 'a'] && {'a': [1]} == {'a': [1]}", True),
        ("'a' in {'a': 1} && !(2 in [1])", True),
        ("[1] + [2]", (1, 2)),
        ("{'b': 1, 'a': 2}.exists_one(k, k == 'a')", True),
        ("[].all(x, x) && ![].exists(x, x)", True),
        ("type(1) == int && type('') == string && type(null) == null_type", True),
        ("int(3.7) + uint('2') + dyn(1)", 6),
        ("double('1.5') + 0.5", 2.0),
        (r"'a\n\x41\u00e9\'' + r'\n'", "a\nA\u00e9'\\n"),
        ('"""x"y""" + \'\'\'z\'\'\'', 'x"yz'),
        ("0x1F + 2u", 33),
        ("vars.n > 2 ? vars.n > 5 ? 'a' : 'b' : 'c'", "b"),
        ("has(vars.map.k) && has(vars.list[1]) && !has(vars.list[2])", True),
        ("[[1, 2], [3]].map(l, l.map(x, x * 2))", ((2, 4), (6,))),
        ("1 // a comment", 1),
    ],
)
def test_operators_and_functions_follow_cel(source: str, value: Any) -> None:
    assert _compute("${" + source + "}") == value


@pytest.mark.parametrize(
    ("source", "offset", "part"),
    [
        ("vars.n + vars.list[9]", 11, "the list has 2"),
        ("'a' + (1 < 'b' ? 1 : 2)", 9, "`<` cannot be applied to a number and a string"),
        ("1 + 1.5", 2, "`+` cannot be applied to"),
        ("!vars.n", 3, "true or false, not a number"),
        ("9223372036854775807 + 1", 2, "too large"),
        ("9223372036854775808", 2, "too large"),
        ("'\\q'", 2, "not a valid escape in a quoted string"),
        ("has(vars)", 2, "has() needs something with a field"),
        ("vars.list.map(1, 2)", 12, "needs a name for the element"),
        ("vars.n.map(x, x)", 2, "needs a list or map, not a number"),
        ("int('x')", 2, "not 'x'"),
        ("'" + "a" * 3000 + "' + " + "-" * 300 + "1", 3207, "nested too deeply"),
    ],
)
def test_a_mistake_is_reported_at_the_part_that_fails(source: str, offset: int, part: str) -> None:
    with pytest.raises(ExpressionError) as failure:
        _compute("${" + source + "}")
    assert part in failure.value.message
    assert failure.value.offset == offset


LITERAL = "[" + ",".join(map(str, range(300))) + "]"
MANY: Mapping[str, Any] = {
    "vars": {
        "l": tuple(range(300)),
        "b": tuple(range(20_000)),
        "o": tuple({"x": n, "y": "w"} for n in range(100)),
    }
}


@pytest.mark.parametrize(
    "source",
    [
        "vars.l.map(a, vars.l.map(b, vars.l.map(c, c)).size()).size()",
        "vars.l.map(a, vars.l).map(b, b.map(c, b))",
        "vars.l.all(a, a in vars.b && a in vars.b && a in vars.b && a in vars.b && a in vars.b && "
        "a in vars.b)",
        "vars.l.exists(a, vars.b.map(b, b).size() < 0) || true",
        "locals.nested.map(a, a.map(b, a.map(c, [a, b, c])))",
        "(" + " + ".join(["vars.b"] * 100) + ") == []",
    ],
)
def test_every_macro_counts_whatever_its_list_comes_from(source: str) -> None:
    data = {**MANY, "locals": {"nested": (tuple(range(300)),) * 300}}
    with pytest.raises(ExpressionError, match="too long") as failure:
        expression.compute(expression.parse("${" + source + "}"), data)
    assert failure.value.hint is not None


@pytest.mark.parametrize(
    "source",
    [
        "vars.l.map(a, a + 1).size() == 300",
        "vars.l.all(a, a in vars.l)",
        "vars.b.all(a, a >= 0)",
        f"{LITERAL}.map(a, {LITERAL}.map(b, a * b)).size() == 300",
        "vars.l.map(a, length(vars.b)).size() == 300",
        "vars.o.map(a, vars.o.filter(b, b.x == a.x).map(b, b.y)).size() == 100",
        "vars.l.filter(a, string(a).matches('^[0-9]{1,2}$')).size() == 100",
    ],
)
def test_ordinary_macros_are_far_from_the_limit(source: str) -> None:
    assert expression.compute(expression.parse("${" + source + "}"), MANY) is True


@pytest.mark.parametrize(
    "source",
    [
        "'a'.matches('(')",
        "'a'.matches('(?=a)')",
        "'a'.matches('" + "a" * 201 + "')",
        "'a'.matches(1)",
    ],
)
def test_a_pattern_that_cannot_be_read_is_reported(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"pattern|needs a string"):
        _compute("${" + source + "}")


def test_values_that_grow_without_end_are_refused() -> None:
    text = "${'aaaaaaaaaa'.replace('a','" + "a" * 100 + "').replace('a','" + "a" * 100 + "')}"
    with pytest.raises(ExpressionError, match="65,536"):
        expression.compute(expression.parse(text), SCOPE)


def test_the_parser_is_loaded_only_for_more_than_a_path() -> None:
    code = (
        "import sys; from reconciler.config import expression as e;"
        "t = e.parse('${vars.x.y[0]} ${vars.n}'); e.compute(t, "
        "{'vars': {'x': {'y': (1,)}, 'n': 2}});"
        "assert 'lark' not in sys.modules; e.compute(e.parse('${1 + 1}'), {}); assert 'lark' in "
        "sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Values that wait for resources

OFFICE = at("existing.firewalls.office")
STACK = Stack(
    "shop",
    None,
    {},
    cardinalities={
        ("instances", "web"): 2,
        ("instances", "db"): None,
        ("instances", "region"): ("busan", "seoul"),
    },
    existing={OFFICE: Existing(OFFICE, "name", "office")},
)
WAITS = Unknown((Ref(at("instances.db"), "private_ip"),))
VALUES: Mapping[str, Mapping[str, Any]] = {
    "instances.db": {
        "name": "shop-db",
        "private_ip": WAITS,
        "public_ip": "198.51.100.9",
        "status": "active",
    },
    "instances.web[0]": {"name": "w0", "public_ip": "198.51.100.1", "status": "active"},
    "instances.web[1]": {"name": "w1", "public_ip": None, "status": "off"},
    'instances.region["busan"]': {"name": "b"},
    'instances.region["seoul"]': {"name": "s"},
    "existing.firewalls.office": {"id": "FIREWALL-office", "name": "office"},
}


def _deferred(text: str, scope: Mapping[str, Any] = SCOPE) -> Deferred:
    return Deferred(text, _sources(text, scope), scope)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${instances.db.name}", "shop-db"),
        ("${instances.db.name}/${vars.n}", "shop-db/3"),
        ("${instances.web[count.index].name}", "w1"),
        ("${instances.web.map(w, w.public_ip)}", ("198.51.100.1", None)),
        ("${instances.web.map(w, w.status == 'active', w.name).join(',')}", "w0"),
        ("${instances.web.size()}", 2),
        ("${instances.region.map(k, k)}", ("busan", "seoul")),
        ("${instances.region.map(k, instances.region[k].name)}", ("b", "s")),
        ("${instances.web[0].name + instances.web[1].name}", "w0w1"),
        ("${instances.web[1].public_ip}", None),
        ("${existing.firewalls.office.id}", "FIREWALL-office"),
    ],
)
def test_a_deferred_text_is_resolved_from_attributes(text: str, value: Any) -> None:
    assert expression.resolve(_deferred(text), STACK, attributes_of(VALUES)) == value


@pytest.mark.parametrize(
    "text",
    [
        "${instances.db.private_ip}/32",
        "${instances.db.private_ip == null ? 1 : 2}",
        "${instances.db}",
    ],
)
def test_an_unknown_attribute_makes_the_whole_text_unknown(text: str) -> None:
    found = expression.resolve(_deferred(text), STACK, attributes_of(VALUES))
    assert isinstance(found, Unknown)
    assert [str(ref) for ref in found.source] == ["instances.db.private_ip"]
    assert found.deferred is not None
    assert found.deferred.text == text


def test_an_unknown_attribute_that_is_not_read_does_not_matter() -> None:
    assert (
        expression.resolve(_deferred("${instances.db.status}"), STACK, attributes_of(VALUES))
        == "active"
    )


def test_locals_that_read_resources_are_resolved_with_them() -> None:
    scope = {**SCOPE, "locals": {"ip": _deferred("${instances.db.public_ip}")}}
    deferred = _deferred("http://${locals.ip}/", scope)
    assert [str(ref) for ref in deferred.references] == ["instances.db.public_ip"]
    assert expression.resolve(deferred, STACK, attributes_of(VALUES)) == "http://198.51.100.9/"


def test_an_object_that_no_longer_exists_is_reported() -> None:
    with pytest.raises(ExpressionError, match="does not exist"):
        expression.resolve(_deferred("${instances.db.name}"), STACK, lambda address: None)


# A plain path is read without the parser, and means the same

NAMES = st.sampled_from(["a", "b", "size", "map", "if", "var", "x1"])
STEPS = st.lists(
    NAMES.map(lambda name: f" . {name}")
    | st.integers(0, 3).map(lambda n: f"[{n}]")
    | NAMES.map(lambda name: f'[ "{name}"]'),
    max_size=4,
)


@settings(max_examples=extent.examples(300))
@given(STEPS)
def test_a_plain_path_is_read_as_the_parser_reads_it(steps: list[str]) -> None:
    source = " vars" + "".join(steps)
    assert cel_syntax.parse(source) == cel_syntax._parsed(source)


@given(st.text(alphabet="vars.ninstance[]0(){}+-*/'\"$ ,?:|&!=<>mapw\n", max_size=40))
def test_any_text_is_computed_or_reported(text: str) -> None:
    try:
        parsed = expression.parse("${" + text + "}")
        expression.check_names(parsed, SCOPE, SHAPES)
        expression.read(parsed, SCOPE, SHAPES)
    except ExpressionError as failure:
        assert failure.offset is None or 0 <= failure.offset <= len(text) + 3


def test_an_unknown_local_does_not_affect_texts_that_do_not_read_it() -> None:
    text = """
locals: {late: "${instances.web.public_ip}", now: 2}
instances: {web: {zone: z, flavor: f, image: i}}
outputs: {twice: {value: "${locals.now * 2}"}, both: {value: "${locals.now + size(locals.late)}"}}
"""
    stack = built(HEAD + text)
    twice = next(output.value for output in stack.outputs if output.name == "twice")
    assert twice == 4
    both = next(output.value for output in stack.outputs if output.name == "both")
    assert (
        expression.resolve_value(
            both, stack, attributes_of({"instances.web": {"public_ip": "1.2.3.4"}})
        )
        == 9
    )
