"""Conditions of the author: decided from the file at load, from the account in a plan, and after the
steps of an apply; what waits for an object with a false one is not done.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.variables import VariableInputs
from tests.builders import at
from tests.cli import sessions
from tests.cloud_harness import CloudHarness
from tests.stackfiles import HEAD, built, problems, told

SERVER = (
    "zone: kr1-z01, image: {os: ubuntu, version: '22.04'}, ssh_keys: [deploy], flavor: std_2.4-g1"
)


def check(condition: str, message: str = "wrong") -> str:
    return f'assert: [{{check: "${{{condition}}}", message: "{message}"}}]'


def web(condition: str, rest: str = "") -> str:
    """A server with a condition, its firewall, and two objects that wait for the server."""
    return f"""{HEAD}
firewalls:
  web: {{rules: {{a: {{direction: in, protocol: tcp, ports: 80, cidr: 0.0.0.0/0}}}}}}
  db:
    rules:
      a: {{direction: in, protocol: tcp, ports: 22, cidr: "${{instances.web.private_ip}}/32"}}
instances:
  web: {{{SERVER}, firewall: web, {check(condition, "no ${self.name}")}}}
block_storages:
  data: {{type: ssd, size: 10, instance: web}}
{rest}"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (check("true"), []),
        (check("false"), ["3:18 assert"]),
        ('assert: [{check: true, message: "x"}, {check: false, message: "x"}]', ["3:47 assert"]),
        (check("1 + 1"), ["3:18 assert"]),
        (check("vars.x"), ["3:21 missing-reference"]),
        (check("self.name == 'x'"), ["3:21 bad-reference"]),
        ('assert: [{check: "vars.x > 0", message: x}]', ["3:18 wrong-type"]),
        ("assert: [{check: true}]", ["3:10 missing-key"]),
        ("assert: {check: true, message: x}", ["3:9 wrong-type"]),
        ("assert: ", []),
        (f"instances: {{a: {{count: 2, {check('count.index < 1')}}}}}", ["3:44 assert"]),
        (f"instances: {{a: {{{check('self.nam == null')}}}}}", ["3:37 unknown-attribute"]),
        (f"instances: {{a: {{when: false, {check('false')}}}}}", []),
    ],
)
def test_what_the_file_decides_is_reported_at_load(text: str, expected: list[str]) -> None:
    assert [line for line in told(HEAD + text) if "missing-key" not in line or "3:10" in line] == (
        expected
    )


def test_all_false_conditions_are_reported_together_with_their_messages() -> None:
    text = f"""{HEAD}
locals: {{n: 2}}
assert:
  - {{check: "${{locals.n > 2}}", message: "n is ${{locals.n}}"}}
  - {{check: "${{locals.n < 2}}", message: "too many"}}
"""
    assert [problem.message for problem in problems(text)] == [
        "check failed: n is 2",
        "check failed: too many",
    ]


def test_a_condition_without_a_usable_message_says_that_it_is_false() -> None:
    for message in ("", "${null}"):
        found = [p.message for p in problems(HEAD + check("false", message)) if p.code == "assert"]
        assert found == ["check failed: the condition is false"]


def test_conditions_of_a_component_hold_for_each_use(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "version: 1\ncomponent: box\nparameters: {n: {type: integer}}\n"
        'assert: [{check: "${vars.n > 1}", message: "${component.name} has ${vars.n}"}]\n'
        f"instances: {{a: {{{SERVER}, {check('self.public_ip != null')}}}}}\n"
    )
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "stack.yaml").write_text(
        f"{HEAD}components:\n  a: {{use: ../c.yaml, with: {{n: 1}}}}\n"
        "  b: {use: ../c.yaml, with: {n: 2}}\n"
    )
    from reconciler.config import stack_folder
    from reconciler.config.builder import draft

    document, found = stack_folder.load(tmp_path / "stack")
    stack, wrong = draft(document, environment=None, variables=VariableInputs())
    assert [problem.message for problem in (*found, *wrong)] == ["check failed: a has 1"]
    assert [each.address for each in stack.checks] == [at("instances.a_a"), at("instances.b_a")]


def test_a_condition_counts_in_the_digest() -> None:
    one, other = web("self.public_ip != null"), web("self.private_ip != null")
    assert built(one).digest != built(other).digest
    assert built(one).digest == built("# a comment\n" + one).digest


def test_a_false_condition_after_a_step_ends_the_run_with_an_error(tmp_path: Path) -> None:
    # Goal: the object stays and has its firewall; what waits for it is not done.
    harness, text = CloudHarness(), web("self.private_ip == 'none'", "outputs: {n: {value: 1}}")
    applied = harness.apply(harness.stack(text, tmp_path))
    assert applied.exit_code != 0
    assert harness.state is not None
    assert sorted(harness.state.entries) == [
        "firewalls.db",
        "firewalls.web",
        "firewalls.web.rules.a",
        "instances.web",
    ]
    assert harness.state.entries["instances.web"].applied["firewall"] == "firewalls.web"
    assert set(applied.skipped.values()) == {"a check of instances.web failed"}
    assert [p.message for p in applied.problems if p.code == "assert"] == [
        "instances.web: check failed: no shop-web"
    ]
    harness.cloud.forget_quota()
    again = harness.plan(harness.stack(text, tmp_path))
    assert [(p.code, p.address) for p in again.problems if p.code == "assert"] == [
        ("assert", "instances.web")
    ]
    assert again.steps == ()
    (false,) = [p for p in again.problems if p.code == "assert"]
    assert false.hint is not None and false.hint.endswith("add --replace instances.web")
    harness.cloud.forget_quota()
    mended = harness.stack(web("self.private_ip != 'none'"), tmp_path)
    assert harness.apply(mended).exit_code == 0
    assert "block_storages.data" in harness.state.entries
    harness.cloud.forget_quota()
    wrong = harness.stack(text, tmp_path)
    assert harness.plan(wrong, destroy=True).steps


def test_a_condition_of_the_stack_is_decided_at_the_end_of_the_run(tmp_path: Path) -> None:
    harness = CloudHarness()
    text = web("true", check("instances.web.public_ip == 'none'", "ip ${instances.web.public_ip}"))
    applied = harness.apply(harness.stack(text, tmp_path))
    assert applied.exit_code == 1
    assert harness.state is not None and "block_storages.data" in harness.state.entries
    assert applied.skipped == {}
    messages = [p.message for p in applied.problems if p.code == "assert"]
    assert len(messages) == 1 and messages[0].startswith("check failed: ip ")


def test_a_condition_on_what_a_later_step_changes_waits_for_it(tmp_path: Path) -> None:
    harness = CloudHarness()
    text = web("self.firewall == firewalls.web.id")
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0


def test_a_destroy_is_not_stopped_by_a_condition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions.begin(monkeypatch, tmp_path, {"stack.yaml": sessions.WEB})
    assert sessions.call(capsys, "apply", "--yes", *sessions.SCALE)[0] == 0
    (tmp_path / "stack.yaml").write_text(f"{sessions.WEB}\n{check('false', 'not here')}\n")
    code, out, err = sessions.call(capsys, "apply", "--yes", *sessions.SCALE)
    assert code == 1
    assert "error[assert]  check failed: not here" in out + err
    accept = ("--accept", "delete", "--accept", "data-loss")
    assert sessions.call(capsys, "destroy", "--yes", *accept, *sessions.SCALE)[0] == 0
