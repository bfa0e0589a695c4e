"""Components and other stacks: a file with parameters under a name, values through it both ways,
each mistake at its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import builder, schema, stack_folder
from reconciler.config.expression import resolve_value
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import Deferred, Link, Stack
from tests.stackfiles import HEAD, at, attributes_of

TIER = """\
version: 1
component: web-tier
parameters:
  count: {type: integer, default: 1, minimum: 1}
  zone: {type: string}
  from: {type: string, default: 0.0.0.0/0}
  note: {type: string, default: ""}
locals:
  text: ${component.name} of ${stack.name}
defaults:
  instances: {zone: "${vars.zone}", flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}}
existing:
  firewalls: {office: {name: office}}
firewalls:
  web:
    rules:
      http: {direction: in, protocol: tcp, ports: 80, cidr: "${vars.from}"}
      back: {direction: in, protocol: tcp, ports: 81, cidr: "${instances.web[0].private_ip}/32"}
instances:
  web: {count: "${vars.count}", firewall: web, description: "${locals.text} ${vars.note}"}
  admin: {firewall: existing.firewalls.office, depends_on: [instances.web, firewalls.web.rules.http]}
block_storages:
  data: {type: ssd, size: 10, instance: "web[${vars.count - 1}]"}
outputs:
  first: {value: "${instances.web[0].public_ip}"}
  all: {value: "${instances.web.map(w, w.name + string(vars.count))}"}
  size: {value: "${vars.count}"}
"""

STACK = (
    HEAD
    + """
variables: {n: {type: integer, default: 2}}
instances: {web: {zone: kr1-z01, flavor: f, image: i}}
components:
  shop: {use: parts/tier.yaml, with: {count: "${vars.n}", zone: kr1-z01}}
  blog: {use: parts/tier.yaml, with: {zone: kr1_z02, from: "${instances.web.private_ip}/32", note: "${components.shop.outputs.first}"}}
outputs:
  shop: {value: "${components.shop.outputs.first}"}
  sizes: {value: "${[components.shop.outputs.size, components.blog.outputs.size]}"}
