"""Policies take little time and memory, whatever they say: many rules over a large plan are quick,
and one that loops or explodes is cut off and denies.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from reconciler.model.diagnostics import Severity
from reconciler.policies import policy_file, policy_set
from reconciler.policies.policy_set import PolicySet
from tests.policies.plans import change, field, plan

LARGE_SECONDS = 0.3
CUT_OFF_SECONDS = 1.0
MEMORY_BYTES = 100 * 1024 * 1024

RULES = (
    "plan.changes.exists(c, c.impact.opens.exists(o, o.contains('tcp/22 from 10.9')))",
    "plan.changes.exists(c, c.action == 'delete' && c.address.startsWith('firewalls.prod'))",
    "plan.changes.filter(c, c.action in ['replace', 'rebuild']).size() > 20",
    "plan.changes.exists(c, c.fields.exists(f, f.path == 'flavor' && f.after == 'gpu_huge'))",
    "plan.changes.exists(c, opened_to(c, 'tcp/3389').size() > 0)",
)
EACH = (
    "change.action == 'delete' && change.address.contains('prod')",
    "change.impact.downtime_seconds != null && change.impact.downtime_seconds[0] > 600",
    "change.address.matches('^instances[.](prod|live)')",
    "!(change.action in ['create', 'update', 'delete', 'none'])",
    "change.fields.exists(f, f.path == 'zone' && f.before != null && f.before != f.after)",
)


def policies(*expressions: str, each: bool = False) -> PolicySet:
    """A policy for each expression."""
    rows = [
        f"- name: {'e' if each else 'p'}{n}\n  deny: |-\n    {text}\n"
        + ("  each: change\n" if each else "")
        for n, text in enumerate(expressions)
    ]
    problems: list[Any] = []
    found = policy_file.read("".join(rows), "p.yaml", problems)
    assert not problems, problems
    return PolicySet(found)


def large(size: int = 1_000) -> dict[str, Any]:
    """A plan of many changes, as a large stack makes it."""
    fields = [field(name, None, f"value-{name}") for name in ("name", "flavor", "zone", "image")]
    return plan(
        *(
            change(f"instances.web[{n}]", opens=["tcp/443 from 0.0.0.0/0 on web"])
            | {"fields": fields}
            for n in range(size)
        )
    )


def test_fifty_policies_judge_a_thousand_changes_quickly() -> None:
    whole = policies(*RULES * 5).policies
    both = PolicySet((*whole, *policies(*EACH * 5, each=True).policies))
    assert len(both.policies) == 50
    document = large()
    both.judge(plan(), "shop/prod")  # loads the library of patterns
    began = time.process_time()
    found = both.judge(document, "shop/prod")
    assert time.process_time() - began < LARGE_SECONDS
    assert found.problems == ()


LISTS = "[" + ", ".join("1" * 3 for _ in range(30)) + "]"
NESTED = LISTS
for name in "abcdef":
    NESTED += f".map({name}, {LISTS})" if name == "a" else ""

EXPLOSIONS = {
    "loops in loops": "plan.changes.all(a, plan.changes.all(b, plan.changes.all(c, true)))",
    "lists that double": "[[1]].map(a, a + a)" + ".map(a, a + a)" * 60 + ".size() > 0",
    "texts that double": "['aaaaaaaa']" + ".map(a, a + a)" * 60 + ".size() > 0",
    "values that share their parts": "[[1]]"
    + ".map(a, [a, a])" * 60
    + " == [[1]]"
    + ".map(a, [a, a])" * 60,
    "values that share their parts, sorted": "sort([[1], [1]].map(a, [a, a])"
    + ".map(a, [a, a])" * 50
    + ").size() > 0",
    "a list of lists of lists": "plan.changes.map(a, plan.changes.map(b, plan.changes)).size() > 0",
    "texts in a list": "plan.changes.map(a, plan.changes.map(b, a.address + b.address)).size() > 0",
    "patterns that are computed": "plan.changes.all(a, plan.changes.all(b, "
    "!'x'.matches('(a{1,500}){1,2}' + a.address.split('[')[1].replace(']', '')"
    " + b.address.split('[')[1].replace(']', ''))))",
    "a heavy pattern": "plan.changes.all(a, plan.changes.all(b, "
    "!plan.stack.matches('((x+x+)+y){1,9}|(.{1,90}){1,9}z')))",
    "a long text": "plan.changes.all(a, plan.changes.all(b, !plan.digest.matches('(.{1,90}){1,9}z')))",
    "replacements": "plan.changes.all(a, plan.changes.all(b, "
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace('a', plan.digest).size() >= 0))",
    "a split text": "plan.changes.all(a, plan.changes.all(b, plan.digest.split('a').size() > 0))",
    "a joined text": "plan.changes.all(a, plan.changes.all(b, plan.digest.split('a').join('a') != ''))",
    "a searched text": "plan.changes.all(a, plan.changes.all(b, !plan.digest.contains('aab')))",
    "a compared value": "plan.changes.all(a, plan.changes.all(b, a == b || true))",
    "a value in a list": "plan.changes.all(a, plan.changes.all(b, b in plan.changes))",
    "opened ports": "plan.changes.all(a, plan.changes.all(b, opened_to(b, 'tcp/1').size() == 0))",
    "unique values": "plan.changes.all(a, plan.changes.map(b, b.address).distinct().size() > 0)",
}


@pytest.mark.parametrize("expression", EXPLOSIONS.values(), ids=EXPLOSIONS)
def test_an_expression_that_explodes_is_cut_off_and_denies(expression: str) -> None:
    found = policies(expression)
    document = large() | {"digest": "a" * 60_000}
    began = time.process_time()
    (problem,) = found.judge(document, "shop").problems
    assert time.process_time() - began < CUT_OFF_SECONDS
    assert problem.severity is Severity.ERROR and "cannot be evaluated" in problem.message


@pytest.mark.parametrize("name", ["lists that double", "texts that double"])
def test_an_expression_that_explodes_takes_little_memory(name: str) -> None:
    found, document = policies(EXPLOSIONS[name]), large(10)
    tracemalloc.start()
    found.judge(document, "shop")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MEMORY_BYTES


@pytest.mark.parametrize(
    "expression",
    [
        "plan" + ".a" * 5_000,
        "plan" + "['a']" * 900,
        "(" * 3_000 + "true" + ")" * 3_000,
        "(" * 1_500 + "true" + ")" * 1_500,
        "!" * 3_900 + "true",
        "[" * 1_000 + "]" * 1_000 + " == []",
        "true" + " && true" * 400,
        "true ? " * 400 + "true" + " : true" * 400,
        "'x'.matches('" + "(" * 900 + "')",
        "'x'.matches('" + "a{1000}" * 25 + "')",
    ],
)
def test_an_expression_that_is_long_or_deep_is_refused_at_once(expression: str) -> None:
    problems: list[Any] = []
    began = time.process_time()
    found = policy_file.read(f"- name: deep\n  deny: |-\n    {expression}\n", "p.yaml", problems)
    judged = PolicySet(found).judge(plan(), "shop").problems if found else ()
    assert time.process_time() - began < CUT_OFF_SECONDS
    assert problems or judged or found


def test_all_policies_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_set, "PLAN_STEPS_MAX", 500_000)
    many = policies(*[EXPLOSIONS["loops in loops"]] * 40)
    began = time.process_time()
    found = many.judge(large(), "shop")
    assert time.process_time() - began < CUT_OFF_SECONDS
    assert len(found.problems) == 40
