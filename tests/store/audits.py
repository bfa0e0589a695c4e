"""Entries of the audit log for tests, and what every log must be."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model.ports.audit_ports import AuditLog
from reconciler.model.review.audit_entry import (
    ActorKind,
    AuditActor,
    AuditApproval,
    AuditedPlan,
    AuditedRun,
    AuditedSource,
    AuditEntry,
    AuditOutcome,
)


def entry(number: int = 1, *, name: str = "kim", title: str = "shop/prod") -> AuditEntry:
    """An entry with every member; `number` is in its time and its run id."""
    return AuditEntry(
        1_763_870_400 + number,
        AuditActor(ActorKind.CI, name, "https://git.example/acme/infra/actions/runs/412"),
        "ci apply",
        AuditOutcome.APPLIED,
        title,
        AuditedPlan(
            "4f" * 32,
            (AuditApproval("lee", "2871", 1_763_870_300), AuditApproval("박", "2872", 0)),
            ("delete", "downtime"),
        ),
        AuditedRun(f"{name}-{number}", 0, 12),
        AuditedSource("ab" * 20, 41),
    )


def require_whole(log: AuditLog, runs: Sequence[str | None]) -> None:
    """Requires a whole chain with exactly the entries of these runs, in any order, at the positions
    1, 2, 3 and so on.
    """
    trail = log.entries()
    assert trail.fault is None, trail.fault
    assert [record.position for record in trail.records] == list(range(1, len(runs) + 1))
    assert sorted(str(record.entry.run.id) for record in trail.records) == sorted(map(str, runs))
