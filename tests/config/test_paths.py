"""What a stack file may name on the disk: messages quote what they read, so only YAML files of its
own repository are read.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import loader, stack_folder
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem

SECRET = "root:s3cret: [\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a stack folder; beside it, files that are nobody's business."""
    stack = tmp_path / "repository" / "infra"
    stack.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "outside").mkdir()
    for name in ("outside/shadow", "outside/stack.yaml", "repository/infra/notes"):
        (tmp_path / name).write_text(SECRET)
    return stack


def said(problems: tuple[Problem, ...]) -> str:
    return "\n".join(f"{problem.message} {problem.hint}" for problem in problems)


def load(stack: Path, text: str) -> str:
    """Loads a stack with that text, and gives what is said of it."""
    (stack / "stack.yaml").write_text(f"version: 1\nstack: shop\n{text}")
    _, problems = stack_folder.load(stack)
    try:
        loader.load_stack(
            stack,
            environment=None,
            others=lambda path, environment: loader.identify(path, environment) and {},
        )
    except Abort as stop:
        problems = (*problems, *stop.problems)
    return said(problems)


NAMED = [
    ("components: {x: {use: %s/outside/shadow}}", "is outside the repository"),
    # whether such a file exists is not shown either
    ("components: {x: {use: ../../outside/none.yaml}}", "is outside the repository"),
    ("stacks: {x: {path: ../../outside/none}}", "is outside the repository"),
    ("components: {x: {use: ./notes}}", "is not a *.yaml file"),
    ("components: {x: {use: %s/outside/stack.yaml}}", "is outside the repository"),
    ("components: {x: {use: ../../outside/stack.yaml}}", "is outside the repository"),
    ("components: {x: {use: link.yaml}}", "is outside the repository"),
    ("stacks: {x: {path: ../../outside}}", "is outside the repository"),
    ("stacks: {x: {path: %s/outside/shadow}}", "is outside the repository"),
    ("stacks: {x: {path: ./notes}}", "is not a *.yaml file"),
    ("stacks: {x: {path: linked}}", "is outside the repository"),
]


@pytest.mark.parametrize(("text", "why"), NAMED)
def test_what_a_stack_file_names_outside_its_repository_is_not_read(
    text: str, why: str, repository: Path, tmp_path: Path
) -> None:
    (repository / "linked").symlink_to(tmp_path / "outside")
    if "link.yaml" in text:
        (repository / "parts").mkdir()
        (repository / "parts" / "link.yaml").symlink_to(tmp_path / "outside" / "stack.yaml")
        text = text.replace("link.yaml", "parts/link.yaml")
    found = load(repository, text.replace("%s", str(tmp_path)) + "\n")
    assert why in found and "s3cret" not in found, found


def test_a_link_in_the_stacks_folder_that_leads_out_of_the_repository_is_not_read(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "more.yaml").symlink_to(tmp_path / "outside" / "shadow")
    found = load(repository, "")
    assert "it is a link to a file outside the repository" in found and "s3cret" not in found, found


def test_files_of_the_repository_and_links_within_it_are_read(repository: Path) -> None:
    shared = repository.parent / "shared"
    shared.mkdir()
    (shared / "part.yaml").write_text("version: 1\ncomponent: part\n")
    (shared / "stack.yaml").write_text("version: 1\nstack: network\n")
    (repository / "parts").symlink_to(shared)
    text = "components: {a: {use: ../shared/part.yaml}, b: {use: parts/part.yaml}}\nstacks: {network: {path: ../shared/stack.yaml}}\n"
    assert load(repository, text) == ""


def test_without_a_repository_every_yaml_file_may_be_named(
    repository: Path, tmp_path: Path
) -> None:
    (repository.parent / ".git").rmdir()
    (tmp_path / "outside" / "stack.yaml").write_text("version: 1\nstack: network\n")
    assert load(repository, "stacks: {network: {path: ../../outside}}\n") == ""
