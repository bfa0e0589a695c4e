"""House rules as assertions: who imports whom, who touches the outside, how long a file may be,
what is documented.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from reconciler.model.diagnostics import CODES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reconciler"
SOURCES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "kinds": {"core"},
    "wire": set(),
    "paths": set(),
    "ports": {"core", "wire"},
    "stackfile": {"core", "paths", "stackfolder"},
    "stackfolder": {"core", "paths"},
    "schema": {"core", "schema_quick", "schema_words"},
    "schema_quick": {"core"},
    "schema_words": {"core"},
    # what the schema says of each field of a kind, for `explain`
    "schema_fields": {"core", "kinds", "schema"},
    "cloud": {"core", "paths", "ports", "wire"},
    "store": {"core", "paths", "ports"},
    "apply": {"core", "ports"},
    "ui": {"core"},
    "simulator": {"wire"},
    "version": set(),
    # A use case is stopped by a problem; the exception that carries it is a module of its own, for
    # all who may raise it.
    "stop": {"core"},
    "loading": {"core", "paths", "schema", "stackfile", "stop"},
    "__main__": {"cli", "version"},
}
"""The map of `docs/architecture.md`: a part and the parts of ours it may import (itself always)."""

USE_CASES = {"apply", "cloud", "core", "loading", "paths", "ports", "stackfile", "stop"}
"""What a use case may import besides other use cases: every module beside `app.py` that is not on
the map is one.

They know the account through its ports; of `cloud` they use only the functions that drive the
readings of a port (all lists, or one object), of `stackfile` and `loading` what takes drift into
the file itself.
"""

READERS = ("reconciler.iwinv.refresh", "reconciler.iwinv.one_shot")

EDGES = {"cli", "wiring"}
"""May import everything: concrete things are made here, the local cloud included. Nobody imports
`cli`; only `cli` imports `wiring`.
"""


def allowed(own: str, other: str) -> bool:
    """Whether one part of the program may import another."""
    if other == own:
        return True
    if own in EDGES:
        return other != "cli"
    if own in MAY_IMPORT:
        return other in MAY_IMPORT[own]
    return other in USE_CASES or other not in {*MAY_IMPORT, *EDGES}


LIBRARIES: dict[str, tuple[str, ...]] = {
    # the local cloud shares no code with the program
    "yaml": ("reconciler/config/yaml_reader.py", "reconciler/simulator/"),
    "jsonschema": ("reconciler/config/schema.py",),
    "requests": ("reconciler/iwinv/transport.py",),
    "urllib3": ("reconciler/iwinv/transport.py",),  # what requests raises under a broken answer
    "deepdiff": ("reconciler/planner/compare/diff.py",),
    "networkx": ("reconciler/planner/steps/graph.py",),
    "lark": ("reconciler/config/cel_syntax.py",),
    "re2": ("reconciler/common/patterns.py",),
    # two locks; neither part may import the other
    "filelock": ("reconciler/store/disk.py", "reconciler/iwinv/quota.py"),
    "click": ("reconciler/cli/",),
    "rich": ("reconciler/render/",),
}
"""Each library that is not Python's own, and where it may be imported."""

OUTSIDE = {
    "asyncio", "datetime", "fcntl", "getpass", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
"""Modules by which a clock, disk, network, process or chance could be reached: none of them in the
core.
"""

SILENCED = {
    (
        "reconciler/common/dataclass.py",
        "exec()",
    ): "writes `__init__` from the names of fields, as `dataclasses` does",
}
"""Exceptions to that, each with its reason."""

SLEEPERS = {
    "reconciler/simulator/cloud.py": "the local cloud answers slowly where a fault says so",
    "reconciler/simulator/keeper.py": "the world's keeper waits for its file",
    "tests/processes/": "real processes, interrupted and killed in real time",
}
"""Where `time.sleep` stands; the program itself waits only in the Network port, whose sleep is an
event with a time limit.
"""

LINES_MAX, TEST_LINES_MAX = 450, 700


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, wherever in it, with the line; types for checkers included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno} imports relatively"
            module = node.module or ""
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def listed(found: list[str]) -> str:
    return "\n" + "\n".join(found)


