"""`fmt`: the layout changes, the meaning never does, and a second run changes nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import yaml_reader
from reconciler.config.document import Node, Scalar, Table
from reconciler.importing.yaml_format import formatted
from tests import extent

UGLY = """\


version: 1
stack:   shop\x20\x20
variables:
    size: {type: string,   default: a}   # why
    # about replicas
    replicas:
        type: integer
        # last of replicas
firewalls:
    web:
        # rules
        rules:
            https: {direction: in,  protocol: tcp,
                    ports: 443, cidr: 0.0.0.0/0}\x20


            ssh:   {direction: in, protocol: tcp, ports: 22, cidr: 0.0.0.0/0}
# the servers
instances:
    웹: &a
        ssh_keys:
        -   ops
        -   "한글 키"
        user_script: |
              #!/bin/sh
                indented\x20\x20

        depends_on:
            - firewalls.web
    b: *a
    c:
        description: a long
            plain text
        user_script: |2
               kept
            less
guard: {admin: [1.2.3.4/32]}
prices: {ssd: 120}
moved:
-   from: a
    to: b
outputs:
    a:
        value: x
        # last


"""

CANONICAL = """\
version: 1
stack:   shop

variables:
  size: {type: string,   default: a}   # why
  # about replicas
  replicas:
    type: integer
    # last of replicas

firewalls:
  web:
    # rules
    rules:
      https: {direction: in,  protocol: tcp,
              ports: 443, cidr: 0.0.0.0/0}

      ssh:   {direction: in, protocol: tcp, ports: 22, cidr: 0.0.0.0/0}

# the servers
instances:
  웹: &a
    ssh_keys:
      - ops
      - "한글 키"
    user_script: |
      #!/bin/sh
        indented\x20\x20

    depends_on:
      - firewalls.web
  b: *a
  c:
    description: a long
        plain text
    user_script: |2
           kept
        less

guard: {admin: [1.2.3.4/32]}
prices: {ssd: 120}

moved:
  - from: a
    to: b

outputs:
  a:
    value: x
    # last
"""


def data(text: str) -> object:
    """What a text means to the reader of stack files, with the spelling of every value."""

    def of(node: Node) -> object:
        if isinstance(node, Scalar):
            return (node.value, node.text, node.quoted)
        if isinstance(node, Table):
            return [(key, of(value)) for key, value in node.entries.items()]
        return [of(item) for item in node.items]

    document, problems = yaml_reader.read(text, "stack.yaml")
    return of(document.root), [problem.code for problem in problems]


def check(text: str) -> str:
    """The formatted text, of which everything holds that always must."""
    made, problems = formatted(text, "stack.yaml")
    assert problems == ()
    assert made is not None
    assert data(made) == data(text)
    assert "".join(made.split()) == "".join(text.split())
    assert formatted(made, "stack.yaml") == (made, ())
    return made


def test_the_layout_becomes_canonical() -> None:
    assert check(UGLY) == CANONICAL


def test_line_ends_of_another_system_stay() -> None:
    made = check(UGLY.replace("\n", "\r\n"))
    assert made == CANONICAL.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "a: 1",
        "---\na:\n    b: 1\n",
        "a: |\n    kept",
        "a: |+\n    kept\n\n\n\nb: 1\n",
        "a: >-\n       folded\n\n         more\n   # no content\nb:\n    c: 1\n",
        "a:\n    - - 1\n      -   2\n    -\n      b: 1\n",
        "a: [1,\n2,\n      3]\nb:\n    c: 1\n",
        "a:\n    'single\n  quoted\n\n text'\n",
        "? explicit\n: value\nb:\n    c: 1\n",
        "a:\n    b: &x !!str text\n    c: *x\n",
        "a:\n    b: ''\n\n\n    # 설명\n\n    c: \"#no comment\"\n",
        "a:\n\n\n# end\n",
        "a:\n b: 1\n # left of all\n",
        "  a:\n # left of all\n    b: 1\n",
    ],
)
def test_the_meaning_stays(text: str) -> None:
    made, _ = formatted(text, "stack.yaml")
    assert made is not None
    assert data(made) == data(text)
    assert formatted(made, "stack.yaml") == (made, ())


def test_a_list_in_the_column_of_its_key_is_indented() -> None:
    before = "a:\n    b:\n    - 1\n    -   c: 2\n        d:\n        - 3\ne: 4\n"
    made = "a:\n  b:\n    - 1\n    - c: 2\n      d:\n        - 3\n\ne: 4\n"
    assert check(before) == made


def test_a_value_that_a_repeated_key_hides_stays_where_it_is() -> None:
    text = "a:\n    b: 1\nc:\n    d:\n    - 1\n    d: &x !t\n    - 2\n"
    made, _ = formatted(text, "stack.yaml")
    assert made is not None
    assert yaml_reader.meaning(made) == yaml_reader.meaning(text)


def test_a_file_that_is_not_yaml_is_reported() -> None:
    made, problems = formatted("a: [1\n", "stack.yaml")
    assert made is None
    assert [problem.code for problem in problems] == ["yaml-syntax"]


EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples").rglob("*.yaml")
    if "policies" not in path.parts  # `fmt` is for stack files
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_are_in_canonical_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert check(text) == text


TEXTS = st.text(
    alphabet=st.sampled_from("ab c:#-'\"\\{}[],&*!|>%@`한글가\n$_0123456789."), max_size=12
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A YAML file as people and programs may write it, with comments and blank lines."""
    text = yaml.safe_dump(
        draw(st.dictionaries(st.from_regex(r"[a-z가]{1,6}", fullmatch=True), VALUES, max_size=4)),
        allow_unicode=draw(st.booleans()),
        default_flow_style=draw(st.sampled_from([None, True, False])),
        default_style=draw(st.sampled_from([None, None, '"', "'", "|"])),
        indent=draw(st.integers(2, 6)),
        width=draw(st.sampled_from([10, 40, 200])),
        sort_keys=False,
    )
    lines = []
    for line in text.split("\n"):
        is_entry = re.match(r" *[a-z가]{1,6}:( |$)", line) is not None
        if is_entry and draw(st.integers(0, 3)) == 0:
            lines.append(draw(st.sampled_from(["", "# 설명", "\n\n", "   # odd"])))
        lines.append(line)
    return "\n".join(lines)


@settings(max_examples=extent.examples(150), deadline=None)
@given(files())
def test_any_file_keeps_its_meaning(text: str) -> None:
    made, problems = formatted(text, "stack.yaml")
    if made is None:
        assert problems
        return
    assert data(made) == data(text)
    assert "".join(made.split()) == "".join(text.split())
    again, _ = formatted(made, "stack.yaml")
    assert again == made
