"""What may hold back an apply besides its plan: a freeze, a window, a policy. Each is looked at when
the plan is made and again before the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands import apply as applying
from reconciler.commands import context
from reconciler.commands import plan as planning
from reconciler.commands.project.gate_values import GateRules, Gates, Judge
from reconciler.config.project.project import Window
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error, warning
from reconciler.model.plan import Consent, RiskClass
from reconciler.model.resource import Stack
from reconciler.model.state import Freeze, Note, Override, StateChange
from reconciler.planner import saved_plan
from reconciler.planner.checks.approval import GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.saved_plan import Made, SavedOptions, SavedPlan
from reconciler.policies.judgement import Ask, PolicyJudgement
from reconciler.simulator.faults import Fault, FaultPlan
from tests.cloud_harness import CloudHarness, Interrupts
from tests.scenarios.world import SHOP

ONE = SHOP + "instances:\n  web: {firewall: web}\n"
FREEZE = Freeze("quarterly audit", "kim@build-7", 1_763_870_400)
OVERRIDE = Override("hotfix 412", "lee@laptop", 1_763_880_000)
MONDAY = 1_764_547_200.0  # 2025-12-01 00:00 UTC
WINDOWS = (Window(frozenset({0}), 60, 120, "UTC"),)
BEFORE, DURING, AFTER = MONDAY, MONDAY + 5400, MONDAY + 7200


def freeze(harness: CloudHarness, change: StateChange) -> None:
    """What `freeze` and `unfreeze` record."""
    holder = ports.Holder("kim", "build-7", 1, "freeze", 0.0)
    writer = harness.store.open(holder, timeout_seconds=0.0, stack="shop", environment=None)
    writer.append(Note(writer.state.sequence + 1, "", "freeze", (change,)))
    writer.commit()
    writer.close()


def refused(harness: CloudHarness, stack: Stack) -> list[str]:
    """The codes with which an apply is refused. Nothing may have been written to the cloud."""
    since = len(harness.sends)
    with pytest.raises(Abort) as stop:
        harness.apply(stack)
    assert stop.value.exit_code == 4
    assert [request.method for _, request in harness.sends[since:] if request.method != "GET"] == []
    return [problem.code for problem in stop.value.problems]


def denying(document: Mapping[str, Any], title: str) -> PolicyJudgement:
    """A policy that denies every plan."""
    return PolicyJudgement((error("policy", f"no-deploys denies the plan of {title}"),))


def asking(document: Mapping[str, Any], title: str) -> PolicyJudgement:
    """A policy that asks for consent to every plan."""
    consent = Consent(RiskClass.DOWNTIME, "careful")
    return PolicyJudgement((warning("policy", "careful"),), (Ask("careful", consent, "careful"),))


def agreeing(document: Mapping[str, Any], title: str) -> PolicyJudgement:
    """A policy that finds nothing."""
    return PolicyJudgement()


def gates(
    *,
    windows: tuple[Window, ...] = (),
    judge: Judge | None = None,
    at: float = 0.0,
    override: Override | None = None,
) -> Gates:
    return Gates(lambda title: GateRules(windows, judge), lambda: at, override)


class Meanwhile(list[context.Planned]):
    """Lets something happen after a plan is shown."""

    def __init__(self, happen: Callable[[], object]) -> None:
        super().__init__()
        self._happen = happen

    def append(self, planned: context.Planned) -> None:
        super().append(planned)
        self._happen()


def test_a_freeze_holds_back_an_apply_until_it_ends(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    freeze(harness, StateChange(freeze=FREEZE))

    planned = planning.plan(stack, harness.connection(), harness.store, PlanOptions())
    assert planned.exit_code == 0 and planned.plan.gates.frozen == FREEZE
    assert [problem.code for problem in planned.problems] == ["frozen"]
    assert "quarterly audit" in planned.problems[0].message
    assert refused(harness, stack) == ["frozen"]

    freeze(harness, StateChange(unfreeze="kim@build-7"))
    assert harness.apply(stack).exit_code == 0


def test_a_freeze_after_the_plan_was_made_stops_its_apply(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    assert not harness.plan(stack).problems[1:]
    freeze(harness, StateChange(freeze=FREEZE))
    assert refused(harness, stack) == ["frozen"]


def test_a_run_with_a_reason_passes_the_freeze_and_the_reason_is_kept(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    freeze(harness, StateChange(freeze=FREEZE))
    harness.gates = gates(override=OVERRIDE)

    assert harness.apply(stack).exit_code == 0
    assert harness.state is not None
    assert harness.state.frozen == replace(FREEZE, overrides=(OVERRIDE,))
    harness.gates = None
    assert harness.apply(stack).exit_code == 0, "a plan that sends nothing is not held back"
    assert harness.state.frozen == replace(FREEZE, overrides=(OVERRIDE,))


def test_an_apply_begins_only_in_a_window(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    harness.gates = gates(windows=WINDOWS, at=BEFORE)
    connection = harness.connection()
    planned = planning.plan(stack, connection, harness.store, PlanOptions(), gates=harness.gates)
    assert planned.exit_code == 0 and planned.plan.gates.opens == MONDAY + 3600
    assert "Mon 2025-12-01 01:00 UTC" in planned.problems[0].message
    assert refused(harness, stack) == ["window"]

    harness.gates = gates(windows=WINDOWS, at=DURING)
    assert harness.apply(stack).exit_code == 0


def test_a_window_that_closes_while_the_plan_is_read_stops_the_apply(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    time = [DURING]
    harness.gates = Gates(lambda title: GateRules(WINDOWS), lambda: time[0])
    harness.plans = Meanwhile(lambda: time.__setitem__(0, AFTER))
    assert refused(harness, stack) == ["window"]
    assert harness.plans[-1].plan.gates.opens is None


def test_what_is_settled_out_of_its_window_begins_nothing_new(tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.gates = gates(windows=WINDOWS, at=DURING)
    assert harness.apply(harness.stack(ONE, tmp_path)).exit_code == 0
    stack = harness.stack(ONE.replace("web}", "web, description: other}"), tmp_path)
    harness.cloud.add_faults(Fault("lost_before", method="PUT"))
    assert harness.apply(stack, wait=False).exit_code == 3
    assert harness.state is not None and len(harness.state.open) == 1
    harness.cloud.faults = FaultPlan(())
    harness.gates = gates(windows=WINDOWS, at=AFTER)
    assert refused(harness, stack) == ["window"]


@pytest.mark.parametrize("later", [denying, asking])
def test_a_policy_that_changes_while_the_plan_is_read_stops_the_apply(
    tmp_path: Path, later: Judge
) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    judges: list[Judge] = [agreeing]
    harness.gates = Gates(lambda title: GateRules(judge=judges[-1]), lambda: 0.0)
    harness.plans = Meanwhile(lambda: judges.append(later))
    assert refused(harness, stack) == ["policy"]


def test_what_a_policy_denies_is_an_error_of_the_plan_and_never_applied(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    harness.gates = gates(judge=denying)
    connection = harness.connection()
    planned = planning.plan(stack, connection, harness.store, PlanOptions(), gates=harness.gates)
    assert planned.exit_code == 4
    assert planning.is_recordable(planned), "a saved plan is judged when it is applied"
    assert refused(harness, stack) == ["policy"]
    assert harness.plans[-1].plan.steps, "the plan is shown whole"


def test_what_a_policy_asks_for_is_consent_of_its_class(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    harness.gates = gates(judge=asking)
    with pytest.raises(Abort) as stop:
        harness.apply(stack, accept=())
    assert "--accept downtime=careful" in str(stop.value.problems[0].hint)
    with pytest.raises(Abort):
        harness.apply(stack, accept=("delete", "downtime=instances.web"))
    assert harness.apply(stack, accept=("downtime",)).exit_code == 0
    # nothing is asked of a plan without changes
    assert harness.apply(stack, accept=()).exit_code == 0


def test_policies_judge_the_plan_as_it_is_printed(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    seen: list[tuple[Mapping[str, Any], str]] = []

    def judge(document: Mapping[str, Any], title: str) -> PolicyJudgement:
        seen.append((document, title))
        return PolicyJudgement()

    harness.gates = gates(judge=judge)
    harness.apply(stack)
    document, title = seen[0]
    assert title == "shop" and (document["type"], document["stack"]) == ("plan", "shop")
    assert [row["action"] for row in document["changes"]] == ["create"] * len(document["changes"])


def saved_apply(harness: CloudHarness, stack: Stack, plan: SavedPlan) -> context.Applied:
    """Applies a saved plan with the gates of the harness."""
    run = context.Run(
        "run-9",
        ports.Holder("kim", "build-7", 1, "apply", 0.0),
        harness.nonce,
        Interrupts(harness),
        "reconciler apply",
    )
    talk = context.Prompter(lambda *shown: None, lambda *asked: False, lambda event: None)
    execution = context.Execution(run, GivenConsent(yes=True), talk, harness.gates)
    return applying.apply_saved(stack, harness.connection(), harness.store, plan, execution)


def save(harness: CloudHarness, stack: Stack) -> SavedPlan:
    """A plan as it is read back from its file."""
    connection = harness.connection()
    planned = planning.plan(stack, connection, harness.store, PlanOptions(), gates=harness.gates)
    made = SavedPlan(
        planned.plan,
        account=connection.account,
        endpoint=connection.endpoint,
        simulated=connection.simulated,
        made=Made(0, "kim"),
        options=SavedOptions.of(PlanOptions()),
    )
    return saved_plan.read(saved_plan.write(made))


@pytest.mark.parametrize(
    ("code", "now"),
    [
        ("window", gates(windows=WINDOWS, at=AFTER)),
        ("policy", gates(judge=denying)),
    ],
)
def test_a_saved_plan_is_judged_when_it_is_applied(tmp_path: Path, code: str, now: Gates) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    plan = save(harness, stack)
    harness.gates = now
    with pytest.raises(Abort) as stop:
        saved_apply(harness, stack, plan)
    assert [problem.code for problem in stop.value.problems] == [code]
    harness.gates = gates(windows=WINDOWS, judge=agreeing, at=DURING)
    assert saved_apply(harness, stack, plan).exit_code == 0


def test_a_plan_saved_out_of_its_window_or_denied_can_be_applied_later(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    harness.gates = gates(windows=WINDOWS, judge=denying, at=BEFORE)
    plan = save(harness, stack)
    assert plan.id == replace(plan, plan=harness.plan(stack)).id
    harness.gates = None
    assert saved_apply(harness, stack, plan).exit_code == 0


def test_a_saved_plan_of_a_stack_that_was_frozen_since_names_the_freeze(tmp_path: Path) -> None:
    harness = CloudHarness()
    stack = harness.stack(ONE, tmp_path)
    plan = save(harness, stack)
    freeze(harness, StateChange(freeze=FREEZE))
    with pytest.raises(Abort) as stop:
        saved_apply(harness, stack, plan)
    assert [problem.code for problem in stop.value.problems] == ["frozen"]
    plan = save(harness, stack)
    harness.gates = gates(override=OVERRIDE)
    assert saved_apply(harness, stack, plan).exit_code == 0