def test_every_folder_is_on_the_map() -> None:
    # Goal: a new part of the program is given its place before it grows.
    folders = {part(path) for path in SOURCES if len(path.relative_to(PACKAGE).parts) > 1}
    assert folders <= {*MAY_IMPORT, *EDGES}


def test_the_page_of_the_architecture_names_every_part() -> None:
    # Goal: a newcomer finds each folder and each module beside `app.py` on the map.
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    parts = {
        f"{part(path)}/" if len(path.relative_to(PACKAGE).parts) > 1 else path.name
        for path in SOURCES
    } - {"__init__.py"}
    assert not (missing := sorted(name for name in parts if f"`{name}`" not in page)), listed(
        missing
    )


def test_imports_point_inward() -> None:
    # Goal: the map of `docs/architecture.md`, line by line; nobody imports the command line.
    wrong = []
    for path in SOURCES:
        own = part(path)
        for module, line in imports(path):
            other = module.split(".")[1] if module.startswith("reconciler.") else own
            deeper = (
                other == "cloud"
                and own not in {*MAY_IMPORT, *EDGES}
                and not module.startswith(READERS)
            )
            if not allowed(own, other) or deeper:
                wrong.append(f"{name(path)}:{line} imports {module}")
    assert not wrong, listed(wrong)


def test_a_library_is_imported_in_its_own_place_only() -> None:
    # Goal: one module a package, so that a library can be changed in one place.
    wrong = []
    for path in SOURCES:
        for module, line in imports(path):
            top = module.split(".")[0]
            if top == "reconciler" or top in sys.stdlib_module_names:
                continue
            places = LIBRARIES.get(top, ())
            if not any(
                name(path) == place or (place.endswith("/") and name(path).startswith(place))
                for place in places
            ):
                wrong.append(f"{name(path)}:{line} imports {module}")
    assert not wrong, listed(wrong)


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    # Goal: `--help` is quick; each is loaded where it is first needed.
    code = (
        "import sys, reconciler.cli.program\n"
        "print(*sorted({'requests', 'jsonschema', 'networkx', 'deepdiff', 'rich', 'lark', 're2', 'yaml'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert found == []


@pytest.mark.parametrize("path", [p for p in SOURCES if part(p) == "core"], ids=name)
def test_the_core_reaches_for_nothing_outside(path: Path) -> None:
    # Goal: no clock, disk, network, process or chance: their results come as arguments.
    wrong = [
        f"line {line}: {module}"
        for module, line in imports(path)
        if module.split(".")[0] in OUTSIDE
    ]
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "input", "print", "exec", "eval"}
        ):
            wrong.append(f"line {node.lineno}: {node.func.id}()")
        if isinstance(node, ast.Attribute) and node.attr == "environ":
            wrong.append(f"line {node.lineno}: environ")
    wrong = [text for text in wrong if (name(path), text.rpartition(" ")[2]) not in SILENCED]
    assert not wrong, listed(wrong)


def test_our_dataclasses_are_the_light_ones() -> None:
    # Goal: those of `dataclasses` cost seven times as much at every start; `wire` imports nothing
    # of ours, and the simulator little.
    others = ("reconciler/common/dataclass.py", "reconciler/model/http.py", "reconciler/simulator/")
    wrong = [
        f"{name(path)}:{line}"
        for path in SOURCES
        if not name(path).startswith(others)
        for module, line in imports(path)
        if module == "dataclasses.dataclass"
    ]
    assert not wrong, listed(wrong)


def test_nobody_sleeps_but_where_it_is_said() -> None:
    # Goal: time is a parameter; tests never wait for it.
    found = set()
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]:
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "sleep"
                and isinstance(node.value, ast.Name)
                and node.value.id == "time"
            ):
                found.add(name(path))
    wrong = sorted(text for text in found if not text.startswith(tuple(SLEEPERS)))
    assert not wrong, listed(wrong)


