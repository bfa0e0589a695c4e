"""Reading YAML strictly: what texts mean, and what is said where they are wrong."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import schema, stack_folder, yaml_errors, yaml_reader
from reconciler.config.document import Scalar, Table, plain
from reconciler.config.loader import load_stack
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from tests import extent


def _value(text: str) -> object:
    document, found = yaml_reader.read(f"a: {text}\n", "x.yaml")
    assert found == ()
    return plain(document.root.entries["a"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", "Null"),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("22.10", 22.1),
        ("2024-01-01", "2024-01-01"),
        ("+5", "+5"),
        ("9" * 30, "9" * 30),
        ("'12'", "12"),
        ('"true"', "true"),
        ("<<", "<<"),
        ("=", "="),
        ("한글 이름", "한글 이름"),
        ('"\\uD55C"', "한"),
        ("[1, a, [b]]", (1, "a", ("b",))),
        ("{x: 1, y: {z: no}}", {"x": 1, "y": {"z": "no"}}),
    ],
)
def test_values_follow_the_language_and_not_yaml_1_1(text: str, value: object) -> None:
    assert _value(text) == value
    assert type(_value(text)) is type(value)


def test_a_number_keeps_its_spelling() -> None:
    document, _ = yaml_reader.read("a: 22.10\n", "x.yaml")
    node = document.root.entries["a"]
    assert isinstance(node, Scalar)
    assert (node.value, node.text) == (22.1, "22.10")


SYNTAX = [
    ("flow expression in a list", "a: [${x}]", "1:5 yaml-quote"),
    ("flow expression in a mapping", "a: {b: ${x.y} }", "1:8 yaml-quote"),
    ("flow expression after a text", "a: {b: x${y}}", "1:9 yaml-quote"),
    ("an index in a list", "a: [web[0]]", "1:8 yaml-quote"),
    ("two colons", "a: b: c", "1:5 yaml-syntax"),
    ("a tab", "a:\n\tb: c", "2:1 yaml-syntax"),
    ("an open quote", 'a: "x\nb: c', "1:4 yaml-syntax"),
    ("an open single quote", "a: 'x", "1:4 yaml-syntax"),
    ("an open list", "a: [b, c\nd: e", "1:4 yaml-syntax"),
    ("an open mapping", "a: {b: c\n", "1:4 yaml-syntax"),
    ("wrong indentation", "a:\n  b: c\n d: e", "3:2 yaml-syntax"),
    ("an at sign", "a: @b", "1:4 yaml-syntax"),
    ("an unknown escape", 'a: "\\q"', "1:5 yaml-syntax"),
    ("a lone surrogate", 'a: "\\ud800"', "1:7 yaml-syntax"),
    ("a control character", "a: b\x07", "1:5 yaml-syntax"),
    ("a zero", "a: b\x00", "1:5 yaml-syntax"),
    ("a second document", "a: 1\n---\nb: 2", "2:1 yaml-syntax"),
    ("a list as key", "[a]: b", "1:1 yaml-syntax"),
    ("a mapping as key", "{a: b}: c", "1:1 yaml-syntax"),
    ("a list for the whole", "- a", "1:1 wrong-type"),
    ("a text for the whole", "hello", "1:1 wrong-type"),
    ("a key twice", "a: 1\nb: 2\na: 3", "3:1 yaml-duplicate-key"),
    ("a key twice below", "a:\n  b: 1\n  b: 2", "3:3 yaml-duplicate-key"),
    ("a key twice in quotes", 'a: 1\n"a": 2', "2:1 yaml-duplicate-key"),
    ("a tag", "a: !!int 3", "1:4 yaml-tag"),
    ("a tag of one's own", "a: !secret x", "1:4 yaml-tag"),
    ("a tag on a mapping", "a: !!map {b: c}", "1:4 yaml-tag"),
    ("an unknown handle", "a: !x!y 1", "1:4 yaml-syntax"),
    ("an unknown alias", "a: *b", "1:4 yaml-alias"),
    ("an alias within itself", "a: &b [*b]", "1:8 yaml-alias"),
    ("an alias of a list as key", "a: &b [c]\n*b : d", "2:1 yaml-syntax"),
    ("a bare tag", "a: ! 1", "1:4 yaml-tag"),
    ("too deep", "a: " + "[" * 80 + "]" * 80, "1:67 yaml-depth"),
]


@pytest.mark.parametrize(
    ("text", "wanted"), [row[1:] for row in SYNTAX], ids=[row[0] for row in SYNTAX]
)
def test_broken_yaml_is_reported_with_its_place(text: str, wanted: str) -> None:
    _, found = yaml_reader.read(text, "x.yaml")
    assert [f"{p.place.line}:{p.place.column} {p.code}" for p in found if p.place] == [wanted]


def test_several_mistakes_of_one_file_are_reported_together() -> None:
    _, found = yaml_reader.read("a: 1\na: 2\nb: !x y\nc: *d\n", "x.yaml")
    assert [problem.code for problem in found] == ["yaml-duplicate-key", "yaml-tag", "yaml-alias"]


def test_a_quoting_hint_is_given_if_a_colon_breaks_an_expression() -> None:
    _, found = yaml_reader.read("count: ${vars.big ? 1 : 2}\n", "x.yaml")
    assert found[0].hint == 'put a string with `${...}` that contains `: ` in quotes: "${...}"'


def test_places_count_characters_not_bytes() -> None:
    document, _ = yaml_reader.read("# 주석\n가: {나: 다, d: e}\n", "x.yaml")
    inner = document.root.entries["가"]
    assert isinstance(inner, Table)
    assert (inner.entries["d"].line, inner.entries["d"].column) == (2, 14)
    assert str(inner.key_place("d")) == "x.yaml:2:11"


def test_places_of_expressions_are_found_in_quotes_and_blocks() -> None:
    document, _ = yaml_reader.read('a: "x ${b} ${c}"\nd: |\n  e\n  ${f}\n', "x.yaml")
    first, second = document.root.entries["a"], document.root.entries["d"]
    assert isinstance(first, Scalar)
    assert isinstance(second, Scalar)
    assert first.expressions_at == ((1, 7), (1, 12))
    assert second.expressions_at == ((4, 3),)


def test_aliases_stand_for_what_they_name() -> None:
    document, found = yaml_reader.read("a: &x {b: 1}\nc: *x\n", "x.yaml")
    assert found == ()
    assert plain(document.root) == {"a": {"b": 1}, "c": {"b": 1}}


def test_an_anchor_may_be_defined_again() -> None:
    document, found = yaml_reader.read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "x.yaml")
    assert found == ()
    assert plain(document.root) == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize("anchor", ["", "z: &z 1\n"], ids=["composed in C", "in Python"])
@pytest.mark.parametrize("end", ["[[,", "[" * 80, "\n---\n", "*none"])
def test_mistakes_before_the_end_of_the_reading_are_reported(anchor: str, end: str) -> None:
    text = f"{anchor}a: 1\na: 2\nb: {{c: !x y, d: [1, !w 2, {end}"
    _, found = yaml_reader.read(text, "x.yaml")
    assert [problem.code for problem in found[:-1]][:3] == [
        "yaml-duplicate-key",
        "yaml-tag",
        "yaml-tag",
    ]
    assert len(found) == len(set(found))


def test_aliases_that_unfold_to_too_much_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    begun = time.process_time()
    _, found = yaml_reader.read("\n".join(lines), "x.yaml")
    assert [problem.code for problem in found] == ["yaml-alias"]
    assert time.process_time() - begun < 2


def test_an_empty_file_is_an_empty_document() -> None:
    document, found = yaml_reader.read("# nothing\n", "x.yaml")
    assert found == ()
    assert document.root.entries == {}


def test_so_many_mistakes_end_the_reading() -> None:
    _, found = yaml_reader.read("\n".join(f"a: {n}" for n in range(5000)), "x.yaml")
    assert len(found) == yaml_reader.PROBLEMS_MAX


# Files and folders


def test_a_folder_is_one_stack(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nstack: shop\ninstances:\n  web: {}\n")
    (tmp_path / "b.yaml").write_text("instances:\n  db: {}\nfirewalls:\n  web: {}\n")
    (tmp_path / "notes.txt").write_text("not: [read")
    (tmp_path / ".hidden.yaml").write_text("not: [read")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.yaml").write_text("not: [read")
    document, found = stack_folder.load(tmp_path)
    assert found == ()
    assert plain(document.root) == {
        "version": 1,
        "stack": "shop",
        "instances": {"web": {}, "db": {}},
        "firewalls": {"web": {}},
    }


def test_a_key_defined_in_two_files_is_reported_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nstack: shop\ninstances:\n  web: {}\n")
    (tmp_path / "b.yaml").write_text("version: 1\ninstances:\n\n  web: {}\n")
    _, found = stack_folder.load(tmp_path)
    assert [(problem.code, str(problem.place)) for problem in found] == [
        ("yaml-duplicate-key", f"{tmp_path}/b.yaml:1:1"),
        ("yaml-duplicate-key", f"{tmp_path}/b.yaml:4:3"),
    ]
    assert f"{tmp_path}/a.yaml:4:3" in found[1].message


def test_lists_of_checks_and_moves_in_several_files_are_one_list(tmp_path: Path) -> None:
    texts = {
        "a.yaml": "version: 1\nstack: shop\ninstances: {b: {}, d: {}}\nremoved:\n"
        "assert: [{check: true, message: one}]\nmoved: [{from: instances.a, to: instances.b}]\n",
        "b.yaml": "assert: [{check: '${1 > 2}', message: two}]\n"
        "moved: [{from: instances.c, to: instances.d}]\n"
        "removed: [{from: instances.e, keep: true}]\n",
        "c.yaml": "moved:\nguard: {admin: [10.0.0.0/8], ports: [22]}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    document, found = stack_folder.load(tmp_path)
    assert found == ()
    content: Any = plain(document.root)
    assert [item["message"] for item in content["assert"]] == ["one", "two"]
    assert [item["from"] for item in content["moved"]] == ["instances.a", "instances.c"]
    assert [item["from"] for item in content["removed"]] == ["instances.e"]
    with pytest.raises(Abort) as abort:
        load_stack(tmp_path, environment=None)
    failed = [str(problem.place) for problem in abort.value.problems if problem.code == "assert"]
    assert failed == [f"{tmp_path}/b.yaml:1:18"]


def test_existing_objects_of_one_kind_may_stand_in_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("existing: {firewalls: {a: {id: A}}}\n")
    (tmp_path / "b.yaml").write_text("existing: {firewalls: {b: {id: B}}}\nlocals:\n")
    (tmp_path / "c.yaml").write_text("locals: {x: 1}\n")
    document, found = stack_folder.load(tmp_path)
    assert found == ()
    assert plain(document.root) == {
        "existing": {"firewalls": {"a": {"id": "A"}, "b": {"id": "B"}}},
        "locals": {"x": 1},
    }


def test_a_missing_file_or_folder_is_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        document, found = stack_folder.load(path)
        assert [problem.code for problem in found] == ["file-missing"]
        assert not document.whole


def _beside(folder: Path, name: str, text: str = "firewalls: {web: {}}\n") -> tuple[Problem, ...]:
    (folder / "stack.yaml").write_text("version: 1\nstack: shop\n", encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    document, found = stack_folder.load(folder)
    assert document.whole is not bool(found)
    return found


@pytest.mark.parametrize("name", ["common.yml", "common.YAML", "common.Yml"])
def test_a_part_of_a_stack_that_is_not_read_is_reported(tmp_path: Path, name: str) -> None:
    # Goal: what was skipped in silence was planned for deletion.
    found = _beside(tmp_path, name)
    assert [(p.code, p.message, p.hint) for p in found] == [
        (
            "file-missing",
            f"{tmp_path / name} contains part of a stack, but only *.yaml files of the folder are "
            f"read",
            f"rename {name} to common.yaml, or move it out of the folder",
        )
    ]


@pytest.mark.parametrize(
    "text", ["instances: {a: *nowhere}\n", "instances:\n\ta: 1\n", "guard: {{ x }}\n"]
)
def test_a_yml_file_with_mistakes_is_reported_as_part_of_the_stack(
    tmp_path: Path, text: str
) -> None:
    assert [p.code for p in _beside(tmp_path, "common.yml", text)] == ["file-missing"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("docker-compose.yml", "services: {web: {image: nginx}}\nvolumes: {}\n"),
        ("values.yml", "n: 3\n"),
        ("part.yml", "version: 1\ncomponent: web\ninstances: {a: {}}\n"),
        ("odd.yml", "\t- {{ jinja }}"),
        ("empty.yml", ""),
        (".common.yml", "firewalls: {}\n"),
        ("common.yaml~", "firewalls: {}\n"),
    ],
)
def test_other_files_in_the_folder_are_left_alone(tmp_path: Path, name: str, text: str) -> None:
    assert _beside(tmp_path, name, text) == ()


def test_a_broken_link_in_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").symlink_to("../gone.yaml")
    (tmp_path / "stack.yaml").write_text("version: 1\nstack: shop\n")
    document, found = stack_folder.load(tmp_path)
    assert [(p.message, p.hint) for p in found] == [
        (
            f"{tmp_path / 'common.yaml'} is a link to ../gone.yaml, which does not exist",
            "restore the target, or delete the link",
        )
    ]
    assert not document.whole
    assert [p.message for p in stack_folder.load(tmp_path / "common.yaml")[1]] == [found[0].message]


def test_an_entry_of_the_folder_that_is_not_a_file_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "common.yaml")
    (tmp_path / "stack.yaml").write_text("version: 1\nstack: shop\n")
    assert [p.message for p in stack_folder.load(tmp_path)[1]] == [
        f"{tmp_path / 'common.yaml'} is not a regular file"
    ]


def test_a_folder_with_only_a_yml_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "stack.yml").write_text("version: 1\nstack: shop\n")
    _, found = stack_folder.load(tmp_path)
    assert found[0].message == f"{tmp_path} contains no stack: no *.yaml file"
    assert found[0].hint == "rename stack.yml to stack.yaml, or move it out of the folder"


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"a: \xff", "file-encoding", "1:4"),
        (b"\xff\xfea\x00", "file-encoding", "1:1"),
        ("가: 나\nb: ".encode() + b"\xed\xa0\x80", "file-encoding", "2:4"),
        (b"a" * (4 * 1024 * 1024 + 1), "file-too-large", "1:1"),
    ],
)
def test_a_file_that_is_not_text_is_reported(
    tmp_path: Path, data: bytes, code: str, place: str
) -> None:
    path = tmp_path / "stack.yaml"
    path.write_bytes(data)
    _, found = stack_folder.load(path)
    assert [(problem.code, str(problem.place)) for problem in found] == [(code, f"{path}:{place}")]


def test_a_byte_order_mark_at_the_beginning_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    document, found = stack_folder.load(path)
    assert found == ()
    assert plain(document.root) == {"version": 1}


def test_a_folder_named_like_a_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    (tmp_path / "y.yaml").write_text("version: 1\n")
    document, found = stack_folder.load(tmp_path)
    assert found == ()
    assert document.files == (f"{tmp_path}/y.yaml",)


def test_garbage_collection_is_as_it_was_before() -> None:
    assert gc.isenabled()
    yaml_reader.read("a: [", "x.yaml")
    assert gc.isenabled()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_reported_and_never_raise(data: bytes) -> None:
    problems: list[Problem] = []
    text = yaml_errors.decode(data, "x.yaml", problems)
    if text is not None:
        yaml_reader.read(text, "x.yaml")


YAML_LIKE = st.lists(
    st.sampled_from(
        [
            "a",
            "b: ",
            ": ",
            "- ",
            "\n",
            "\n  ",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&x ",
            "*x",
            "!!str ",
            '"',
            "'",
            "|",
            ">",
            "#",
            "?",
            "%",
            "---",
            "...",
            "\t",
            "${",
            "\\",
            "<<",
            "1",
            "가",
        ]
    ),
    max_size=40,
)


@settings(max_examples=extent.examples(300))
@given(YAML_LIKE)
def test_any_text_made_of_yaml_is_read_or_reported(parts: list[str]) -> None:
    document, found = yaml_reader.read("".join(parts), "x.yaml")
    assert isinstance(document.root, Table)
    for problem in found:
        assert problem.place is not None
        assert problem.place.line >= 1
        assert problem.place.column >= 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 100_000,
        "a: &b\n" * 50_000,
        "? " * 50_000,
        "a:\n" + " " * 200_000,
        '"' + "\\x41" * 100_000,
    ],
)
def test_hostile_texts_are_refused_in_bounded_time(text: str) -> None:
    begun = time.process_time()
    yaml_reader.read(text, "x.yaml")
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("text", "code"),
    [("n: 3\nm: 4\n", "unknown-key"), ("- a\n", "wrong-type"), ("hello\n", "wrong-type")],
)
def test_an_unrelated_file_beside_a_stack_is_reported_once_with_a_hint(
    tmp_path: Path, text: str, code: str
) -> None:
    # Goal: values for `--var-file`, a file of a CI: somebody will lay one there.
    (tmp_path / "stack.yaml").write_text(
        "version: 1\nstack: shop\ninstanses: {}\n", encoding="utf-8"
    )
    (tmp_path / "values.yaml").write_text(text, encoding="utf-8")
    document, found = stack_folder.load(tmp_path)
    told = [
        p
        for p in (*found, *schema.check(document))
        if p.place is not None and p.place.file.endswith("values.yaml")
    ]
    assert [(p.code, p.place.line, p.hint) for p in told if p.place is not None] == [
        (code, 1, yaml_errors.ALL_OF_THE_FOLDER)
    ]
    (tmp_path / "values.yaml").write_text("firewals: {}\n", encoding="utf-8")
    document, _ = stack_folder.load(tmp_path)
    assert [p.hint for p in schema.check(document)] == [
        "did you mean `instances`?",
        "did you mean `firewalls`?",
    ]
