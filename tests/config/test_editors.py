"""What an editor says: files checked as a YAML language server does, by the schema that their first
line names and nothing of ours.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.config.test_project_file import WHOLE

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
SERVER = re.compile(r"# yaml-language-server: \$schema=(\S+)")


class Core(yaml.SafeLoader):
    """YAML 1.2 as editors read it: only true and false are booleans, only decimal, octal and
    hexadecimal numbers are numbers.
    """


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), first)


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return found


def validator(file: Path) -> Draft202012Validator:
    """For the schema that is named by a path from the file, as the first line has it; references go
    by where the schemas lie.
    """
    registry: Registry[Any] = Registry()
    for each in SCHEMAS.glob("*.schema.json"):
        registry = registry.with_resource(
            each.resolve().as_uri(), Resource.from_contents(without_id(schema(each.name)))
        )
    return Draft202012Validator({"$ref": file.resolve().as_uri()}, registry=registry)


def without_id(body: dict[str, Any]) -> dict[str, Any]:
    """Editors go by the path of a schema, not by the name that it gives itself."""
    return {key: value for key, value in body.items() if key != "$id"}


STACK, COMPONENT, PROJECT = (
    validator(SCHEMAS / f"{name}.schema.json") for name in ("stack", "component", "reconciler")
)


def errors(text: str, by: Draft202012Validator = STACK) -> list[str]:
    """Where an editor would underline something."""
    found = by.iter_errors(yaml.load(text, Core))  # a safe loader
    return sorted(".".join(map(str, error.absolute_path)) for error in found)


EXAMPLES = sorted(
    file
    for file in (ROOT / "examples").rglob("*.yaml")
    if file.parent.name != "tests"  # examples of plans for policies
)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_example_is_right_by_the_schema_that_its_first_line_names(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = SERVER.match(text)
    assert named is not None
    path = (file.parent / named[1]).resolve()
    assert path.parent == SCHEMAS and errors(text, validator(path)) == []


@pytest.mark.parametrize(
    "page",
    [
        "docs/tutorial.md",
        "docs/reference/language.md",
        "docs/how-to/from-terraform.md",
        "docs/how-to/adopt.md",
        "docs/ko/index.md",
    ],
)
def test_every_stack_shown_in_the_documentation_is_right(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    whole = [block for block in blocks if "\nstack:" in block or block.startswith("version:")]
    assert all(errors(block) == [] for block in whole), page
    assert whole or page == "docs/reference/language.md"


SERVER_LINE = "instances: {web: {zone: z, flavor: f, image: i%s}}"
RIGHT = [
    'instances: {web: {count: "${vars.n}", when: "${env.name == \\"a\\"}", for_each: null}}',
    "instances: {web: null}",
    "instances: {web: {image: {os: ubuntu, version: 22.04}, power: on, ssh_keys: [a, {id: b}]}}",
    "firewalls: {web: {icmp: '${vars.ping}', rules: {a: {direction: in, protocol: tcp, ports: 80-90, cidr: '${vars.c}'}}}}",
    "block_storages: {d: {size: '${vars.gb}', instance: 'web[0]', import: {a: X}}}",
    "environments: {prod: null, staging: {accept: [delete, 'gone=instances.a']}}",
    "moved: [{from: instances.a, to: instances.b}]\nremoved: [{from: instances.c, keep: false}]",
    "components: {shop: {use: parts/a.yaml, with: {n: 2, m: {a: [1]}}}}\nstacks: "
    "{n: {path: ../n, env: '${env.name}'}}",
    "guard: {admin: ['${vars.c}'], ports: [22, 8000-8010], servers: [db]}",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_language_takes_the_editor_takes(text: str) -> None:
    assert errors("version: 1\nstack: shop\n" + text) == []


WRONG: list[tuple[str, str]] = [
    ("instance: {web: {}}", ""),
    (SERVER_LINE % ", flavour: x", "instances.web"),
    (SERVER_LINE % ", power: yes", "instances.web.power"),
    (SERVER_LINE % ", marker: no", "instances.web.marker"),
    (SERVER_LINE % ", count: two", "instances.web.count"),
    (SERVER_LINE % ", count: -1", "instances.web.count"),
    (SERVER_LINE % ", when: maybe", "instances.web.when"),
    (SERVER_LINE % ", ssh_keys: deploy", "instances.web.ssh_keys"),
    (SERVER_LINE % ", depends_on: instances.a", "instances.web.depends_on"),
    (SERVER_LINE % ", lifecycle: {protect: [kill]}", "instances.web.lifecycle.protect"),
    (SERVER_LINE % ", lifecycle: {replace: later}", "instances.web.lifecycle.replace"),
    ("instances: {Web: {}}", "instances"),
    ("instances: {none: {}}", "instances"),
    (
        "firewalls: {web: {rules: {a: {direction: in, protocol: icmp, ports: 1, cidr: c}}}}",
        "firewalls.web.rules.a.protocol",
    ),
    (
        "firewalls: {web: {rules: {a: {direction: in, protocol: tcp, ports: 0, cidr: c}}}}",
        "firewalls.web.rules.a.ports",
    ),
    (
        "firewalls: {web: {rules: {a: {direction: in, protocol: tcp, ports: 80}}}}",
        "firewalls.web.rules.a",
    ),
    (
        "firewalls: {web: {rules: {A: {direction: in, protocol: tcp, ports: 80, cidr: c}}}}",
        "firewalls.web.rules",
    ),
    ("block_storages: {d: {size: 30000}}", "block_storages.d.size"),
    ("variables: {a: {type: text}}", "variables.a.type"),
    ("variables: {a: {default: 1}}", "variables.a"),
    ("environments: {prod: {accept: [everything]}}", "environments.prod.accept.0"),
    ("environments: {prod: {accept: [lockout]}}", "environments.prod.accept.0"),
    ("existing: {firewalls: {a: {id: x, name: y}}}", "existing.firewalls.a"),
    ("outputs: {a: 1}", "outputs.a"),
    ("prices: {ssd: -1}", "prices.ssd"),
    ("moved: {from: instances.a, to: instances.b}", "moved"),
    ("removed: [{from: instances.a}]", "removed.0"),
    ("components: {shop: {with: {a: 1}}}", "components.shop"),
    ("stacks: {n: ../n}", "stacks.n"),
    ("guard: {admin: [10.0.0.0/8]}", "guard"),
    ("version: 2", "version"),
    ("stack: Shop", "stack"),
]


@pytest.mark.parametrize(("text", "where"), WRONG)
def test_a_mistake_is_underlined_at_its_place(text: str, where: str) -> None:
    head = [
        line
        for line in ("version: 1", "stack: shop")
        if line.partition(":")[0] != text.partition(":")[0]
    ]
    assert errors("\n".join([*head, text])) == [where]


def test_a_component_is_checked_by_its_own_schema() -> None:
    head = "version: 1\ncomponent: tier\n"
    assert (
        errors(
            head + "parameters: {n: {type: integer}}\ninstances: {web: {count: '${vars.n}'}}",
            COMPONENT,
        )
        == []
    )
    assert errors(head + "environments: {}", COMPONENT) == [""]
    assert errors(head + "instances: {web: {count: x}}", COMPONENT) == ["instances.web.count"]


def test_the_file_of_a_project_is_checked_by_its_own_schema() -> None:
    assert errors("version: 1\nproject: shop-infra\nstate: s3://b/p?region=kr", PROJECT) == []
    assert errors(WHOLE, PROJECT) == []
    for text, where in (
        ("version: 1\nproject: Shop", "project"),
        ("version: 2\nproject: shop", "version"),
        ("version: 1\nproject: shop\nstate: {url: x}", "state"),
        ("version: 1\nproject: shop\nstat: x", ""),
        ("version: 1\nproject: shop\nquota: {share: 61}", "quota"),
        ("version: 1\nproject: shop\nstacks: {web: {path: x, env: y}}", "stacks.web"),
        ("version: 1\nproject: shop\nrules: [{for: '*', prune: no}]", "rules.0.prune"),
        (
            "version: 1\nproject: shop\nrules: [{for: 'a', windows: [{days: x, zone: UTC}]}]",
            "rules.0.windows.0.days",
        ),
        ("version: 1\nproject: shop\nnotify: [{on: [failed], to: x}]", "notify.0.to"),
        ("version: 1", ""),
    ):
        assert errors(text, PROJECT) == [where], text


def test_every_field_offers_what_it_means_when_one_points_at_it() -> None:
    def walk(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        without = [
            f"{path}.{name}"
            for name, part in node.get("properties", {}).items()
            if "description" not in part and "$ref" not in part
        ]
        inner = [
            walk(part, f"{path}.{name}")
            for name, part in {**node.get("properties", {}), **node.get("$defs", {})}.items()
        ]
        return [*without, *(one for found in inner for one in found)]

    assert (
        walk(schema("stack.schema.json"), "") == []
        and walk(schema("component.schema.json"), "") == []
        and walk(schema("reconciler.schema.json"), "") == []
    )