def test_the_environment_is_read_at_the_edge_only() -> None:
    # Goal: settings come in through the command line's parts; nothing deeper depends on where it
    # runs.
    edges = (
        "reconciler/cli/",
        # the completion of the shell asks for names before the command line is loaded
        "reconciler/__main__.py",
        "reconciler/cli/composition.py",
        "reconciler/simulator/",
        # the certificates of the machine, as every HTTP client on it takes them
        "reconciler/iwinv/transport.py",
    )
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        if not name(path).startswith(edges)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert not wrong, listed(wrong)


def test_every_problem_code_is_made_somewhere() -> None:
    # Goal: the list is closed (SPEC 4), and holds nothing that cannot happen.
    everything = "\n".join(
        path.read_text(encoding="utf-8") for path in SOURCES if path.name != "problems.py"
    )
    unused = [
        code for code in CODES if f'"{code}"' not in everything and f"[{code}]" not in everything
    ]
    assert not unused, listed(unused)


PAGE = ROOT / "docs" / "problems.md"
HEAD = """# Problem codes

Every mistake, warning and notice carries one of these codes: in brackets on the screen, as `code` in JSON. The list is closed: within 1.x a
code keeps its meaning, and new ones may come.

| Code | Meaning |
| --- | --- |
"""


def test_every_problem_code_stands_in_the_documentation() -> None:
    # Goal: a person who sees a code finds it explained; renewed by RENEW_GOLDEN=1.
    wanted = HEAD + "".join(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())
    if os.environ.get("RENEW_GOLDEN"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == wanted


def _public(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Functions, classes and methods that others may use, and the module."""
    body = tree(path)
    yield "the module", body
    for node in body.body:
        if not isinstance(
            node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
        ) or node.name.startswith("_"):
            continue
        yield node.name, node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def test_what_others_may_use_says_what_it_means() -> None:
    # Goal: every module, public class and public function has a docstring; an obvious property or
    # override may do without.
    wrong = []
    for path in SOURCES:
        if path.name in {"__init__.py", "__main__.py"} and not tree(path).body:
            continue
        for what, node in _public(path):
            assert isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            )
            if ast.get_docstring(node) is None and not (
                "." in what and isinstance(node, ast.FunctionDef)
            ):
                wrong.append(f"{name(path)}: {what}")
    assert not wrong, listed(wrong)


def test_files_are_short_enough_to_be_read() -> None:
    # Goal: 450 lines, 700 for tests.
    limits = dict.fromkeys(SOURCES, LINES_MAX) | dict.fromkeys(
        sorted((ROOT / "tests").rglob("*.py")), TEST_LINES_MAX
    )
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in limits}
    wrong = [f"{name(path)}: {lines[path]}" for path, most in limits.items() if lines[path] > most]
    assert not wrong, listed(wrong)


def test_every_time_constant_stands_in_one_module() -> None:
    # Two constants of one name drift apart: a plan then states a time that the run does not keep.
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        if "simulator" in path.parts:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name.endswith(
                    ("_SECONDS", "_SECONDS_MAX", "_SCALE_MAX")
                ) and not name.startswith("_"):
                    places.setdefault(name, []).append(path.name)
    assert places["POLL_SECONDS"] == ["rhythm.py"]
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_functions_fit_a_screen() -> None:
    # Goal: 60 lines, signature and docstring included.
    wrong = [
        f"{name(path)}:{node.lineno} {node.name}: {(node.end_lineno or 0) - node.lineno + 1}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 60
    ]
    assert not wrong, listed(wrong)


MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|tmp|home|root|Users|opt|srv|mnt)/\w")
"""Places of one machine. What a person's own machine looks like is nobody's business here."""


def _kept_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        return [
            p
            for folder in ("reconciler", "tests", "docs", "schemas", "examples")
            for p in (ROOT / folder).rglob("*")
            if p.is_file()
        ]
    return [ROOT / text for text in listing.stdout.decode().split("\0") if text]


def test_nothing_kept_names_a_place_of_one_machine() -> None:
    # Goal: code, tests and documents read the same everywhere.
    wrong = []
    for path in _kept_files():
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{name(path)}: {found.group()}" for found in MACHINE_PATHS.finditer(text)]
    assert not wrong, listed(wrong)
