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

import networkx as nx
import pytest

from reconciler.model.diagnostics import CODES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reconciler"
SOURCES = sorted(PACKAGE.rglob("*.py"))

ORDER: tuple[tuple[str, ...], ...] = (
    ("common", "version"),
    ("locale",),
    ("model",),
    ("resources", "iwinv", "store", "forge"),
    ("config", "schedule", "contract"),
    ("recovery",),
    ("planner",),
    ("executor", "importing", "policies", "render"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
"""The packages from the bottom up: each may import those of the lines below its own."""

PLANNER_ORDER: tuple[tuple[str, ...], ...] = (
    ("compare",),
    ("steps",),
    ("kinds",),
    ("checks", "estimate"),
    ("firewall",),
    ("planner",),
)
"""The same inside `planner`; its own modules stand on top."""

SIMULATOR_MAY_IMPORT = {"reconciler.model.http"}
"""The local cloud shares no code with the client but the values of HTTP."""

STARTS_SIMULATOR = {
    "reconciler/cli/composition.py",
    "reconciler/cli/subcommands/simulator_commands.py",
}

CHOOSES_STORE = {
    "reconciler/cli/composition.py",
    "reconciler/cli/quota/quota_choice.py",
    "reconciler/cli/state_places.py",
}
"""All other modules reach a store through its port."""

FILE_READERS = {
    "reconciler.common.paths",
    "reconciler.config.inputs.piped",
    "reconciler.config.loader",
    "reconciler.config.project.discovery",
    "reconciler.config.project.location",
    "reconciler.config.project.parsing",
    "reconciler.config.project.project",
    "reconciler.config.project.project_file",
    "reconciler.config.project.selection",
    "reconciler.config.project.shared_components",
    "reconciler.config.project.stack_heads",
    "reconciler.config.schema",
    "reconciler.config.stack_folder",
    "reconciler.config.yaml_reader",
    "reconciler.importing.examples",
}
"""The modules of pure packages that look at files."""

LARGE_FOLDERS = {
    "reconciler/config": 36,
}
"""Folders of more than `MODULES_MAX` modules, each with the number that it may not exceed. The list
only shrinks.
"""

MODULES_MAX, ROOM_SHARE_MAX = 15, 0.20


def rank(order: tuple[tuple[str, ...], ...], place: str) -> int:
    """The line of a package in an order."""
    return next(number for number, names in enumerate(order) if place in names)


def allowed(own: str, other: str) -> bool:
    """Whether a module may import another one, both given by their dotted names."""
    mine, theirs = own.split(".")[1], other.split(".")[1]
    if mine == "simulator":
        return theirs == "simulator" or other in SIMULATOR_MAY_IMPORT
    if theirs == "simulator":
        return own.replace(".", "/") + ".py" in STARTS_SIMULATOR
    if theirs == "store" != mine:
        return own.replace(".", "/") + ".py" in CHOOSES_STORE
    if mine != theirs:
        return rank(ORDER, theirs) < rank(ORDER, mine)
    if mine != "planner":
        return True
    inner, outer = (
        text.split(".")[2] if text.count(".") > 2 else "planner" for text in (own, other)
    )
    return inner == outer or rank(PLANNER_ORDER, outer) < rank(PLANNER_ORDER, inner)


LIBRARIES: dict[str, tuple[str, ...]] = {
    # the local cloud shares no code with the program
    "yaml": (
        "reconciler/config/yaml_reader.py",
        "reconciler/simulator/",
        "reconciler/forge/folder/review_folder.py",  # forges are below `config`
    ),
    "jsonschema": ("reconciler/config/schema.py",),
    "referencing": ("reconciler/config/schema.py",),
    # what requests and, under a broken answer, urllib3 raise also reaches users of PyGithub
    "requests": (
        "reconciler/iwinv/transport.py",
        "reconciler/forge/forge_wire.py",
        "reconciler/forge/github_link.py",
    ),
    "urllib3": (
        "reconciler/iwinv/transport.py",
        "reconciler/forge/forge_wire.py",
        "reconciler/forge/github_link.py",
    ),
    "github": ("reconciler/forge/github_link.py",),
    "gitlab": ("reconciler/forge/gitlab.py",),
    "deepdiff": ("reconciler/planner/compare/diff.py",),
    "networkx": ("reconciler/planner/steps/graph.py", "reconciler/config/dependencies.py"),
    "lark": ("reconciler/config/cel_syntax.py",),
    "re2": ("reconciler/common/patterns.py",),
    # two locks; neither part may import the other
    "filelock": ("reconciler/store/disk.py", "reconciler/iwinv/quota/quota_log.py"),
    "click": ("reconciler/cli/",),
    "rich": ("reconciler/render/",),
    "babel": ("reconciler/render/format.py",),
    "psycopg": (
        "reconciler/store/objects/postgres.py",
        "reconciler/store/objects/postgres_errors.py",
        "reconciler/store/objects/postgres_link.py",
        "reconciler/store/objects/postgres_quota.py",
    ),
    "apprise": ("reconciler/cli/watching/notices.py",),
    "prometheus_client": ("reconciler/cli/watching/metrics.py",),
    "regopy": ("reconciler/policies/rego_child.py",),
    "obstore": ("reconciler/store/objects/s3.py", "reconciler/store/objects/credentials.py"),
}
"""Each library that is not Python's own, and where it may be imported."""

OUTSIDE = {
    "asyncio", "datetime", "fcntl", "getpass", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
"""Modules by which a clock, disk, network, process or chance could be reached: none of them in the
core.
"""

PURE = {
    "common",
    "model",
    "config",
    "contract",
    "resources",
    "recovery",
    "schedule",
    "planner",
    "importing",
}
"""Packages that only compute: their results depend on their arguments alone."""

SILENCED = {
    (
        "reconciler/common/dataclass.py",
        "exec()",
    ): "writes `__init__` from the names of fields, as `dataclasses` does",
    ("reconciler/common/timing.py", "datetime"): "writes a time that it is given",
    (
        "reconciler/config/project/windows.py",
        "datetime",
    ): "computes with a moment that it is given",
}
"""Exceptions to that, each with its reason."""

SLEEPERS = {
    "reconciler/simulator/cloud.py": "the local cloud answers slowly where a fault says so",
    "reconciler/simulator/worldfile.py": "the world's keeper waits for its file",
    "tests/processes/": "real processes, interrupted and killed in real time",
    "tests/servers/": "real servers, which need some time to start",
}
"""Where `time.sleep` stands; the program itself waits only in the Network port, whose sleep is an
event with a time limit.
"""

LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX = 450, 700, 60


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a module: `ast.walk` takes seconds for the whole program."""
    return tuple(ast.walk(tree(path)))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """Every module that a file imports, wherever in it, with the line; types for checkers
    included.
    """
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno} imports relatively"
            module = node.module or ""
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def listed(found: list[str]) -> str:
    return "\n" + "\n".join(found)


def dotted(path: Path) -> str:
    """The name under which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(path): path for path in SOURCES}


def own_imports(path: Path) -> set[str]:
    """The modules of ours that a file imports, inside functions and for type checkers too."""
    found = set()
    for module, _ in imports(path):
        if module.split(".")[0] == "reconciler":
            found.add(module if module in MODULES else module.rpartition(".")[0])
    return found - {dotted(path), "reconciler"}


def test_imports_follow_the_order_of_packages() -> None:
    wrong = [
        f"{name(path)} imports {other}"
        for path in SOURCES
        if path.parent != PACKAGE or path.name == "__main__.py"
        for other in sorted(own_imports(path))
        if not allowed(dotted(path), other)
    ]
    assert not wrong, listed(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph(
        (dotted(path), other) for path in SOURCES for other in own_imports(path)
    )
    circles = [sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1]
    assert not circles, circles


def test_folders_stay_small_enough_to_be_looked_through() -> None:
    counts = {
        name(folder): len([p for p in folder.glob("*.py") if p.name != "__init__.py"])
        for folder in {p.parent for p in SOURCES}
    }
    large = {folder: count for folder, count in counts.items() if count > MODULES_MAX}
    assert set(large) <= set(LARGE_FOLDERS), large
    assert {folder: LARGE_FOLDERS[folder] for folder in large} == large == LARGE_FOLDERS, (
        "lower the numbers in LARGE_FOLDERS"
    )


def test_no_package_holds_a_fifth_of_the_program() -> None:
    sizes: dict[str, int] = {}
    for path in SOURCES:
        sizes[part(path)] = sizes.get(part(path), 0) + statements(path)
    shares = {room: size / sum(sizes.values()) for room, size in sizes.items()}
    assert max(shares.values()) < ROOM_SHARE_MAX, sorted(shares.items(), key=lambda each: -each[1])[
        :3
    ]


def statements(path: Path) -> int:
    """The statements of a file, docstrings aside."""
    found = [node for node in nodes(path) if isinstance(node, ast.stmt)]
    return sum(
        1
        for node in found
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=name)
def test_every_package_says_what_it_is_for(folder: Path) -> None:
    # What it is for, what it may import, where to begin reading.
    said = ast.get_docstring(tree(folder / "__init__.py"))
    assert said is not None and (
        folder == PACKAGE
        or "simulator" in folder.parts
        or ("It may import" in said or "It imports" in said)
    ), said


SAME_NAME = {"commands", "cli"}


def test_no_two_modules_have_one_name() -> None:
    # A module of `commands` or `cli` may bear the name of its command; the local cloud is a program
    # of its own.
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        if part(path) not in SAME_NAME and part(path) != "simulator" and path.name != "__init__.py":
            places.setdefault(path.stem, []).append(name(path))
    same = {stem: where for stem, where in places.items() if len(where) > 1}
    assert not same, same


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
        "print(*sorted({'babel', 'requests', 'jsonschema', 'networkx', 'deepdiff', 'rich', 'lark', 're2', 'yaml'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert found == []


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if part(p) in PURE and dotted(p) not in FILE_READERS], ids=name
)
def test_pure_packages_reach_for_nothing_outside(path: Path) -> None:
    # Goal: no clock, disk, network, process or chance: their results come as arguments.
    wrong = [
        f"line {line}: {module}"
        for module, line in imports(path)
        if module.split(".")[0] in OUTSIDE and not module.startswith("urllib.parse")
    ]
    for node in nodes(path):
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


def test_only_listed_modules_sleep() -> None:
    # Goal: time is a parameter; tests never wait for it.
    found = set()
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]:
        for node in nodes(path):
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
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert not wrong, listed(wrong)


