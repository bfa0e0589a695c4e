"""`init --project`: the first file of a project, with the stacks that are there."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from reconciler.config.project import project_file, selection
from tests.cli.sessions import Terminal, begin, call

STACK = "version: 1\nstack: {}\n"
WITH = "environments: {{staging: {{}}, prod: {{}}}}\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path)


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def test_the_stacks_that_are_there_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        {
            "infra/stacks/shop/stack.yaml": (STACK + WITH).format("shop")
            + "stacks: {net: {path: ../network, env: '${env.name}'}}\n",
            "infra/stacks/network/stack.yaml": (STACK + WITH).format("network"),
            "infra/stacks/network/more.yaml": "firewalls: {}\n",
            "infra/stacks/a.yaml": STACK.format("a"),
            "infra/stacks/my b.yaml": STACK.format("b"),
            "infra/old/shop/stack.yaml": STACK.format("shop"),
            "infra/stacks/broken/stack.yaml": "stack: [\n",
            "infra/components/web/component.yaml": "version: 1\ncomponent: web\n",
            "infra/.hidden/stack.yaml": STACK.format("hidden"),
            "infra/stacks/shop/state/x.yaml": STACK.format("kept"),
        }
    )
    code, out, err = call(capsys, "init", "infra", "--project")
    assert code == 0, err
    assert "infra/reconciler.yaml" in out and "infra/reconciler.schema.json" in out
    assert "reconciler validate" in out
    assert "stacks/shop is not listed: another stack has its name" in " ".join(err.split())
    project = project_file.load(Path("infra"))
    assert project.name == "infra"
    assert {
        name: (each.path.relative_to("infra").as_posix(), each.environments)
        for name, each in project.stacks.items()
    } == {
        "shop": ("old/shop", ()),
        "a": ("stacks/a.yaml", ()),
        "b": ("stacks/my b.yaml", ()),
        "network": ("stacks/network", ("prod", "staging")),
    }
    assert not selection.mistakes(project)
    found = yaml.safe_load(Path("infra/reconciler.yaml").read_text(encoding="utf-8"))
    schema = json.loads(Path("infra/reconciler.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(found)


def test_every_key_that_is_a_comment_can_be_switched_on(capsys: pytest.CaptureFixture[str]) -> None:
    write({"stacks/shop/stack.yaml": (STACK + WITH).format("shop")})
    assert call(capsys, "init", "--project", "--name", "infra")[0] == 0
    file = Path("reconciler.yaml")
    lines = file.read_text(encoding="utf-8").splitlines()
    keys = ("state: ", "quota: ", "rules:", "  ", "policies: ", "notify: ")
    switched = [
        line.removeprefix("# ") if line.removeprefix("# ").startswith(keys) else line
        for line in lines
    ]
    assert len([line for line in switched if line not in lines]) == 8
    file.write_text("\n".join(switched), encoding="utf-8")
    project = project_file.load(Path())
    assert project.state and project.policies and project.notify
    assert len(project.settings("shop/prod").windows) == 1
    assert not selection.mistakes(project)


def test_an_empty_folder_becomes_a_project_without_stacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "init", "new", "--project")
    assert code == 0 and "reconciler init new/stacks/shop" in out
    assert project_file.load(Path("new")).name == "new"
    text = Path("new/reconciler.yaml").read_text(encoding="utf-8")
    assert "# stacks:\n#   shop: " in text


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("--zone", "z"), "--project cannot be used with --zone", "write the stacks first"),
        (("--ssh-key", "k"), "--project cannot be used with --ssh-key", ""),
        (("--example", "app"), "--project cannot be used with --example", ""),
        (("--name", "Shop"), "Shop is not a valid name", "choose one with --name"),
    ],
)
def test_what_does_not_fit_a_project_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str, hint: str
) -> None:
    code, _, err = call(capsys, "init", "new", "--project", *arguments)
    assert code == 64 and message in err and hint in err
    assert not Path("new").exists()


def test_a_project_is_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    write({"reconciler.yaml": "version: 1\nproject: infra\n"})
    for folder in (".", "stacks"):
        code, _, err = call(capsys, "init", folder, "--project")
        assert code == 64 and "reconciler.yaml is the file of the project already" in err
    assert not Path("stacks").exists()


def test_at_a_terminal_the_name_is_asked_for(tmp_path: Path) -> None:
    terminal = Terminal("init", "my infra", "--project")
    terminal.until("What is the name of the project?")
    terminal.type("X!\n")
    terminal.until("X! is not a valid name")
    terminal.until("What is the name of the project?")
    terminal.type("\n")
    assert terminal.end() == 0
    text = (tmp_path / "my infra" / "reconciler.yaml").read_text(encoding="utf-8")
    assert "project: my-infra" in text


def test_validate_reports_what_is_wrong_between_the_project_and_its_stacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(
        {
            "reconciler.yaml": "version: 1\nproject: infra\nstacks: {shop: {path: stacks/shop}}\n",
            "stacks/shop/stack.yaml": STACK.format("web"),
        }
    )
    code, out, err = call(capsys, "validate", "stacks/shop")
    assert code == 1, out + err
    assert "reconciler.yaml:3:10" in out + err and "is named `web`" in out + err


def test_a_stack_that_is_not_there_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        {
            "reconciler.yaml": "version: 1\nproject: infra\nstacks:\n"
            "  web: {path: web}\n  shop: {path: stacks/shop}\n",
            "web/stack.yaml": STACK.format("web"),
        }
    )
    code, out, err = call(capsys, "validate", "web")
    assert code == 1 and "`reconciler init stacks/shop`" in out + err


def test_the_folder_of_a_project_leads_to_its_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    write({"reconciler.yaml": "version: 1\nproject: shop\n"})
    code, _, err = call(capsys, "plan")
    assert code == 1 and "add --all" in err and "init" not in err
