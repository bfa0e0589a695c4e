"""`count`, `for_each` and `when` that depend on the objects of other resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.config.loader import load_stack
from reconciler.model.resource import Deferred, Link
from tests.stackfiles import HEAD, at, built, problems, the_problem

TOP = HEAD + "defaults: {instances: {zone: z, flavor: f, image: i}}\n"
KEYED = "instances: {web: {for_each: [a, b]}}\n"
DISK = (
    "block_storages: {d: {type: t, size: 10, for_each: '${%s}', "
    'instance: "web[${each.key}]", name: "%s"}}\n'
)

OVER: list[tuple[str, str]] = [
    ("keys(instances.web)", "${each.value}"),
    ("instances.web.map(k, k)", "${each.value}"),
    ("instances.web", "${each.key}"),
    ("instances.web.filter(k, k in instances.web)", "${each.value}"),
    ("size(instances.web) > 1 ? keys(instances.web) : []", "${each.value}"),
]


@pytest.mark.parametrize(("keys", "name"), OVER, ids=[row[0] for row in OVER])
def test_the_keys_of_another_resource_are_keys(keys: str, name: str) -> None:
    for text in (DISK % (keys, name) + KEYED, KEYED + DISK % (keys, name)):
        stack = built(TOP + text)
        assert stack.cardinalities["block_storages", "d"] == ("a", "b")
        disk = stack.resources[at('block_storages.d["b"]')].attributes
        assert disk["name"] == "b"
        assert disk["instance"] == Link(at('instances.web["b"]'))


def test_a_value_can_be_an_object_whose_attributes_are_not_known_yet() -> None:
    stack = built(TOP + KEYED + DISK % ("instances.web", "n-${each.value.private_ip}"))
    name = stack.resources[at('block_storages.d["a"]')].attributes["name"]
    assert isinstance(name, Deferred)
    assert [str(ref) for ref in name.references] == ['instances.web["a"].private_ip']


def test_the_values_of_a_map_can_wait_for_attributes() -> None:
    keys = '{"p": instances.web["a"].private_ip, "q": "known"}'
    stack = built(
        TOP + KEYED + f"firewalls: {{f: {{for_each: '${{{keys}}}', name: '${{each.value}}'}}}}\n"
    )
    names = [stack.resources[at(f'firewalls.f["{key}"]')].attributes["name"] for key in "pq"]
    assert isinstance(names[0], Deferred) and names[1] == "known"
    assert [str(ref) for ref in names[0].references] == ['instances.web["a"].private_ip']


CHAINS: list[tuple[str, dict[str, Any]]] = [
    (
        "instances: {a: {for_each: '${keys(instances.b)}'}, b: {for_each: '${keys(instances.c)}'}, "
        "c: {for_each: [x]}}",
        {"a": ("x",), "b": ("x",), "c": ("x",)},
    ),
    (
        "instances: {a: {count: '${size(instances.b)}'}, b: {count: 2}, "
        "c: {when: '${has(instances.a) && size(instances.a) == 2}'}}",
        {"a": 2, "b": 2, "c": None},
    ),
    ("instances: {a: {count: '${has(instances.b) ? 2 : 1}'}, b: {when: false}}", {"a": 1}),
    (
        "locals: {k: '${keys(instances.b)}'}\n"
        "instances: {a: {for_each: '${locals.k}'}, b: {for_each: [x, y]}}",
        {"a": ("x", "y"), "b": ("x", "y")},
    ),
]


@pytest.mark.parametrize(("text", "shapes"), CHAINS, ids=range(len(CHAINS)))
def test_chains_are_computed_in_order(text: str, shapes: dict[str, Any]) -> None:
    stack = built(TOP + text + "\n")
    assert {name: shape for (_, name), shape in stack.cardinalities.items()} == shapes


REFUSED: list[tuple[str, str, str]] = [
    (
        "instances: {a: {for_each: '${keys(instances.b)}'}, b: {for_each: '${keys(instances.c)}'}, "
        "c: {count: '${size(instances.a)}'}, d: {count: '${size(instances.a)}'}}",
        "cycle",
        "instances.a (stack.yaml:4:13) -> instances.b (stack.yaml:4:52) -> instances.c "
        "(stack.yaml:4:91) -> instances.a",
    ),
    ("instances: {a: {count: '${size(instances.a)}'}}", "cycle", "instances.a"),
    ("instances: {a: {count: '${size(instances.nope)}'}}", "missing-reference", "nope"),
    (
        "instances: {a: {count: '${false ? size(instances.nope) : 1}'}}",
        "missing-reference",
        "nope",
    ),
    (
        "instances: {a: {count: '${size(instances.b)}'}, b: {count: many}}",
        "wrong-type",
        "`count` must be a whole number",
    ),
    (
        "instances: {a: {for_each: '${instances.b.map(x, x.private_ip)}'}, b: {count: 2}}",
        "not-known",
        "it reads instances.b.private_ip",
    ),
    (
        "instances: {a: {count: '${components.c.outputs.n}'}}",
        "not-known",
        "it reads components.c",
    ),
]


@pytest.mark.parametrize(("text", "code", "says"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_counted_is_reported_once(text: str, code: str, says: str) -> None:
    found = the_problem(TOP + text + "\n")
    assert found.code == code and says in str(found.message) and found.place is not None


def test_the_keys_of_a_component_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.yaml").write_text(
        "version: 1\ncomponent: part\nparameters: {names: {type: list}}\n"
        "instances: {web: {for_each: '${vars.names}'}}\n" + DISK % ("instances.web", "${each.key}")
    )
    file = tmp_path / "stack.yaml"
    file.write_text(
        TOP
        + KEYED
        + "components: {p: {use: parts/part.yaml, with: {names: '${keys(instances.web)}'}}}\n"
    )
    stack = load_stack(file, environment=None).stack
    disk = stack.resources[at('block_storages.p_d["b"]')].attributes
    assert disk["instance"] == Link(at('instances.p_web["b"]'))


@pytest.mark.parametrize(
    "text",
    [
        "instances: {off: {when: false}, web: {depends_on: [instances.off]}}",
        "instances: {off: {count: 0}, web: {depends_on: [instances.off]}}",
        "instances: {off: {count: 0}, web: {depends_on: ['instances.off[0]']}}",
        "instances: {off: {for_each: []}, web: {depends_on: ['instances.off[\"a\"]']}}",
        "firewalls: {f: {when: false, rules: {a: {direction: in, protocol: tcp, ports: 80, "
        "cidr: 0.0.0.0/0}}}}\ninstances: {web: {depends_on: [firewalls.f, firewalls.f.rules.a]}}",
        "firewalls: {f: {when: false}}\n"
        "instances: {web: {firewall: \"${has(firewalls.f) ? 'f' : null}\"}}",
    ],
)
def test_depending_on_what_is_left_out_is_harmless(text: str) -> None:
    assert problems(TOP + text + "\n") == ()
    assert built(TOP + text + "\n").resources[at("instances.web")].attributes.keys() == {
        *("zone", "flavor", "image")
    }
