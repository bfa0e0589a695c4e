"""Accounts in which a stack stands as it asks for, made by the product itself in virtual time, and
what they answer to reads.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

from bench import replay, stacks
from reconciler.iwinv.signing import Keys
from reconciler.model import http, ports
from reconciler.model.resource import Stack
from tests.cloud_harness import CloudHarness


@dataclass(frozen=True, slots=True)
class Settled:
    """An account with a stack that was applied to it. `folder` holds `stack.yaml`, the state and
    the answers, for `bench.replay`.
    """

    harness: CloudHarness
    stack: Stack
    folder: Path
    servers: int


def settle(servers: int, folder: Path) -> Settled:
    """Applies the stack of so many servers and lays down what a plan of it needs."""
    harness = CloudHarness(latency_seconds=0.2)
    stack = harness.stack(stacks.stack(servers), folder)
    result = harness.apply(stack)
    assert result.exit_code == 0, result.problems
    keys = Keys(access=harness.cloud.access_key, secret=harness.cloud.secret_key)
    writer = harness.store.open(
        ports.Holder("bench", "bench", 1, "bench", 0.0),
        timeout_seconds=0,
        stack=stack.name,
        environment=None,
    )
    writer.commit(account=keys.digest)
    writer.close()
    _lay_down(harness, stack, folder)
    return Settled(harness, stack, folder, servers)


def _lay_down(harness: CloudHarness, stack: Stack, folder: Path) -> None:
    state = folder / "state" / stack.name
    (state / "history").mkdir(parents=True)
    for name in ("state.json", "journal"):
        data = harness.store.disk.read(harness.store.folder / name, 1 << 30)
        assert data is not None
        (state / name).write_bytes(data)
    harness.sends.clear()
    plan = harness.plan(stack)
    assert plan.is_empty, plan.changes
    text = (folder / "stack.yaml").read_text(encoding="utf-8")
    for name, edit in stacks.EDITS.items():
        plan = harness.plan(harness.stack(edit(text), folder / folder_of(name)))
        assert not plan.is_empty, plan.problems
    answers: dict[tuple[str, tuple[tuple[str, str], ...]], http.Response] = {}
    for _, request in harness.sends:
        harness.cloud.forget_quota()
        answers[request.path, request.query] = harness.cloud.handle(
            harness.cloud.signed("GET", request.path, query=dict(request.query))
        )
    (folder / replay.RECORDING).write_bytes(pickle.dumps(answers))


def folder_of(edit: str) -> str:
    """The folder of the stack after an edit, inside the folder of the stack."""
    return edit.replace(" ", "-")
