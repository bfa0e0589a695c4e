"""Every command of every page is run as it is, page after page, in a folder of its own on the local
cloud. What a page shows of an error is what the terminal shows.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.worldfile import packaged_world
from tests.site import quick
from tests.site.follow import commands, follow, steps

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SPEED = 3000.0

NOT_RUN = {
    "reference/local-cloud.md": "tests/simulator/test_docs.py",  # sessions with a server
    "reference/command-line.md": "tests/cli/test_help_examples.py",  # the examples of the help
}
"""Pages that are not run, and the test that does what they show."""

STACK = "cp $ROOT/examples/stacks/single/stack.yaml ."
APPLIED = f"{STACK}; reconciler apply --yes"
PREPARED = {
    "how-to/ci.md": f"mkdir infra; {STACK}; sed 's/^stack: .*/stack: shop/' stack.yaml > infra/stack.yaml",
    "how-to/recover.md": f"{APPLIED}; sed -i.bak s/std_1.2-g1/std_2.4-g1/ stack.yaml;"
    " rm stack.yaml.bak; reconciler apply --yes --accept downtime; cp -a state saved",
    "reference/commands.md": f"mkdir shop; {APPLIED.replace('single', 'web-tier')}; cp stack.yaml shop",
    "reference/plan-format.md": APPLIED.replace("single", "web-tier"),
}
"""What is in the folder when a page begins."""

COMPANY = ("how-to/adopt.md",)
"""Pages about an account that has objects already."""

TRANSLATED = {
    path.relative_to(DOCS).as_posix(): path.relative_to(DOCS / "ko").as_posix()
    for path in (DOCS / "ko").rglob("*.md")
    if path.name not in ("index.md", "glossary.md")
}
"""Korean pages, and the English page with the same commands. Only the English one is run."""

PAGES = sorted(
    path.relative_to(DOCS).as_posix()
    for path in DOCS.rglob("*.md")
    if any(step.path is None for step in steps(path))
)


def surroundings(folder: Path, programs: Path) -> dict[str, str]:
    """The environment of a reader who has installed the program and set nothing else."""
    return {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RECONCILER_SIMULATE": "1",
        "RECONCILER_TIME_SCALE": str(SPEED),
        "ROOT": str(ROOT),
        "TERM": "xterm",
    }


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick.program(tmp_path_factory.mktemp("quick")) as folder:
        yield folder


def prepare(page: str, folder: Path, environment: Mapping[str, str]) -> None:
    subprocess.run(
        ["bash", "-ec", PREPARED.get(page, "true")],
        cwd=folder, env=environment, check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("page", [page for page in PAGES if page not in {*NOT_RUN, *TRANSLATED}])
def test_every_command_of_a_page_runs(page: str, tmp_path: Path, programs: Path) -> None:
    environment = surroundings(tmp_path, programs)
    cloud = Cloud(packaged_world("company"), switches={"rate_limit": "off"}, time_scale=SPEED)
    with SimulatorServer(cloud) as server:
        if page in COMPANY:
            environment.pop("RECONCILER_SIMULATE")
            environment |= server.environment
        prepare(page, tmp_path, environment)
        shown = follow(DOCS / page, tmp_path, environment)
    for error in errors(DOCS / page):
        assert without_ids(error) in without_ids(shown), f"{error}\n{shown}"


@pytest.mark.parametrize("page", sorted(TRANSLATED))
def test_a_translation_has_the_commands_and_files_of_its_page(page: str) -> None:
    def said(path: Path) -> list[tuple[object, ...]]:
        return [
            (
                step.path,
                step.exit_code,
                yaml.safe_load(step.command) if step.path else step.command,
            )
            for step in steps(path)
            if step.path is None or step.path.endswith(".yaml")
        ]

    assert said(DOCS / page) == said(DOCS / TRANSLATED[page])


def without_ids(text: str) -> str:
    """Which id an object gets depends on which of several creates arrives first."""
    return re.sub(r"\b([A-Z]+)-[0-9A-Za-z]{22}\b", r"\1-ID", text)


def errors(page: Path) -> list[str]:
    """The first lines of the errors that a page shows in what it runs."""
    text = re.sub(
        r"^<!-- skip: [^\n]* -->\n```.*?^```", "", page.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )  # fmt: skip
    fences = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for fence in fences for line in re.findall(r"error\[.*", fence)]


def test_pages_that_are_not_run_name_their_test() -> None:
    reasons = [
        reason
        for page in DOCS.rglob("*.md")
        for reason in re.findall(r"<!-- skip: (.*?) -->", page.read_text(encoding="utf-8"))
    ]
    for reason in [*reasons, *NOT_RUN.values()]:
        assert (ROOT / re.findall(r"tests/\S+", reason)[0]).exists(), reason


def test_commands_of_the_program_are_in_fences_that_are_run() -> None:
    # A fence of another language that begins lines with `$ ` or `reconciler` would be overlooked.
    wrong = []
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        if path in [DOCS / page for page in NOT_RUN]:
            continue
        text = re.sub(
            r"<!-- screen .*?<!-- end -->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        for language, fence in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            found = re.search(r"^(\$ |reconciler )", fence, re.MULTILINE)
            if language != "console" and found and not fence.startswith("#!"):
                wrong.append(f"{path.name}: {fence[:60]}")
    assert not wrong, "\n".join(wrong)


@functools.cache
def helped(module: str) -> str:
    """The help of a module of the repository."""
    return subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_options_of_each_documented_module_exist() -> None:
    # `python -m` lines name modules and options that exist; the suite runs what they do.
    for path in DOCS.rglob("*.md"):
        for line in re.findall(r"^python -m .+$", path.read_text(encoding="utf-8"), re.MULTILINE):
            words = shlex.split(line, comments=True)
            options = [word for word in words[3:] if word.startswith("--")]
            assert all(option in helped(words[2]) for option in options), line


README_ELSEWHERE = {
    "./try ": "tests/scenarios/test_examples.py",
    ".ci/run": ".ci/run",
    "unset RECONCILER_SIMULATE": "tests/site/follow.py",  # the local cloud stands for the account
    "export IWINV_ACCESS_KEY": "tests/site/follow.py",
}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120


def test_the_commands_of_the_readme_run(tmp_path: Path, programs: Path) -> None:
    environment = surroundings(tmp_path, programs)
    copied = tmp_path / "README.md"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command, where in README_ELSEWHERE.items():
        assert re.search(rf"^\$ {re.escape(command)}", text, re.MULTILINE)
        assert (ROOT / where).exists()
        text = re.sub(rf"^\$ {re.escape(command)}.*\n", "", text, flags=re.MULTILINE)
    copied.write_text(text, encoding="utf-8")
    follow(copied, tmp_path, environment)


def test_commands_are_found_with_their_continuation_lines() -> None:
    assert commands("$ a \\\n> b\nshown\n$ c\n") == ["a \\\nb", "c"]
