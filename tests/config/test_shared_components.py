"""Components of a project: by name and version, from the folder `components` beside its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import loader
from reconciler.config.project import project_file, selection
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from tests.stackfiles import HEAD

PART = """\
version: 1
component: {name}
firewalls:
  web: {{rules: {{http: {{direction: in, protocol: tcp, ports: {port}, cidr: 0.0.0.0/0}}}}}}
"""
FILES = {
    "web/component.yaml": 80,
    "web/1.9/component.yaml": 8009,
    "web/1.10/component.yaml": 8010,
    "db/2/component.yaml": 5432,
    "db/v3-beta/component.yaml": 5433,
    "empty/README.md": 0,
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with components, in which the command is run."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "reconciler.yaml").write_text(
        "version: 1\nproject: infra\nstacks: {shop: {path: stacks/shop}}\n"
    )
    for name, port in FILES.items():
        file = tmp_path / "components" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PART.format(name=name.partition("/")[0], port=port))
    (tmp_path / "stacks" / "shop").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def use(text: str) -> Path:
    """A stack that includes a component by that text."""
    path = Path("stacks/shop")
    (path / "stack.yaml").write_text(f"{HEAD}components: {{x: {{use: {text}}}}}\n")
    return path


def ports(text: str) -> object:
    stack = loader.load_stack(use(text), environment=None).stack
    rule = next(each for each in stack.resources.values() if each.address.rule is not None)
    return rule.attributes["ports"]


def problem(text: str) -> Problem:
    with pytest.raises(Abort) as stop:
        loader.load_stack(use(text), environment=None)
    assert len(stop.value.problems) == 1
    return stop.value.problems[0]


@pytest.mark.parametrize(
    ("text", "port"),
    [("web", 80), ("web@1.9", 8009), ("web@1.10", 8010), ('"db@2"', 5432), ("db@v3-beta", 5433)],
)
def test_a_name_is_a_file_of_the_project(root: Path, text: str, port: int) -> None:
    assert str(port) in str(ports(text))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("wbe", "no component `wbe` in components", "did you mean `web`?"),
        ("zzz", "no component `zzz`", "`db`, `empty`, `web`"),
        ("web@2", "component `web` has no version `2`", "`web@1.10`, `web@1.9`"),
        ("db", "component `db` has only versions", "`db@v3-beta`, `db@2`"),
        (
            "empty",
            "component `empty` has no file component.yaml",
            "components/empty/component.yaml",
        ),
        ("empty@1", "component `empty` has no version `1`", ""),
        ("WEB", "no component `WEB`", "did you mean `web`?"),
        ("../web@1.9", "does not exist", "relative"),
        ("web@../web", "does not exist", "relative"),
    ],
)
def test_what_the_project_does_not_have_is_reported(
    root: Path, text: str, message: str, hint: str
) -> None:
    found = problem(text)
    assert found.code == "file-missing"
    assert found.place is not None and found.place.file == "stacks/shop/stack.yaml"
    assert message in found.message
    assert hint in str(found.hint)


def test_a_name_needs_a_project(root: Path) -> None:
    (root / "reconciler.yaml").unlink()
    found = problem("web")
    assert "no project with a component `web`" in found.message
    assert "path of a *.yaml file" in str(found.hint)


def test_a_component_outside_of_the_repository_is_not_read(root: Path, tmp_path: Path) -> None:
    outside = root.parent / f"{root.name}-outside"
    outside.mkdir()
    (outside / "component.yaml").write_text(PART.format(name="far", port=1))
    (root / "components" / "far").symlink_to(outside)
    assert "is outside the repository" in problem("far").message


def test_a_change_of_a_version_touches_only_the_stacks_that_use_it(root: Path) -> None:
    use("web@1.9")
    project = project_file.load(Path())
    for name, titles in (("web/1.9", ["shop"]), ("web/1.10", []), ("web", [])):
        changed = {Path("components", name, "component.yaml")}
        assert [run.title for run in selection.select(project, changed=changed)] == titles