"""
)


def read(
    folder: Path, stack: str, files: Mapping[str, str], **options: Any
) -> tuple[Stack | None, tuple[Problem, ...]]:
    for name, text in {"stack.yaml": stack, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    document, found = stack_folder.load(folder)
    form = (*found, *schema.check(document))
    built, meaning = builder.build(document, environment=None, **options)
    return built, schema.joined(form, meaning)


def good(folder: Path, stack: str = STACK, tier: str = TIER, **options: Any) -> Stack:
    built, found = read(folder, stack, {"parts/tier.yaml": tier}, **options)
    assert built is not None and found == (), found
    return built


def test_each_include_has_objects_of_its_own_under_its_name(tmp_path: Path) -> None:
    stack = good(tmp_path)
    assert [str(address) for address in stack.resources if address.rule is None] == [
        "block_storages.blog_data",
        "block_storages.shop_data",
        "firewalls.blog_web",
        "firewalls.shop_web",
        "instances.blog_admin",
        "instances.blog_web[0]",
        "instances.shop_admin",
        "instances.shop_web[0]",
        "instances.shop_web[1]",
        "instances.web",
    ]
    web = stack.resources[at("instances.shop_web[1]")]
    assert web.attributes["firewall"] == Link(at("firewalls.shop_web"))
    assert (
        web.attributes["description"] == "shop of shop "
        and web.at_create["name"] == "shop-shop_web-1"
    )
    assert stack.resources[at("block_storages.shop_data")].attributes["instance"] == Link(
        at("instances.shop_web[1]")
    )
    assert stack.resources[at("instances.blog_admin")].attributes["firewall"] == Link(
        at("existing.firewalls.blog_office")
    )
    assert stack.resources[at("instances.blog_admin")].depends_on == (
        at("firewalls.blog_web.rules.http"),
        at("instances.blog_web"),
    )
    assert (
        web.place is not None
        and web.place.file.endswith("parts/tier.yaml")
        and web.place.line == 20
    )


def test_values_go_in_and_come_out_and_what_is_not_known_waits_for_the_right_object(
    tmp_path: Path,
) -> None:
    stack = good(tmp_path)
    back = stack.resources[at("firewalls.shop_web.rules.back")].attributes["cidr"]
    assert isinstance(back, Deferred) and [str(ref) for ref in back.references] == [
        "instances.shop_web[0].private_ip"
    ]
    http = stack.resources[at("firewalls.blog_web.rules.http")].attributes["cidr"]
    assert isinstance(http, Deferred) and [str(ref) for ref in http.references] == [
        "instances.web.private_ip"
    ]
    values = attributes_of(
        {
            "instances.web": {"private_ip": "10.0.0.9"},
            "instances.shop_web[0]": {"public_ip": "203.0.113.1", "name": "a"},
            "instances.shop_web[1]": {"name": "b"},
        }
    )
    assert resolve_value(http, stack, values) == "10.0.0.9/32"
    assert (
        resolve_value(
            stack.resources[at("instances.blog_web[0]")].attributes["description"], stack, values
        )
        == "blog of shop 203.0.113.1"
    )
    outputs = {output.name: resolve_value(output.value, stack, values) for output in stack.outputs}
    assert outputs == {"shop": "203.0.113.1", "sizes": (2, 1)}


def test_an_output_that_is_not_read_is_not_waited_for(tmp_path: Path) -> None:
    stack = good(tmp_path, STACK + "  names: {value: '${components.shop.outputs.all.map(x, x)}'}\n")
    values = attributes_of(
        {"instances.shop_web[0]": {"name": "a"}, "instances.shop_web[1]": {"name": "b"}}
    )
    assert resolve_value(
        next(o.value for o in stack.outputs if o.name == "names"), stack, values
    ) == ("a2", "b2")


def test_the_order_of_includes_does_not_matter_and_every_value_does(tmp_path: Path) -> None:
    lines = STACK.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("  shop: {use"))
    turned = "".join([*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]])
    assert good(tmp_path).digest == good(tmp_path, turned).digest
    assert (
        good(tmp_path, tier=TIER.replace('default: ""', "default: x")).digest
        != good(tmp_path).digest
    )


WRONG: list[tuple[str, tuple[str, str], tuple[str, str], str, str, str]] = [
    (
        "no file",
        ("use: parts/tier.yaml, with: {count", "use: parts/teir.yaml, with: {count"),
        ("", ""),
        "file-missing",
        "stack.yaml:7",
        "relative to the folder of",
    ),
    (
        "no use",
        ("use: parts/tier.yaml, with: {count", "with: {count"),
        ("", ""),
        "missing-key",
        "stack.yaml:7",
        "None",
    ),
    (
        "an unknown parameter",
        ("zone: kr1-z01}}\n  blog", "zones: kr1-z01}}\n  blog"),
        ("", ""),
        "variable-unknown",
        "stack.yaml:7",
        "`zone`",
    ),
    (
        "a value that does not fit",
        ('"${vars.n}"', "many"),
        ("", ""),
        "variable-value",
        "stack.yaml:7",
        "None",
    ),
    (
        "a computed value that does not fit",
        ('"${vars.n}"', '"${vars.n - 2}"'),
        ("", ""),
        "variable-value",
        "stack.yaml:7",
        "None",
    ),
    (
        "a missing value",
        ("with: {zone: kr1_z02, from", "with: {from"),
        ("", ""),
        "variable-missing",
        "stack.yaml:8",
        "with: {zone: VALUE}",
    ),
    (
        "an output that is none",
        ('outputs.first}"}\n  sizes', 'outputs.frist}"}\n  sizes'),
        ("", ""),
        "missing-reference",
        "stack.yaml:10",
        "`first`",
    ),
    (
        "an include that is none",
        ("[components.shop", "[components.shpo"),
        ("", ""),
        "missing-reference",
        "stack.yaml:11",
        "`shop`",
    ),
    (
        "each other's outputs",
        ("zone: kr1-z01}}", 'zone: "${components.blog.outputs.first}"}}'),
        ("", ""),
        "cycle",
        "stack.yaml:",
        "None",
    ),
    (
        "a key too long",
        ("  shop: {use", "  a_long_name1: {use"),
        ("  web: {count", "  web_servers_of_it: {count"),
        "bad-length",
        "tier.yaml:20",
        "shorter name",
    ),
    (
        "a key that is there",
        ("instances: {web: {zone", "instances: {shop_web: {zone"),
        ("", ""),
        "yaml-duplicate-key",
        "tier.yaml:20",
        "another name",
    ),
    (
        "the stack's own names",
        ("", ""),
        ("${locals.text} ${vars.note}", "${vars.n}"),
        "missing-reference",
        "tier.yaml:20",
        "`note`",
    ),
    (
        "the stack's own resources",
        ("", ""),
        ("firewall: web, desc", "firewall: front, desc"),
        "missing-reference",
        "tier.yaml:20",
        "shop_web",
    ),
    (
        "a key that components do not have",
        ("", ""),
        ("outputs:\n", "guard: {}\noutputs:\n"),
        "unknown-key",
        "tier.yaml:24",
        "use one of",
    ),
    (
        "locals read components",
        ("outputs:\n", 'locals: {x: "${components.shop.outputs.size}"}\noutputs:\n'),
        ("", ""),
        "bad-reference",
        "stack.yaml:9",
        "None",
    ),
    (
        "a wrong type in the component",
        ("", ""),
        ("size: 10", "size: ten"),
        "wrong-type",
        "tier.yaml:23",
        "None",
    ),
]


@pytest.mark.parametrize(
    ("edit", "inner", "code", "place", "hint"),
    [row[1:] for row in WRONG],
    ids=[row[0] for row in WRONG],
)
def test_each_mistake_is_reported_at_its_place(
    tmp_path: Path, edit: tuple[str, str], inner: tuple[str, str], code: str, place: str, hint: str
) -> None:
    assert edit[0] in STACK and inner[0] in TIER
    _, found = read(tmp_path, STACK.replace(*edit, 1), {"parts/tier.yaml": TIER.replace(*inner, 1)})
    mine = [p for p in found if p.code == code]
    assert mine and place in str(mine[0].place) and hint in str(mine[0].hint), found


def test_a_component_in_the_folder_of_the_stack_is_reported_with_its_proper_place(
    tmp_path: Path,
) -> None:
    _, found = read(tmp_path, HEAD, {"tier.yaml": TIER})
    assert any(p.code == "unknown-key" and "another folder" in str(p.hint) for p in found)


OTHERS = (
    HEAD
    + "stacks: {network: {path: ../network, env: prod}}\noutputs: {x: {value: '${stacks.network.outputs.vpc}'}}\n"
)


def test_outputs_of_another_stack_are_values_like_any_other(tmp_path: Path) -> None:
    stack, found = read(
        tmp_path, OTHERS, {}, stacks={"network": {"outputs": {"vpc": "10.0.0.0/8"}}}
    )
    assert stack is not None and found == () and stack.outputs[0].value == "10.0.0.0/8"
    _, found = read(tmp_path, OTHERS, {}, stacks={"network": {"outputs": {"vcp": 1}}})
    assert [(p.code, p.hint) for p in found] == [("missing-reference", "did you mean `vcp`?")]
