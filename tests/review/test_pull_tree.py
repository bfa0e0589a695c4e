"""The files of a pull request, merged and written out: what is read from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.review import pull_tree
from reconciler.cli.review.pull_tree import WrittenTree
from reconciler.model.abort import Abort
from tests.review.repositories import BASE, POLICY, RULES, SHOP, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with a project, a policy and a stack."""
    return Repository(tmp_path / "repository")


def written(repository: Repository, head: str) -> WrittenTree:
    """The merge of a commit into the base, written to a folder beside the repository."""
    folder = repository.folder.parent / "out"
    folder.mkdir()
    tree = pull_tree.merged(repository.folder, repository.base, head)
    return pull_tree.write_out(tree, repository.base, folder)


def texts(folder: Path) -> dict[str, str]:
    """The files of a folder with their texts."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_text() for file in files}


def test_the_merge_is_written_with_the_changes_of_both_sides(repository: Repository) -> None:
    head = repository.branch({"shop/more.yaml": "instances: {}\n", "shop/run.sh": "exit 1\n"})
    repository.base = repository.commit({"shop/base.yaml": "firewalls: {}\n"})
    found = written(repository, head)
    expected = dict(BASE) | {
        "shop/more.yaml": "instances: {}\n",
        "shop/base.yaml": "firewalls: {}\n",
    }
    assert texts(found.folder) == expected
    assert (found.folder / ".git").is_dir()
    assert found.changed == {found.folder / "shop/more.yaml", found.folder / "shop/run.sh"}
    assert not found.rules_changed and not found.left_out


def test_the_rules_are_those_of_the_base(repository: Repository) -> None:
    head = repository.branch(
        {
            "reconciler.yaml": "version: 1\nproject: other\nstacks:\n  shop: {path: evil}\n",
            "policies/few.yaml": "policies: []\n",
            "policies/more.yaml": "policies: []\n",
            "shop/reconciler.yaml": "version: 1\nproject: inner\nstate: /tmp\n",
        }
    )
    found = written(repository, head)
    assert found.rules_changed
    assert texts(found.folder) == dict(BASE)
    assert found.changed == frozenset()


def test_new_stacks_are_taken_from_the_pull_request(repository: Repository) -> None:
    text = RULES + "  blog: {path: blog}\n"
    head = repository.branch({"reconciler.yaml": text, "blog/stack.yaml": "stack: blog\n"})
    found = written(repository, head)
    assert not found.rules_changed
    assert texts(found.folder)["reconciler.yaml"] == text
    assert found.folder / "reconciler.yaml" not in found.changed


def test_a_new_stack_is_added_to_the_rules_of_the_base(repository: Repository) -> None:
    text = RULES.replace("acme", "evil").replace("path: shop", "path: evil")
    text += "  blog: {path: blog, environments: [prod]}\n"
    head = repository.branch({"reconciler.yaml": text, "blog/stack.yaml": "stack: blog\n"})
    found = written(repository, head)
    assert found.rules_changed
    added = '  "blog": {"path": "blog", "environments": ["prod"]}\n'
    assert texts(found.folder)["reconciler.yaml"] == RULES + added


def test_a_conflict_names_the_files(repository: Repository) -> None:
    head = repository.branch({"shop/stack.yaml": SHOP + "outputs: {}\n"})
    repository.base = repository.commit({"shop/stack.yaml": SHOP + "variables: {}\n"})
    with pytest.raises(Abort, match=r"conflicts with its base: shop/stack\.yaml") as stop:
        pull_tree.merged(repository.folder, repository.base, head)
    assert stop.value.problems[0].hint is not None


def test_policies_that_the_pull_request_removes_still_hold(repository: Repository) -> None:
    head = repository.branch({"policies/few.yaml": None})
    found = written(repository, head)
    assert found.rules_changed
    assert texts(found.folder)["policies/few.yaml"] == POLICY
