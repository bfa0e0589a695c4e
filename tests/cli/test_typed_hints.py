"""Commands in hints are typed for the stack that they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.console import Console
from reconciler.cli.run_context import Session
from reconciler.model.diagnostics import error

SESSION = Session(
    Console(),
    Path("web.yaml"),
    environment="prod",
    simulate=True,
    variables=[("n", "3")],
    part=["--only", "instances.a"],
)
PLACE = "web.yaml --env prod"
HINTS = [
    ("reconciler recover", f"reconciler recover {PLACE} --var n=3 --simulate"),
    ("or `reconciler recover`", f"or `reconciler recover {PLACE} --var n=3 --simulate`"),
    (
        "reconciler recover --adopt instances.a=ID",
        f"reconciler recover {PLACE} --var n=3 --simulate --adopt instances.a=ID",
    ),
    (
        "run `reconciler apply` again",
        f"run `reconciler apply {PLACE} --var n=3 --only instances.a --simulate` again",
    ),
    (
        "`reconciler doctor` shows the reason",
        f"`reconciler doctor --stack {PLACE} --simulate` shows the reason",
    ),
    (
        "`reconciler catalog flavors` shows others",
        "`reconciler catalog flavors --stack web.yaml --simulate` shows others",
    ),
    ("or `reconciler state unlock`", f"or `reconciler state unlock --stack {PLACE} --simulate`"),
    (
        "reconciler state forget 'instances.a[\"b\"]'",
        f"reconciler state forget --stack {PLACE} --simulate 'instances.a[\"b\"]'",
    ),
    ("`reconciler apply ../b.yaml` first", "`reconciler apply ../b.yaml --simulate` first"),
    ("the version of reconciler that wrote it", "the version of reconciler that wrote it"),
    ("the next reconciler plan shows it", "the next reconciler plan shows it"),
]


@pytest.mark.parametrize(("hint", "typed"), HINTS)
def test_a_command_in_a_hint_names_the_stack(hint: str, typed: str) -> None:
    # Goal: pasted, it acts on the same stack, environment and cloud as the command that printed it.
    once = SESSION.pasteable(error("internal", "m", hint=hint))
    assert once.hint == typed
    assert SESSION.pasteable(once).hint == typed


def test_a_command_in_a_hint_stays_short_for_the_stack_of_the_folder() -> None:
    here = Session(Console(), Path())
    for hint, _ in HINTS:
        assert here.pasteable(error("internal", "m", hint=hint)).hint == hint