def test_every_problem_code_is_made_somewhere() -> None:
    # Goal: the list is closed (problems#problem-codes), and holds nothing that cannot happen.
    everything = "\n".join(
        path.read_text(encoding="utf-8") for path in SOURCES if path.name != "diagnostics.py"
    )
    unused = [
        code for code in CODES if f'"{code}"' not in everything and f"[{code}]" not in everything
    ]
    assert not unused, listed(unused)


PAGE = ROOT / "docs" / "reference" / "problems.md"
HEAD = """# Problem codes

Every mistake, warning and notice carries one of these codes: in brackets on the screen, as `code` in JSON. The list is closed: within 1.x a
code keeps its meaning, and new ones may come. [Recover](../how-to/recover.md) has the ways out of what stops a run.

| Code | Meaning |
| --- | --- |
"""


def test_every_problem_code_is_documented() -> None:
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


def test_public_names_have_docstrings() -> None:
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


LONG_FILES: dict[str, int] = {
    "tests/config/test_builder.py": 766,
    "tests/recovery/test_evidence.py": 941,
    "tests/simulator/test_switches.py": 874,
    "tests/stories/life.py": 819,
}
"""Files that are longer, each with the number of lines that it may not exceed. The list only
shrinks.
"""

LONG_FUNCTIONS: dict[str, int] = {
    "reconciler/cli/subcommands/output_command.py output": 70,
    "reconciler/planner/planner.py make": 80,
}
"""Functions that do not fit a screen, by file and name, likewise."""


