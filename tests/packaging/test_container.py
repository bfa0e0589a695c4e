"""The container: no engine is needed here, because its file is read, and its commands are run into an
empty environment.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
import venv
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """The instructions of the file, in order, without comments and line breaks."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Containerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def test_the_final_image_is_slim_has_no_tools_and_another_user_than_root() -> None:
    *_, final = stages()
    words = dict(final)
    assert re.fullmatch(r"docker\.io/library/python:\$\{PYTHON\}-slim", words["FROM"])
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", words["USER"])
    assert words["ENTRYPOINT"] == '["reconciler"]'
    assert [rest for word, rest in final if word == "COPY"] == [
        "--from=build /opt/reconciler /opt/reconciler"
    ]
    assert not [rest for word, rest in final if word == "RUN" and ("pip" in rest or "apt" in rest)]


def test_every_package_comes_from_the_lock_by_hash() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN"]
    installs = [
        command for run in runs for command in run.split("&&") if re.search(r"\binstall\b", command)
    ]
    assert len(installs) == 3
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command
    tools = {"hatchling", "hatch-fancy-pypi-readme", "editables"}
    locked = re.findall(r"^([\w-]+)==", (ROOT / "requirements/stores.txt").read_text("utf-8"), re.M)
    assert not tools & set(locked)


def ignored(path: str) -> bool:
    found = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.lstrip("!")
        if (
            line
            and not line.startswith("#")
            and (fnmatch(path, pattern) or path.startswith(f"{pattern}/"))
        ):
            found = not line.startswith("!")
    return found


def test_what_is_copied_exists_and_is_enough_to_build() -> None:
    build, _ = stages()
    sources: list[str] = []
    for word, rest in build:
        if word == "COPY":
            sources += shlex.split(rest)[:-1]
    for source in sources:
        assert (ROOT / source).exists() and not ignored(source), source
    assert ignored("state") and ignored(".git") and ignored("tests")
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    wheel = hatch["build"]["targets"]["wheel"]["only-include"]
    readme = hatch["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"][0]["path"]
    for needed in (*wheel, readme, "LICENSE", "NOTICE", "pyproject.toml"):
        assert any(needed == source or needed.startswith(f"{source}/") for source in sources)


def test_the_commands_of_the_build_make_a_program_without_pip(tmp_path: Path) -> None:
    # Goal: the same commands, without the download: what was locked is in the environment of the
    # tests already.
    place = tmp_path / "reconciler"
    venv.create(place, with_pip=False, symlinks=True)
    run = next(rest for word, rest in instructions() if word == "RUN" and "pip wheel" in rest)
    for command in run.split("&&"):
        words = command.replace("/opt/reconciler", str(place)).replace("/dist", str(tmp_path))
        assert words.split()[:3] == ["python", "-m", "pip"]
        subprocess.run(
            ["bash", "-c", f"{shlex.quote(sys.executable)} {words.split(maxsplit=1)[1]}"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    assert (place / "bin" / "reconciler").is_file() and not (place / "bin" / "pip").exists()
    (packages,) = (place / "lib").glob("python*/site-packages")
    assert (packages / "reconciler" / "schemas" / "stack.schema.json").is_file()
    assert (packages / "reconciler" / "examples" / "single" / "stack.yaml").is_file()
