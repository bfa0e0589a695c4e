"""Policies in Rego: what they find, and that they cannot read a key or hold up a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.project.project import Located, Project
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Severity
from reconciler.policies import policy_set, rego
from reconciler.policies.policy_set import PolicySet
from tests.policies.plans import change, plan

HEAD = "package reconciler\n"
GOOD = (
    HEAD
    + """
deny contains message if {
  some change in input.changes
  change.action == "delete"
  message := sprintf("%s must stay", [change.address])
}
warn contains {"msg": "dear"} if input.cost.after > 100000
"""
)


def judged(text: str) -> list[tuple[Severity, str]]:
    document = plan(change("instances.a", "delete"), change("instances.b"))
    found = PolicySet(modules=(("p.rego", text),)).judge(document, "shop")
    return [(problem.severity, str(problem.message)) for problem in found.problems]


def test_messages_deny_and_warn() -> None:
    assert judged(GOOD) == [
        (Severity.ERROR, "p.rego denies this plan: instances.a must stay"),
        (Severity.WARNING, "p.rego warns of this plan: dear"),
    ]
    assert judged(HEAD + "deny contains x if { x := input.nothing }\n") == []


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("deny contains x if {", "unclosed"),
        (
            "deny contains x if { some a in numbers.range(1, 100000)\n"
            "some b in numbers.range(1, 100000)\na * b == 7\nx := 1 }",
            "too much time",
        ),
        ("f(x) := 1\nf(x) := 2\ndeny contains 1 if f(1) == 1", "deny cannot be evaluated"),
        ("denny contains 1", "has a set deny or warn"),
    ],
)
def test_what_cannot_be_evaluated_denies(body: str, part: str) -> None:
    ((severity, message),) = judged(HEAD + body)
    assert severity is Severity.ERROR
    assert "cannot be evaluated, so they deny this plan" in message and part in message


def test_the_environment_is_not_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IWINV_SECRET_KEY", "canary-of-the-key")
    ((_, message),) = judged(HEAD + "deny contains opa.runtime().env if true")
    assert "canary" not in message and "IWINV" not in message and "HOME" not in message


def test_a_missing_library_is_reported_with_the_way_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rego, "find_spec", lambda name: None)
    (tmp_path / "a.rego").write_text(GOOD)
    project = Project("shop", tmp_path / "reconciler.yaml", policies=(Located("*.rego"),))
    with pytest.raises(Abort) as stop:
        policy_set.load(project)
    (problem,) = stop.value.problems
    assert problem.code == "policy" and "iwinv-reconciler[rego]" in (problem.hint or "")


@pytest.mark.parametrize("text", ["package main\ndeny contains 1\n", "deny contains 1\n"])
def test_a_module_that_nothing_looks_at_is_a_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.rego").write_text(GOOD)
    (tmp_path / "b.rego").write_text(text)
    project = Project("shop", tmp_path / "reconciler.yaml", policies=(Located("*.rego"),))
    with pytest.raises(Abort) as stop:
        policy_set.load(project)
    (problem,) = stop.value.problems
    assert "b.rego is not of the package" in problem.message and problem.hint