def test_files_are_short_enough_to_be_read() -> None:
    limits = dict.fromkeys(SOURCES, LINES_MAX)
    limits |= dict.fromkeys(sorted((ROOT / "tests").rglob("*.py")), TEST_LINES_MAX)
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in limits}
    long = {name(path): lines[path] for path, most in limits.items() if lines[path] > most}
    assert not_listed(long, LONG_FILES) == {}


def not_listed(found: dict[str, int], listed_: dict[str, int]) -> dict[str, int]:
    """What is too long and not on a list, or longer than the list says."""
    assert set(listed_) <= set(found), f"take off the list: {sorted(set(listed_) - set(found))}"
    return {text: size for text, size in found.items() if size > listed_.get(text, 0)}


def test_every_time_constant_is_defined_once() -> None:
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
    assert places["POLL_SECONDS"] == ["timing.py"]
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_functions_fit_a_screen() -> None:
    # Signature and docstring included.
    long = {
        f"{name(path)} {node.name}": size
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        and (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not_listed(long, LONG_FUNCTIONS) == {}


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


_IN_THE_IMAGE = re.compile(r"/(?:opt|home)/reconciler\b")
"""Places of the container image, which are the same everywhere."""


def test_nothing_kept_names_a_place_of_one_machine() -> None:
    # Goal: code, tests and documents read the same everywhere.
    wrong = []
    for path in _kept_files():
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            text = _IN_THE_IMAGE.sub("", path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
        wrong += [f"{name(path)}: {found.group()}" for found in MACHINE_PATHS.finditer(text)]
    assert not wrong, listed(wrong)
