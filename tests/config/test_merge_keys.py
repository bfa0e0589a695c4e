"""Anchors under `x-...` keys, and merge keys: what a stack means with them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import loader, stack_folder, yaml_reader
from reconciler.config.document import plain
from tests.builders import at
from tests.stackfiles import HEAD, built, the_problem, told


def _read(text: str) -> object:
    document, found = yaml_reader.read(text, "x.yaml")
    assert found == ()
    return plain(document.root)["value"]  # type: ignore[index,call-overload]


A, B = "x-a: &a {k: 1, l: 1}\n", "x-b: &b {l: 2, m: 2}\n"


@pytest.mark.parametrize(
    ("value", "means"),
    [
        ("{<<: *a}", {"k": 1, "l": 1}),
        ("{<<: *a, k: 9}", {"k": 9, "l": 1}),
        ("{k: 9, <<: *a}", {"k": 9, "l": 1}),
        ("{<<: [*a, *b]}", {"k": 1, "l": 1, "m": 2}),
        ("{<<: [*b, *a]}", {"k": 1, "l": 2, "m": 2}),
        ("{<<: {k: 3}}", {"k": 3}),
        ("{<<: []}", {}),
        ("{<<: &c {<<: *a, k: 5}, n: 0}", {"k": 5, "l": 1, "n": 0}),
        ("{k: null, <<: *a}", {"k": None, "l": 1}),
        ("{'k': 7, <<: *a}", {"k": 7, "l": 1}),
    ],
)
def test_own_keys_win_over_merged_ones_and_earlier_over_later(value: str, means: object) -> None:
    assert _read(f"{A}{B}value: {value}\n") == means


KEYS = st.dictionaries(st.sampled_from("klmn"), st.integers(0, 9), max_size=3)


@settings(max_examples=60)
@given(KEYS, st.lists(KEYS, max_size=3))
def test_a_merge_means_what_yaml_1_1_says(
    own: dict[str, int], merged: list[dict[str, int]]
) -> None:
    def flow(members: dict[str, int]) -> str:
        return "{" + ", ".join(f"{key}: {value}" for key, value in members.items()) + "}"

    sources = ", ".join(map(flow, merged))
    body = ", ".join([f"<<: [{sources}]", flow(own)[1:-1]]).removesuffix(", ")
    assert _read(f"value: {{{body}}}\n") == yaml.safe_load(f"value: {{{body}}}")["value"]


STACK = """\
x-server: &server
  zone: kr1-z01
  flavor: std_1.2-g1
  image: {os: ubuntu, version: "24.04"}
x-rules: &rules
  ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}
firewalls:
  web:
    rules:
      <<: *rules
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
  db: {rules: *rules}
instances:
  web: {<<: *server, count: 2, flavor: std_2.4-g1, firewall: web}
  db: {<<: *server, firewall: db}
"""
PLAIN = """\
firewalls:
  web:
    rules:
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
  db: {rules: {ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}}
instances:
  web:
    count: 2
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "24.04"}
    firewall: web
  db: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "24.04"}, firewall: db}
"""


def test_anchors_and_merges_do_not_change_the_digest() -> None:
    # Goal: only what takes effect counts, so a saved plan survives a new way to write the same.
    assert built(HEAD + STACK).digest == built(HEAD + PLAIN).digest
    assert built(HEAD + STACK + "x-note: {a: [1]}\n").digest == built(HEAD + PLAIN).digest


def test_a_merged_value_keeps_the_place_where_it_is_written() -> None:
    stack = built(HEAD + STACK)
    places = stack.resources[at("instances.web[0]")].places
    assert (places["zone"].line, places["flavor"].line) == (4, 16)
    assert told(HEAD + STACK.replace("kr1-z01", "[]")) == ["4:9 wrong-type"]


@pytest.mark.parametrize(
    ("text", "told_"),
    [
        ("instances: {a: {<<: 1}}", ["3:21 yaml-merge"]),
        ("instances: {a: {<<: [{}, 1, x]}}", ["3:26 yaml-merge", "3:29 yaml-merge"]),
        ("instances: {a: {<<: }}", ["3:21 yaml-merge"]),
        ("instances: {a: {<<: *base}}", ["3:21 yaml-alias"]),
        ("instances: {a: {<<: {}, <<: {}}}", ["3:25 yaml-duplicate-key"]),
        ("instances: {a: &a {<<: *a}}", ["3:24 yaml-alias"]),
        ("x: {}", ["3:1 unknown-key"]),
        ("X-a: {}", ["3:1 unknown-key"]),
        ("instances: {a: {x-a: 1}}", ["3:17 unknown-key"]),
        ("x-a: {a: 1, a: 2}", ["3:13 yaml-duplicate-key"]),
        ("x-a: !tag 1", ["3:6 yaml-tag"]),
        ("x-a: ${nonsense(}", []),
        ("x-: 1", []),
    ],
)
def test_what_is_wrong_is_reported_at_its_place(text: str, told_: list[str]) -> None:
    assert told(HEAD + text) == told_


def test_two_merge_keys_are_answered_with_a_list() -> None:
    assert the_problem(HEAD + "instances: {a: {<<: {}, <<: {}}}").hint == (
        "write one list: `<<: [*a, *b]`"
    )


def test_an_anchor_of_another_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nstack: shop\nx-base: &base {zone: kr1-z01}\n")
    (tmp_path / "b.yaml").write_text("x-base: {}\ninstances: {a: {<<: *base}}\n")
    _, found = stack_folder.load(tmp_path)
    assert [problem.code for problem in found] == ["yaml-alias"]
    assert "an anchor works only in its own file" in (found[0].hint or "")


def test_each_file_of_a_folder_has_its_own_extension_keys(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nstack: shop\nx-base: {zone: kr1-z01}\n")
    (tmp_path / "b.yaml").write_text("x-base: {}\nlocals: {a: 1}\n")
    assert loader.load_stack(tmp_path, environment=None).problems == ()


def test_merged_aliases_count_towards_the_limit() -> None:
    lines = ["x-0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(100)) + "}"]
    for n in range(1, 6):
        lines.append(f"x-{n}: &a{n} [" + ", ".join(f"{{<<: *a{n - 1}}}" for _ in range(9)) + "]")
        lines[-1] = lines[-1] if n == 1 else lines[-1].replace("{<<: ", "").replace("}", "")
    _, found = yaml_reader.read("\n".join(lines), "x.yaml")
    assert [problem.code for problem in found] == ["yaml-alias"]
