"""The schema: what the program says of a wrong form, what editors make of the examples, and that
both are the same file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.config import builder, requirements, schema, stack_folder, variables, yaml_reader
from tests import extent
from tests.stackfiles import HEAD, problems

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "stacks").glob("*/*.yaml"))


def rule(words: str) -> str:
    return f"firewalls: {{w: {{rules: {{a: {{direction: {words}, ports: 80, cidr: 0.0.0.0/0}}}}}}}}"


WRONG = [
    (
        "a key misspelled",
        "instances: {a: {flavr: x}}",
        "3:17 unknown-key",
        "`flavr` is not a known key in instances.a",
        "did you mean `flavor`?",
    ),
    (
        "a section misspelled",
        "instance: {}",
        "3:1 unknown-key",
        "`instance` is not a known key",
        "did you mean `instances`?",
    ),
    (
        "another tool's word",
        "servers: {}",
        "3:1 unknown-key",
        "`servers` is not a known key",
        "write `instances`",
    ),
    (
        "a merge key in quotes",
        "instances: {a: {'<<': 1}}",
        "3:17 unknown-key",
        "`<<` is not a known key in instances.a",
        "write `<<` without quotes to add the entries of another mapping",
    ),
    (
        "no for false",
        "firewalls: {w: {icmp: no}}",
        "3:23 wrong-type",
        "`icmp` must be true or false or `${...}`, not `no`",
        "write false",
    ),
    (
        "True for true",
        "firewalls: {w: {icmp: True}}",
        "3:23 wrong-type",
        "`icmp` must be true or false or `${...}`, not `True`",
        "write true",
    ),
    (
        "a boolean in quotes",
        'firewalls: {w: {icmp: "true"}}',
        "3:23 wrong-type",
        "`icmp` must be true or false or `${...}`, not `true`",
        "write true, without quotes",
    ),
    (
        "a boolean for a text",
        "instances: {a: {name: true}}",
        "3:23 wrong-type",
        "`name` must be a string, not `true`",
        'put it in quotes: "true"',
    ),
    (
        "a text for a number",
        'instances: {a: {count: "2"}}',
        "3:24 wrong-type",
        "`count` must be a whole number or `${...}`, not `2`",
        "write 2, without quotes",
    ),
    (
        "a fraction",
        "block_storages: {a: {size: 1.5}}",
        "3:28 wrong-type",
        "`size` must be a whole number or `${...}`, not `1.5`",
        None,
    ),
    (
        "a text for a list",
        "instances: {a: {ssh_keys: deploy}}",
        "3:27 wrong-type",
        "`ssh_keys` must be a list or `${...}`, not `deploy`",
        "write [deploy]",
    ),
    (
        "a list for a text",
        "instances: {a: {firewall: [w]}}",
        "3:27 wrong-type",
        "`firewall` must be a string, not a list",
        None,
    ),
    (
        "a word not allowed",
        "instances: {a: {power: onn}}",
        "3:24 not-allowed",
        "`power` must be one of on, off, not `onn`",
        "did you mean `on`?",
    ),
    (
        "a number too small",
        "instances: {a: {count: -1}}",
        "3:24 out-of-bounds",
        "`count` must be 0 to 10,000, not `-1`",
        None,
    ),
    ("an empty text", 'instances: {a: {zone: ""}}', "3:23 bad-format", "`zone` is empty", None),
    (
        "a bad key",
        "instances: {Web: {}}",
        "3:13 bad-format",
        "`Web`: use a-z, 0-9 and _, starting with a letter, at most 24 characters",
        None,
    ),
    (
        "a bad rule key",
        "firewalls: {w: {rules: {-a: {direction: in, protocol: tcp, ports: 1, cidr: 0.0.0.0/0}}}}",
        "3:25 bad-format",
        "`-a`: use a-z, 0-9, ., _ and -, starting with a letter or digit, at most 25 characters",
        None,
    ),
    (
        "a bad lookup",
        "instances: {a: {image: {os: u}}}",
        "3:24 missing-key",
        "`image` has no `version`",
        None,
    ),
    (
        "a key in a lookup",
        "instances: {a: {zone: {id: z, nme: 1}}}",
        "3:31 unknown-key",
        "`nme` is not a known key in instances.a.zone",
        None,
    ),
    ("the wrong version", "", "1:10 not-allowed", "`version` must be 1, not `2`", "write 1"),
    (
        "a list twice",
        "instances: {a: {ssh_keys: [a, a]}}",
        "3:27 not-allowed",
        "`ssh_keys` contains a duplicate value",
        None,
    ),
    (
        "an existing object by two",
        "existing: {firewalls: {o: {id: A, name: b}}}",
        "3:27 bad-format",
        "`o` must have one of `id`, `name`",
        None,
    ),
    (
        "consent for lockout everywhere",
        "environments: {prod: {accept: [lockout]}}",
        "3:32 bad-format",
        "`lockout` is not a valid `accept`",
        None,
    ),
    (
        "a variable without type",
        "variables: {a: {default: 1}}",
        "3:16 missing-key",
        "`a` has no `type`",
        None,
    ),
    (
        "a list of other words",
        "instances: {a: {lifecycle: {protect: all}}}",
        "3:38 wrong-type",
        "`protect` must be true or false or a list",
        "write true or false, or a list of delete, detach, rebuild, replace, resize, stop",
    ),
    (
        "a size with its unit",
        "block_storages: {a: {size: 100GB}}",
        "3:28 wrong-type",
        "`size` must be a whole number",
        "write 100",
    ),
    (
        "a key with a dash",
        "instances: {web-1: {}}",
        "3:13 bad-format",
        "`web-1`: use a-z, 0-9",
        "write `web_1`",
    ),
    (
        "a stack with a line",
        "environments: {big_prod: {}}",
        "3:16 bad-format",
        "`big_prod`: use a-z, 0-9 and -",
        "write `big-prod`",
    ),
    (
        "a title for a key",
        "firewalls: {w: {rules: {웹: {direction: in, protocol: tcp, ports: 80, cidr: 0.0.0.0/0}}}}",
        "3:25 bad-format",
        "`웹`: use a-z, 0-9, ., _ a",
        'write the key in these letters and add `title: "웹"`',
    ),
    (
        "another tool's direction",
        rule("ingress, protocol: tcp"),
        "3:40 not-allowed",
        "`direction` must be one of",
        "did you mean `in`?",
    ),
    (
        "capitals",
        rule("in, protocol: TCP"),
        "3:54 not-allowed",
        "`protocol` must be one of tcp, udp, not `TCP`",
        "did you mean `tcp`?",
    ),
    (
        "ping as a protocol",
        rule("in, protocol: icmp"),
        "3:54 not-allowed",
        "`protocol` must be one of tcp, udp, not `icmp`",
        "allow ping with `icmp: true` on the firewall",
    ),
    (
        "another tool's power",
        "instances: {a: {power: stopped}}",
        "3:24 not-allowed",
        "`power` must be one of on, off",
        "did you mean `off`?",
    ),
    (
        "a word of another tool",
        "modules: {}",
        "3:1 unknown-key",
        "`modules` is not a known key",
        None,
    ),
]


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_form_is_reported_in_our_own_words(
    text: str, where: str, message: str, hint: str | None
) -> None:
    head = HEAD.replace("1", "2") if not text else HEAD
    document, found = yaml_reader.read(head + text, "stack.yaml")
    assert found == ()
    first = schema.check(document)[0]
    assert first.place is not None
    assert (
        f"{first.place.line}:{first.place.column} {first.code}",
        first.message[: len(message)],
    ) == (where, message)
    if hint is not None:
        assert first.hint == hint


def test_what_is_missing_at_the_top_is_reported() -> None:
    document, _ = yaml_reader.read("instances: {}", "stack.yaml")
    assert [problem.message for problem in schema.check(document)] == [
        "the stack has no `version` and `stack`"
    ]


def test_a_number_in_place_of_text_keeps_its_spelling() -> None:
    assert (
        problems(HEAD + "instances: {a: {name: 22.10, image: {os: ubuntu, version: 22.10}}}") == ()
    )


# Editors


def _as_an_editor_reads(text: str) -> Any:
    """YAML 1.2, as language servers read it: only true and false are booleans."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in found
            if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null")
        ]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    import re

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf")
    )
    return yaml.load(text, Loader=Loader)


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(schema.load("stack"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_is_right_for_the_program_and_for_an_editor(path: Path) -> None:
    document, found = stack_folder.load(path.parent)
    assert found == ()
    assert schema.check(document) == ()
    text = path.read_text(encoding="utf-8")
    assert (
        list(Draft202012Validator(schema.load("stack")).iter_errors(_as_an_editor_reads(text)))
        == []
    )
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (
        path.parent / first.partition("=")[2]
    ).resolve() == ROOT / "schemas" / "stack.schema.json"


OTHERS = {"network": {"outputs": {"jump_address": "203.0.113.1", "jump_private": "10.0.0.1"}}}
"""What the stack in `network` gives to the one in `app`."""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_builds_in_each_environment_and_lacks_nothing(path: Path) -> None:
    document, _ = stack_folder.load(path.parent)
    for environment in builder.environments(document) or (None,):
        stack, found = builder.build(document, environment=environment, stacks=OTHERS)
        assert stack is not None, found
        assert found == ()
        assert requirements.demands(stack) == ()
        assert not list(builder.equal_names(stack))


@pytest.mark.parametrize(
    "text", [row[1] for row in WRONG if row[1]], ids=[row[0] for row in WRONG if row[1]]
)
def test_what_the_program_refuses_an_editor_refuses_too(text: str) -> None:
    assert list(
        Draft202012Validator(schema.load("stack")).iter_errors(_as_an_editor_reads(HEAD + text))
    )


def _parts(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        for key, member in part.get("properties", {}).items():
            yield f"{path}.{key}", member
            yield from _parts(member, f"{path}.{key}")
        for key in ("additionalProperties", "items"):
            yield from _parts(part.get(key), path)
        for branch in part.get("anyOf", ()):
            yield from _parts(branch, path)
        for key, member in part.get("$defs", {}).items():
            yield from _parts(member, f"{path}#{key}")


def test_every_key_is_described_for_those_who_hover_over_it() -> None:
    bare = [
        path
        for path, member in _parts(schema.load("stack"))
        if "description" not in member and "$ref" not in member
    ]
    assert bare == []


def test_the_schema_and_the_program_know_the_same_words() -> None:
    defs = schema.load("stack")["$defs"]
    assert tuple(defs["variable"]["properties"]["type"]["enum"]) == variables.TYPES
    protect = defs["protect"]["anyOf"][1]["items"]["enum"]
    assert protect == ["delete", "detach", "rebuild", "replace", "resize", "stop"]


@pytest.mark.parametrize("name", ["stack", "component", "event", "project_plan"])
def test_the_schema_files_match_the_tables_of_the_kinds(name: str) -> None:
    # Editors read the files; RENEW_GOLDEN=1 writes them.
    path = ROOT / "schemas" / f"{name}.schema.json"
    wanted = json.dumps(schema.load(name), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(wanted, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == wanted


# Never a traceback

WHOLE = (ROOT / "examples" / "stacks" / "environments" / "stack.yaml").read_text(encoding="utf-8")
PIECES = [
    "",
    " ",
    "\n",
    "  ",
    "a",
    "1",
    "-1",
    "true",
    "null",
    "none",
    "[]",
    "{}",
    "[",
    "}",
    '"',
    ":",
    "${",
    "}",
    "${vars.x}",
    "${instances.web[0].name}",
    "*",
    "&a ",
    "web[0]",
    "가",
    "0.0.0.0/0",
    "count",
    "for_each",
    "#",
    "\t",
]


@settings(max_examples=extent.examples(250))
@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), st.sampled_from(PIECES)),
        min_size=1,
        max_size=4,
    )
)
def test_a_mutated_stack_is_built_or_reported(edits: list[tuple[int, int, str]]) -> None:
    text = WHOLE
    for position, cut, piece in edits:
        text = text[:position] + piece + text[position + cut :]
    found = problems(text, environment="prod")
    assert all(problem.message for problem in found)


SCALARS = st.sampled_from(
    [
        "x",
        "none",
        "1",
        "true",
        "null",
        "''",
        "${vars.a}",
        '"${instances.a.id}"',
        '"${count.index}"',
        "web",
        "a[0]",
        "9999999",
        "-1",
        "1.5",
        "[]",
        "{}",
        "[a]",
        "{id: a}",
        "{a: b}",
    ]
)
KEYS = st.sampled_from(
    [
        "zone",
        "flavor",
        "image",
        "name",
        "firewall",
        "instance",
        "count",
        "for_each",
        "when",
        "depends_on",
        "lifecycle",
        "import",
        "rules",
        "size",
        "type",
        "icmp",
        "marker",
        "power",
        "ssh_keys",
        "value",
        "default",
        "a",
    ]
)
SECTIONS = st.sampled_from(
    [
        "instances",
        "firewalls",
        "block_storages",
        "variables",
        "locals",
        "outputs",
        "existing",
        "environments",
        "defaults",
        "prices",
    ]
)


@settings(max_examples=extent.examples(250))
@given(
    st.dictionaries(
        SECTIONS,
        st.dictionaries(
            st.sampled_from(["a", "b", "instances", "firewalls", "A"]),
            st.dictionaries(KEYS, SCALARS, max_size=4),
            max_size=3,
        ),
        max_size=5,
    )
)
def test_any_shape_is_built_or_reported(sections: dict[str, dict[str, dict[str, str]]]) -> None:
    lines = [HEAD.rstrip()]
    for section, members in sections.items():
        lines.append(f"{section}:")
        for name, entries in members.items():
            lines.append(f"  {name}:")
            lines += [f"    {key}: {value}" for key, value in entries.items()]
    text = "\n".join(lines)
    document, found = yaml_reader.read(text, "stack.yaml")
    assert found == ()
    form = schema.check(document)
    stack, meaning = builder.build(
        document, environment="a" if "a" in builder.environments(document) else None
    )
    assert (stack is None) == any(problem.severity.value == "error" for problem in meaning) or form
    if stack is not None:
        requirements.demands(stack)
        list(builder.equal_names(stack))
