"""Which stacks of a project a command takes, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.config.project import project_file, selection
from reconciler.config.project.project import Project
from reconciler.model.abort import Abort

PROJECT = """\
version: 1
project: infra
stacks:
  shop: {path: stacks/shop, environments: [staging, prod], promote: {prod: staging}}
  network: {path: stacks/network, environments: [staging, prod]}
  monitoring: {path: stacks/monitoring.yaml}
policies: [policies/*.yaml]
"""
STACK = "version: 1\nstack: {}\nenvironments: {{staging: {{}}, prod: {{}}}}\n"
FILES = {
    "reconciler.yaml": PROJECT,
    "stacks/shop/stack.yaml": STACK.format("shop")
    + "stacks: {net: {path: ../network, env: '${env.name}'}}\n"
    + "components: {web: {use: ../../components/web.yaml}}\n",
    "stacks/network/stack.yaml": STACK.format("network"),
    "stacks/network/more.yaml": "firewalls: {}\n",
    "stacks/monitoring.yaml": "version: 1\nstack: monitoring\n"
    "stacks: {shop: {path: shop/stack.yaml, env: prod}}\n",
    "components/web.yaml": "version: 1\ncomponent: web\n",
}
ALL = ("network/staging", "network/prod", "shop/staging", "shop/prod", "monitoring")


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A repository with three stacks, in which the command is run."""
    (tmp_path / ".git").mkdir()
    write(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    return project_file.load(Path())


def titles(project: Project, **choice: object) -> tuple[str, ...]:
    return tuple(run.title for run in selection.select(project, **choice))  # type: ignore[arg-type]


def test_all_stacks_come_after_what_they_need(project: Project) -> None:
    assert titles(project, all=True) == ALL
    assert selection.needs(project) == {
        "shop/staging": {"network/staging"},
        "shop/prod": {"network/prod", "shop/staging"},
        "network/staging": set(),
        "network/prod": set(),
        "monitoring": {"shop/prod"},
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([], ()),
        (["README.md", "other/stack.yaml"], ()),
        (["stacks/shop/stack.yaml"], ALL[2:]),
        (["stacks/shop/prod.auto.vars.yaml"], ALL[2:]),
        (["stacks/shop/gone.yaml", "stacks/shop/scripts/x.sh"], ALL[2:]),
        (["stacks/shop/state/shop.prod/state.json"], ()),
        (["stacks/network/more.yaml"], ALL),
        (["stacks/monitoring.yaml"], ALL[4:]),
        (["stacks/x.auto.vars.yaml"], ALL[4:]),
        (["stacks/gone.yaml"], ALL[4:]),
        (["components/web.yaml"], ALL[2:]),
        (["policies/budget.yaml"], ALL),
        (["reconciler.yaml"], ALL),
    ],
)
def test_changed_files_select_their_stacks_and_those_that_read_them(
    project: Project, changed: list[str], expected: tuple[str, ...]
) -> None:
    files = {Path(each) for each in changed}
    assert titles(project, changed=files) == expected
    assert titles(project, changed={each.absolute() for each in files}, all=True) == expected


def test_named_stacks_are_ordered_and_taken_once(project: Project) -> None:
    named = [
        Path("stacks/monitoring.yaml"),
        Path("stacks/network/stack.yaml"),
        Path("stacks/network"),
    ]
    assert titles(project, named=named) == ("network/staging", "network/prod", "monitoring")
    assert titles(project, named=named[1:], environment="prod") == ("network/prod",)


def test_stacks_that_the_project_does_not_list_can_be_named(project: Project) -> None:
    write(Path(), {"other/stack.yaml": "version: 1\nstack: other\n"})
    assert titles(project, named=[Path("other"), Path("stacks/network")], environment=None) == (
        "other",
        "network/staging",
        "network/prod",
    )
    assert titles(Project(), named=[Path("other")]) == ("other",)


def test_an_environment_selects_the_stacks_that_have_it(project: Project) -> None:
    assert titles(project, all=True, environment="prod") == ("network/prod", "shop/prod")
    for choice, message in (
        ({"all": True, "environment": "prdo"}, "no stack has the environment `prdo`"),
        ({"named": [Path("stacks/shop")], "environment": "x"}, "stack `shop` has no environment"),
    ):
        with pytest.raises(Abort) as stop:
            titles(project, **choice)
        assert message in stop.value.problems[0].message


def test_a_project_without_stacks_has_none_to_take(tmp_path: Path) -> None:
    for project, hint in (
        (Project(), "`reconciler init --project`"),
        (Project("x", tmp_path / "reconciler.yaml"), "list them"),
    ):
        with pytest.raises(Abort) as stop:
            titles(project, all=True)
        assert hint in str(stop.value.problems[0].hint)


MISTAKES = [
    (
        "no stack there",
        {"reconciler.yaml": PROJECT.replace("stacks/shop", "stacks/shpo")},
        ("file-missing", "reconciler.yaml:4:3", "stacks/shpo does not exist", "reconciler init"),
    ),
    (
        "another name",
        {"stacks/network/stack.yaml": STACK.format("net")},
        ("bad-reference", "reconciler.yaml:5:3", "is named `net`", "write `net:` here"),
    ),
    (
        "one stack twice",
        {
            "reconciler.yaml": PROJECT.replace(
                "policies: ", "  net: {path: stacks/network}\npolicies: "
            )
        },
        ("duplicate-name", "reconciler.yaml:7:3", "`network` and `net` are one", "remove one"),
    ),
    (
        "a cycle",
        {
            "stacks/network/stack.yaml": STACK.format("network")
            + "stacks: {shop: {path: ../shop, env: '${env.name}'}}\n"
        },
        (
            "cycle",
            "stacks/network/stack.yaml:4:23",
            "network/prod -> shop/prod -> network/prod",
            "network/prod reads shop/prod (stacks/network/stack.yaml:4:23), shop/prod reads",
        ),
    ),
    (
        "a cycle with a promotion",
        {
            "stacks/network/stack.yaml": STACK.format("network")
            + "stacks: {shop: {path: ../shop, env: prod}}\n"
        },
        ("cycle", "stacks/network/stack.yaml:4:23", "-> shop/prod -> ", "network/prod reads"),
    ),
    (
        "a stack that reads itself",
        {
            "stacks/monitoring.yaml": "version: 1\nstack: monitoring\nstacks: {x: {path: monitoring.yaml}}\n"
        },
        ("cycle", "stacks/monitoring.yaml:3:20", "monitoring -> monitoring", "remove one"),
    ),
    (
        "an environment that is not there",
        {"reconciler.yaml": PROJECT.replace("[staging, prod]}", "[staging, prdo]}")},
        (
            "missing-reference",
            "reconciler.yaml:5:3",
            "no environment `prdo`",
            "did you mean `prod`?",
        ),
    ),
    (
        "the name of another stack",
        {"stacks/monitoring.yaml": "version: 1\nstack: shop\n"},
        ("bad-reference", "reconciler.yaml:6:3", "is named `shop`", "write `stack: monitoring`"),
    ),
    (
        "no environment",
        {"reconciler.yaml": PROJECT.replace(", environments: [staging, prod]}", "}")},
        ("missing-key", "reconciler.yaml:5:3", "none is listed", "[prod, staging]"),
    ),
    (
        "environments of a stack without",
        {
            "reconciler.yaml": PROJECT.replace(
                "monitoring.yaml}", "monitoring.yaml, environments: [prod]}"
            )
        },
        ("missing-reference", "reconciler.yaml:6:3", "no environment `prod`", "leave out"),
    ),
    (
        "a stack that cannot be read",
        {"stacks/network/stack.yaml": "stack: [\n"},
        ("yaml-syntax", "stacks/network/stack.yaml:2:1", "stack `network`: ", ""),
    ),
    (
        "outside",
        {
            "reconciler.yaml": PROJECT.replace("stacks/network", "../network"),
            "../network/stack.yaml": "a: b\n",
        },
        ("file-missing", "reconciler.yaml:5:3", "is outside the repository", "same repository"),
    ),
    (
        "an idle rule",
        {"reconciler.yaml": PROJECT + 'rules: [{for: "*/prdo"}]\n'},
        ("missing-reference", "reconciler.yaml:8:15", "matches no stack", ""),
    ),
]


@pytest.mark.parametrize(
    ("files", "expected"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistakes_between_the_project_and_its_stacks_have_a_place_and_a_way_out(
    project: Project, files: dict[str, str], expected: tuple[str, str, str, str]
) -> None:
    write(Path(), files)
    found = selection.mistakes(project_file.load(Path()))
    code, place, message, hint = expected
    matching = [each for each in found if each.code == code and str(each.place) == place]
    assert matching, found
    assert message in matching[0].message
    assert hint in str(matching[0].hint)
