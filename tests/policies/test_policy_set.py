"""Policies of a project: what their files may say, and what they find in a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.project.project import Located, Project
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Place, Problem, Severity
from reconciler.model.plan import Consent, RiskClass
from reconciler.policies import policy_set
from reconciler.policies.judgement import PolicyJudgement
from tests.policies.plans import change, field, plan


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, in which the command is run."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "policies").mkdir()
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def project(*patterns: str) -> Project:
    where = Place("reconciler.yaml", 3, 5)
    named = tuple(Located(text, where) for text in patterns or ("policies/*.yaml",))
    return Project("shop-infra", Path("reconciler.yaml"), policies=named)


def judged(text: str, document: dict[str, object], title: str = "shop/prod") -> PolicyJudgement:
    Path("policies/rules.yaml").write_text(text)
    return policy_set.load(project()).judge(document, title)


def mistakes(text: str) -> list[Problem]:
    Path("policies/rules.yaml").write_text(text)
    with pytest.raises(Abort) as stop:
        policy_set.load(project())
    return list(stop.value.problems)


def test_a_project_without_policies_allows_everything() -> None:
    assert policy_set.load(Project()).judge(plan(), "shop") == PolicyJudgement()


BUDGET = "- {name: budget, deny: 'plan.cost.after > 500000', say: too dear}\n"


def test_a_policy_denies_a_plan(root: Path) -> None:
    cost = {"before": 0, "after": 500_001}
    denied = judged(BUDGET, plan(cost=cost))
    (problem,) = denied.problems
    assert (problem.severity, problem.code) == (Severity.ERROR, "policy")
    assert str(problem.place) == "policies/rules.yaml:1:10"
    assert "`budget` denies this plan: too dear" in problem.message
    assert exit_codes.of_problems(denied.problems) == exit_codes.REFUSED
    assert not exit_codes.stops(denied.problems), "the plan is shown whole"
    assert judged(BUDGET, plan()) == PolicyJudgement()


def test_changes_are_judged_one_by_one_and_reported_together(root: Path) -> None:
    text = "- {name: no-delete, warn: change.action == 'delete', each: change, say: really?}\n"
    gone = [change(f"instances.web[{n}]", "delete") for n in range(7)]
    (problem,) = judged(text, plan(change("instances.db"), *gone)).problems
    assert problem.severity is Severity.WARNING
    assert problem.address is None and "instances.web[4] and 2 more: really?" in problem.message
    (problem,) = judged(text, plan(change("instances.db"), gone[0])).problems
    assert problem.address == "instances.web[0]"


def test_a_policy_asks_for_consent(root: Path) -> None:
    text = (
        "- {name: big, ask: 'plan.changes.size() > 1'}\n"
        "- {name: loss, ask: change.action == 'delete', each: change, class: data-loss, say: no!}\n"
    )
    found = judged(text, plan(change("instances.a", "delete"), change("instances.b")))
    assert found.consents == (
        Consent(RiskClass.DATA_LOSS, "instances.a"),
        Consent(RiskClass.POLICY, "big"),
    )
    assert [each.severity for each in found.problems] == [Severity.WARNING] * 2
    assert [ask.message for ask in found.asks] == ["plan.changes.size() > 1", "no!"]


def test_a_policy_is_for_the_stacks_of_its_pattern(root: Path) -> None:
    text = "- {name: frozen-prod, deny: 'true', for: '*/prod'}\n"
    for title, denied in (("shop/prod", 1), ("shop/staging", 0), ("prod", 0)):
        assert len(judged(text, plan(), title).problems) == denied


NOT_EVALUATED = [
    ("a price that is not known", "plan.cost.after > 1", "null and a number", "!= null"),
    ("a text for a condition", "plan.stack", "true or false, not a string", ""),
    ("a member of a value", "plan.changes[0].fields[0].after.size > 1", "no `size`", "has("),
    ("no such element", "plan.changes[7].action == ''", "no [7]", "has("),
    ("a division", "1 / (plan.changes.size() - 1) > 1", "division by zero", ""),
    ("types", "plan.stack < 3", "cannot be applied to a string and a number", "string("),
    ("a function", "plan.stack.contains(3)", "contains() needs a string", ""),
    ("arguments", "size(plan.stack, plan.stack) > 3", "too few or too many", ""),
    ("no list", "plan.stack.all(a, true)", "needs a list or map", ""),
]


@pytest.mark.parametrize(
    ("expression", "reason", "hint"),
    [r[1:] for r in NOT_EVALUATED],
    ids=[r[0] for r in NOT_EVALUATED],
)
@pytest.mark.parametrize("verdict", ["deny", "warn", "ask"])
def test_what_cannot_be_evaluated_denies_and_says_why(
    root: Path, verdict: str, expression: str, reason: str, hint: str
) -> None:
    document = plan(
        change("instances.a") | {"fields": [field("x", None, {"os": "ubuntu"})]},
        cost={"before": 0, "after": None},
    )
    (problem,) = judged(f"- name: odd\n  {verdict}: {expression}\n", document).problems
    assert problem.severity is Severity.ERROR and problem.code == "policy"
    assert "`odd` cannot be evaluated, so it denies this plan" in problem.message
    assert reason in problem.message and hint in (problem.hint or "")


MISTAKES = [
    ("a mapping", "a: 1\n", "wrong-type", "1:1", "must be a list"),
    ("a text in the list", "- a\n", "wrong-type", "1:3", "a policy must be a mapping"),
    ("no name", "- deny: 'false'\n", "missing-key", "1:3", "has no `name`"),
    ("a bad name", "- {name: A, deny: 'false'}\n", "bad-format", "1:10", "starting with a letter"),
    ("no verdict", "- name: a\n", "missing-key", "1:3", "`deny`, `warn`, `ask`"),
    ("two verdicts", "- {name: a, deny: 'true', warn: 'true'}\n", "bad-combination", "1:27", "exclusive"),
    ("an unknown key", "- {name: a, deny: 'false', fro: b}\n", "unknown-key", "1:28", "`fro`"),
    ("a boolean", "- {name: a, deny: true}\n", "wrong-type", "1:19", "must be a string"),
    ("a class alone", "- {name: a, deny: 'false', class: gone}\n", "bad-combination", "1:28", "ask"),
    ("an unknown class", "- {name: a, ask: 'false', class: x}\n", "not-allowed", "1:34", "class"),
    ("another each", "- {name: a, ask: 'false', each: step}\n", "not-allowed", "1:33", "each"),
    ("no plan", "- name: a\n  deny: paln.stack == ''\n", "bad-reference", "2:9", "`paln`"),
    ("no each", "- name: a\n  deny: change.action == ''\n", "bad-reference", "2:9", "`change`"),
    ("a typing error", "- name: a\n  deny: plan.cots.after > 1\n", "unknown-attribute", "2:14", "cots"),
    ("in a macro", "- name: a\n  deny: plan.changes.all(c, c.adress == '')\n", "unknown-attribute", "2:31", "adress"),
    ("in an index", "- name: a\n  deny: plan.changes[0].impact.open == []\n", "unknown-attribute", "2:32", "open"),
    ("a summary", "- name: a\n  deny: plan.summary.deleet > 0\n", "unknown-attribute", "2:22", "deleet"),
    ("a function", "- name: a\n  deny: plan.stack.like('x')\n", "expression", "2:20", "like"),
    ("no syntax", "- name: a\n  deny: plan.stack ==\n", "expression", "2:9", "ends too early"),
    ("in a template", "- name: a\n  deny: ${plan.stack == ''}\n", "expression", "2:9", ""),
    (
        "in a block",
        "- name: a\n  deny: |\n    plan.stack == '' ||\n      plan.stac == ''\n",
        "unknown-attribute",
        "4:12",
        "stac",
    ),
    ("an alias", "- &a {name: a, deny: 'false'}\n- *b\n", "yaml-alias", "2:3", "no anchor"),
    ("a tag", "- !!python/object {name: a, deny: 'false'}\n", "yaml-tag", "1:3", "tag"),
    ("a name twice", "- {name: a, deny: 'false'}\n- {name: a, warn: 'false'}\n", "yaml-duplicate-key", "2:10", "already defined at policies/rules.yaml:1:10"),
    ("a reserved name", "- name: a\n  deny: plan.changes.all(plan, true)\n", "expression", "2:9", "reserved"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "place", "part"),
    [row[1:] for row in MISTAKES],
    ids=[row[0] for row in MISTAKES],
)
def test_mistakes_in_a_file_have_a_place(
    root: Path, text: str, code: str, place: str, part: str
) -> None:
    found = mistakes(text)
    assert [(problem.code, str(problem.place)) for problem in found] == [
        (code, f"policies/rules.yaml:{place}")
    ]
    assert part in found[0].message


def test_all_mistakes_of_all_files_are_reported_together(root: Path) -> None:
    Path("policies/a.yaml").write_text("- {name: a, deny: plan.x}\n")
    Path("policies/b.yaml").write_bytes(b"\xff")
    found = mistakes("- {name: a, deny: plan.y}\n- {name: a}\n")
    assert [problem.place.file if problem.place else "" for problem in found] == [
        "policies/a.yaml",
        "policies/b.yaml",
        "policies/rules.yaml",
        "policies/rules.yaml",
    ]


def test_a_pattern_without_files_is_a_mistake(root: Path) -> None:
    # Else a folder that was renamed would allow everything.
    for pattern in ("rules/*.yaml", "policies/**/*.yaml", "../*/policies/*.yaml", "/etc/*.yaml"):
        with pytest.raises(Abort) as stop:
            policy_set.load(project(pattern))
        (problem,) = stop.value.problems
        assert problem.code == "file-missing" and str(problem.place) == "reconciler.yaml:3:5"


def test_files_outside_the_repository_are_not_read(root: Path) -> None:
    outside = root.parent / "secret.yaml"
    outside.write_text(BUDGET)
    Path("policies/rules.yaml").symlink_to(outside)
    with pytest.raises(Abort) as stop:
        policy_set.load(project())
    assert "outside the repository" in stop.value.problems[0].message
    Path("policies/rules.yaml").unlink()
    Path("policies/other.yaml").write_text(BUDGET)
    Path("policies/rules.yaml").symlink_to("other.yaml")
    with pytest.raises(Abort):  # one name twice
        policy_set.load(project())


def test_a_huge_value_as_the_name_of_a_member_is_not_written_out(root: Path) -> None:
    huge = "plan.changes.map(x, plan.changes.map(y, plan.changes.map(z, plan)))"
    text = f"- {{name: bomb, deny: \"{{'a': true}}[{huge}]\"}}\n"
    found = judged(text, plan(*(change(f"instances.n{number}") for number in range(50))))
    assert found.problems[0].severity is Severity.ERROR
    assert len(found.problems[0].message) < 200
