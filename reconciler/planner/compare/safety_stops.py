"""What stops a whole run before a plan, because a list of the account cannot be trusted
(safety#absence).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Account
from reconciler.model.resource_type import deletes
from reconciler.model.state import Entry, Phase, State
from reconciler.recovery.settlement_records import LOST
from reconciler.resources import all_kinds

MISSING_PERCENT_MAX = 20


def mass_absence(
    state: State, account: Account, accept: Sequence[tuple[str, str | None]]
) -> Iterator[Problem]:
    """An error for each missing object of a kind of which more than max(1, 20 %) are missing, or
    whose list is empty.

    Objects that we are deleting do not count, nor do new ones that were never ready. `--accept
    gone=ADDRESS`, given for each of them, lets the run continue.
    """
    deleting = {intent.address for intent, _ in state.open.values() if deletes(intent.operation)}
    for kind in sorted(all_kinds().sections):
        tracked = [
            entry
            for entry in state.entries.values()
            if entry.kind == kind and entry.phase is Phase.READY and entry.address not in deleting
        ]
        shown = account.objects.get(kind)
        if not tracked or shown is None:
            continue
        missing = sorted(
            (entry for entry in tracked if entry.id not in shown), key=lambda entry: entry.address
        )
        if not _too_many(missing, tracked, listed=len(shown)):
            continue
        open_ones = [entry for entry in missing if ("gone", entry.address) not in accept]
        for entry in open_ones:
            yield error(
                "mass-absence",
                msg(
                    "{id} is not in the account's list of {kind}: {missing} of {tracked} tracked "
                    "objects are missing; refusing to trust this list",
                    id=entry.id,
                    kind=kind,
                    missing=len(missing),
                    tracked=len(tracked),
                ),
                address=entry.address,
                hint=msg(
                    "check the console; if it is gone: --accept {consent}",
                    consent=pasted(f"gone={entry.address}"),
                ),
            )


def doubled(state: State, account: Account) -> Iterator[Problem]:
    """An error for each object that carries the marker of one of our own objects without being it:
    the cloud has doubled a create. It is never changed.
    """
    ours = {
        e.nonce: (e.id, e.address, e.kind) for e in state.entries.values() if e.nonce is not None
    }
    ours.update(
        {
            old.nonce: (old.id, old.address, old.kind)
            for old in state.deposed.values()
            if old.nonce is not None
        }
    )
    for kind in sorted(all_kinds().sections):
        for id, live in sorted(account.objects.get(kind, {}).items()):
            late = state.facts.get(LOST + (live.nonce or ""))
            if late is not None and id not in {entry.id for entry in state.entries.values()}:
                yield error(
                    "doubled",
                    msg(
                        "{id} carries the marker of an earlier create of {address} that was "
                        "recorded as not executed; the cloud listed it late",
                        id=id,
                        address=late,
                    ),
                    address=late,
                    hint=_remove_in_console(kind, id),
                )
                continue
            id_of_ours, address, its_kind = ours.get(live.nonce or "", (id, "", kind))
            if id_of_ours == id or its_kind != kind:
                continue
            yield error(
                "doubled",
                msg(
                    "{id} carries the marker of {address}, which is {known_id}: the cloud created "
                    "two objects from one request",
                    id=id,
                    address=address,
                    known_id=id_of_ours,
                ),
                address=address,
                hint=_remove_in_console(kind, id),
            )


def _remove_in_console(kind: str, id: str) -> str:
    """The way out. No command deletes it: only one row of a list shows that it is a duplicate, and
    a row may belong to somebody else's object.
    """
    return msg(
        "open {id} under the {kinds} in the console; if it is the duplicate, delete it there: it "
        "is billed and no stack uses it",
        id=id,
        kinds=all_kinds()[kind].nouns,
    )


def _too_many(missing: Sequence[Entry], tracked: Sequence[Entry], *, listed: int) -> bool:
    if not missing:
        return False
    allowed = max(1, len(tracked) * MISSING_PERCENT_MAX // 100)
    return len(missing) > allowed or listed == 0
