"""A rebuild to the image that an instance has leaves no evidence: whatever happened to its answer,
a person decides (safety#settling).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands import actions, context
from reconciler.commands.recover import Answers
from reconciler.model import ports
from reconciler.model.address import parse
from reconciler.model.plan import RiskClass
from reconciler.model.resource import Stack
from reconciler.planner.checks.approval import Acceptance, GivenConsent
from reconciler.simulator.faults import Fault
from tests.cloud_harness import CloudHarness, Interrupts, shown
from tests.scenarios.test_recover import STACK, recover

RISKS = (RiskClass.DATA_LOSS, RiskClass.DOWNTIME)


def rebuild(harness: CloudHarness) -> context.Applied:
    """One `server rebuild instances.web` in a process of its own."""
    run = context.Run(
        id="rebuild",
        holder=ports.Holder("tester", "lab", 9, "apply", harness.clock.time()),
        nonce=harness.nonce,
        interrupts=Interrupts(harness),
        again="reconciler server rebuild instances.web",
        wait=False,
    )
    given = GivenConsent(accept=tuple(map(Acceptance, RISKS)), yes=True)
    prompter = context.Prompter(
        show=lambda planned, decision: None,
        ask=lambda planned, decision: False,
        emit=harness.events.append,
    )
    address = parse("instances.web")
    assert address is not None
    return actions.act(
        Stack("shop", None, {}),
        address,
        actions.ACTS["rebuild"],
        harness.connection(),
        harness.store,
        context.Execution(run, given, prompter),
    )


@pytest.mark.parametrize("instant", ["lost_before", "answer_lost"])
def test_a_rebuild_whose_answer_was_lost_is_left_to_a_person(instant: str, tmp_path: Path) -> None:
    harness = CloudHarness(faults=(Fault(instant, method="POST", route="rebuildInstance", nth=1),))
    stack = harness.stack(STACK, tmp_path)
    assert harness.apply(stack).exit_code == 0

    assert rebuild(harness).exit_code == 3
    harness.clock.advance(1000)
    found = recover(harness, stack)

    assert found.exit_code == 3 and harness.state is not None and len(harness.state.open) == 1
    (case,) = found.cases
    assert "leaves no evidence" in case.reason
    assert shown(harness.plan(stack)) == ["decide instances.web"]
    found = recover(harness, stack, Answers(not_created=("instances.web",)))
    assert found.exit_code == 0 and not harness.plan(stack).steps
