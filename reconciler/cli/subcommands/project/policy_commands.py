"""`policy list`, `policy test`: the policies of a project, and what they find in example plans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import ends
from reconciler.common.text import msg
from reconciler.model import exit_codes, serialize
from reconciler.render import escape, layout
from reconciler.render.documents.json_document import DocumentType, document
from reconciler.render.format import phrase
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.policies.judgement import PolicyJudgement
    from reconciler.policies.policy import Policy
    from reconciler.policies.policy_set import PolicySet
    from reconciler.policies.policy_tests import PolicyTestResult


@click.group()
def policy() -> None:
    """List or test the policies of the project. The cloud is not read."""


@policy.command(
    "list",
    epilog="""\b
Examples:
  reconciler policy list
  reconciler policy list --format json""",
)
@options.stack_argument
@options.format_option
@options.output_options
@ends
def list_policies(console: Console, *, stack: str) -> int:
    """List the policies that reconciler.yaml names: what each does, and for which stacks.

    All mistakes in their files are reported together.
    """
    policies = _loaded(stack)
    if console.json:
        rows = [_row(each) for each in policies.policies]
        rows += [_module_row(name) for name, _ in policies.modules]
        console.result_json(document(DocumentType.POLICY_LIST, {"policies": rows}))
        return exit_codes.DONE
    if not policies:
        console.result([Line(phrase("This project has no policies."))])
        return exit_codes.DONE
    style = console.style(console.out)
    for each in policies.policies:
        head = f"{each.effect.value:<4}  {each.name}"
        titles = "" if each.pattern == "*" else phrase(" (for {pattern})", pattern=each.pattern)
        console.result([Line(f" {escape.outside(head + titles)}", Tone.TITLE)])
        text = each.text or each.condition.source
        text = escape.outside(text)
        console.result(list(layout.labelled(" " * 7, [text], style, tone=Tone.FAINT)))
    for name, _ in policies.modules:
        console.result([Line(f" rego  {escape.outside(name)}", Tone.TITLE)])
    return exit_codes.DONE


@policy.command(
    "test",
    epilog="""\b
Examples:
  reconciler policy test
  reconciler policy test --plan plan.json""",
)
@click.option(
    "--plan",
    "plans",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="Judge this JSON plan instead of the tests; repeatable.",
)
@options.stack_argument
@options.format_option
@options.output_options
@ends
def test(console: Console, *, stack: str, plans: Sequence[str]) -> int:
    """Judge the example plans in `tests/*.yaml` beside the policies, and compare what is found with
    what each expects.

    With --plan, judge plans that `plan --format json` printed, and show what the policies find.
    """
    policies = _loaded(stack)
    return _judged(console, policies, plans) if plans else _tested(console, policies)


def _loaded(stack: str) -> PolicySet:
    from reconciler.config.project import project_file
    from reconciler.policies import policy_set

    return policy_set.load(project_file.load(Path(stack)))


def _row(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "effect": policy.effect.value,
        "class": policy.risk.value if policy.effect.value == "ask" else None,
        "each": "change" if policy.condition.each_change else None,
        "for": policy.pattern,
        "say": policy.text,
        "expression": policy.condition.source,
        "place": serialize.place(policy.place),
    }


def _module_row(name: str) -> dict[str, Any]:
    others = dict.fromkeys(("class", "each", "say", "expression"))
    place = {"file": name, "line": 1}
    return {"name": "rego", "effect": "rego", **others, "for": "*", "place": place}


def _judged(console: Console, policies: PolicySet, plans: Sequence[str]) -> int:
    from reconciler.policies import plan_document_file

    found = []
    for file in plans:
        plan = plan_document_file.read(Path(file))
        found.append((file, policies.judge(plan, plan_document_file.title(plan))))
    problems = [problem for _, judged in found for problem in judged.problems]
    code = exit_codes.of_problems(problems)
    if console.json:
        rows = [_judged_row(file, judged) for file, judged in found]
        members = {"tests": rows, "exit_code": code}
        console.result_json(document(DocumentType.POLICY_TEST, members))
        return code
    for file, judged in found:
        if judged.problems:
            console.problems(judged.problems)
        else:
            text = phrase("{file}: no policy objects", file=file)
            console.result([Line(f" {escape.outside(text)}", Tone.GOOD)])
    return code


def _judged_row(file: str, judged: PolicyJudgement) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for each in judged.verdicts:
        found.setdefault(each.effect, []).append(each.policy)
    problems = [serialize.problem(each) for each in judged.problems]
    return {"file": file, "passed": None, "expected": None, "found": found, "problems": problems}


def _tested(console: Console, policies: PolicySet) -> int:
    from reconciler.policies import policy_tests

    results = policy_tests.run(policies, policy_tests.load_tests(policies))
    failed = sum(not each.passed for each in results)
    code = exit_codes.ERROR if failed else exit_codes.DONE
    if console.json:
        rows = [_test_row(each) for each in results]
        members = {"tests": rows, "exit_code": code}
        console.result_json(document(DocumentType.POLICY_TEST, members))
        return code
    for each in results:
        console.result(list(_test_lines(each)))
    total = phrase("{count} tests passed", count=len(results))
    if len(results) == 1:
        total = phrase("1 test passed")
    if failed:
        total = phrase("{failed} of {count} tests failed", failed=failed, count=len(results))
    if not results:
        total = phrase("There are no tests: write one into tests/ beside the policies.")
    console.result([Line(f" {total}", Tone.CARE if failed or not results else Tone.GOOD)])
    return code


def _test_row(result: PolicyTestResult) -> dict[str, Any]:
    return {
        "file": result.test.file,
        "passed": result.passed,
        "expected": {key: list(names) for key, names in result.test.expected.items()},
        "found": {key: list(names) for key, names in result.found.items()},
        "problems": [serialize.problem(each) for each in result.problems],
    }


def _test_lines(result: PolicyTestResult) -> Iterator[Line]:
    file = escape.outside(result.test.file)
    if result.passed:
        yield Line(f" {phrase('passed')}  {file}", Tone.GOOD)
        return
    yield Line(f" {phrase('failed')}  {file}", Tone.CARE)
    for effect, name in result.missing:
        text = phrase("expected, but not found: {effect} {name}", effect=effect, name=name)
        yield Line(f"   {escape.outside(text)}")
    for effect, name in result.unexpected:
        text = phrase("found, but not expected: {effect} {name}", effect=effect, name=name)
        yield Line(f"   {escape.outside(text)}")
    if any(effect == "failed" for effect, _ in result.unexpected):
        for problem in result.problems:
            yield Line(f"   {escape.outside(msg('{text}', text=problem.message))}", Tone.FAINT)
