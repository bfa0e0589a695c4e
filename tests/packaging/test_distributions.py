"""What is published: built once, checked by the tools of package indexes, and used as someone does
who installed it and has no checkout.
"""

from __future__ import annotations

import email
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import time
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from reconciler.importing.examples import EXAMPLES
from reconciler.version import VERSION
from tests.site.follow import follow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SECONDS_MAX = 60


def build(source: Path, target: Path) -> tuple[Path, Path]:
    """The sdist of a source tree, and the wheel that is built from this sdist."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1764460800", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), "."]
    ended = subprocess.run(
        command, cwd=source, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One build for all processes of the run."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with FileLock(place / "dist.lock"):
        if not (place / "dist").exists():
            build(ROOT, place / "building")
            (place / "building").rename(place / "dist")
    (sdist,), (wheel,) = (place / "dist").glob("*.tar.gz"), (place / "dist").glob("*.whl")
    return sdist, wheel


def tool(*command: str) -> str:
    ended = subprocess.run(
        [str(BIN / command[0]), *command[1:]], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_tools_of_package_indexes_accept_both(built: tuple[Path, Path]) -> None:
    sdist, wheel = map(str, built)
    tool("twine", "check", "--strict", sdist, wheel)
    tool("check-wheel-contents", wheel)
    tool("pyroma", "-n", "9", sdist)


def unpacked(sdist: Path, target: Path) -> Path:
    with tarfile.open(sdist) as archive:  # `filter` exists since Python 3.11.4
        archive.extractall(target)
    (folder,) = target.iterdir()
    return folder


def test_a_second_build_gives_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    # Goal: whoever unpacks the published sdist can prove where the wheel comes from.
    again = build(unpacked(built[0], tmp_path / "source"), tmp_path / "dist")
    for first, second in zip(built, again, strict=True):
        assert first.name == second.name
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second)]
        assert digests[0] == digests[1], first.name


def test_the_source_contains_the_example_project(built: tuple[Path, Path], tmp_path: Path) -> None:
    source = unpacked(built[0], tmp_path)
    kept = ROOT / "examples" / "project"
    files = [path.relative_to(ROOT) for path in kept.rglob("*") if path.is_file()]
    files = [path for path in files if "state" not in path.parts]
    assert files and not [path for path in files if not (source / path).is_file()]


def test_the_readme_of_the_index_has_no_relative_link(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    text = (unpacked(built[0], tmp_path) / "PKG-INFO").read_text(encoding="utf-8")
    readme = str(email.message_from_string(text).get_payload())
    links = re.findall(r"\]\(([^)\s]+)\)", readme) + re.findall(r'(?:src|srcset)="([^"]+)"', readme)
    assert links and not [link for link in links if not link.startswith(("https://", "#"))]
    # a link leads to the file of the repository that the README names
    own = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", own):
        assert ":" in link or any(each.split("#")[0].endswith(f"/main/{link}") for each in links)


def test_the_address_of_the_project_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    home = project["urls"]["Homepage"]
    assert project["version"] == VERSION and project["maintainers"]
    owner, name = home.removeprefix("https://github.com/").split("/")
    assert project["urls"]["Documentation"] == f"https://{owner}.github.io/{name}/"
    addresses = re.compile(r"https://(?:raw\.)?github(?:usercontent)?\.com/[\w-]+/[\w-]+")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {found.split(".com/")[1] for found in addresses.findall(text)} == {f"{owner}/{name}"}


@pytest.fixture(scope="session")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an empty environment with the wheel. What it depends on is that of the tests,
    but not the package itself.
    """
    place = tmp_path_factory.mktemp("installed")
    venv.create(place / "venv", with_pip=False, symlinks=True)
    python = place / "venv" / "bin" / "python"
    tool(
        "python", "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index",
        "--no-deps", "--disable-pip-version-check", str(built[1]),
    )  # fmt: skip
    (packages,) = (place / "venv" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = subprocess.run(
        [str(python), "-c", "import reconciler; print(reconciler.__file__)"],
        cwd=place, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(packages)), where
    return python.parent


@pytest.fixture(scope="session")
def program(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """The installed program, run in an empty folder."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        ended = subprocess.run(
            [str(installed / "reconciler"), *arguments],
            cwd=home,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), "RECONCILER_TIME_SCALE": "3000"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS_MAX,
        )
        assert ended.returncode in codes, (arguments, ended.stdout + ended.stderr)
        return ended.stdout

    return run


def test_someone_without_a_checkout_gets_from_the_example_to_a_running_stack(
    program: Callable[..., str],
) -> None:
    assert program("--version").startswith(f"reconciler {VERSION}, Python ")
    help_page = program("--help")
    first = help_page.split("Try it without an account", 1)[1].split("\n\n", 1)[0]
    commands = [line.split()[1:] for line in first.splitlines()[1:]]
    assert [command[0] for command in commands] == ["init", "apply"]
    assert all(name in program("init", "--list") for name in EXAMPLES)
    program(*commands[0])
    assert "database = mysql://" in program(*commands[1], "--yes")
    program("plan", "shop", "--simulate", "--detailed-exitcode")
    program("report", "--state", "shop", "--simulate", "--out", "shop.html")
    assert '"$id"' in program("schema", "stack")
    program("destroy", "shop", "--simulate", "--yes", "--accept", "delete")
    assert "reconciler plan hello --simulate" in program("init", "hello", "--simulate")
    assert "instances.web" in program("plan", "hello", "--simulate")


def test_the_tutorial_is_followed_word_for_word(installed: Path, tmp_path: Path) -> None:
    # Goal: a running stack within 60 s, and the end within 10 minutes, at the tutorial's own speed.
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    first, middle, rest = text.partition("## 6. Change it")
    (tmp_path / "first.md").write_text(first)
    (tmp_path / "rest.md").write_text(f"```console\n$ export RECONCILER_SIMULATE=1\n```\n{rest}")
    environment = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PATH": f"{installed}:/usr/bin:/bin",
        "TERM": "xterm",
    }
    begun = time.monotonic()
    shown = follow(tmp_path / "first.md", tmp_path, environment)
    assert middle and "address = 203.0.113." in shown and time.monotonic() - begun < 60, shown
    shown = follow(tmp_path / "rest.md", tmp_path, environment)
    assert "ports: 2222" in shown and time.monotonic() - begun < 600, shown
