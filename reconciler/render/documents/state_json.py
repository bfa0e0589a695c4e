"""State and outputs as JSON documents (plan-format#other-commands)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model import serialize
from reconciler.model.address import parse
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import Version
from reconciler.model.resource import LiveResource
from reconciler.model.serialize import shown
from reconciler.model.state import STALE, Entry, Freeze, State
from reconciler.render.documents.json_document import Document, DocumentType, document

LIVE_FIRST = ("name", "status", "power", "public_ip", "private_ip")
"""What is shown first of a live object."""


def outputs_document(
    outputs: Mapping[str, tuple[Any, str | None]], *, stack: str, environment: str | None
) -> Document:
    """`outputs` is name to `{value, known}`. `stale` is added to values from before the last
    run.
    """
    members = {"stack": stack, "environment": environment, "outputs": output_rows(outputs)}
    return document(DocumentType.OUTPUTS, members)


def output_rows(outputs: Mapping[str, tuple[Any, str | None]]) -> dict[str, Any]:
    """Outputs by name, each `{value, known}`."""
    return {
        name: {
            "value": shown(value),
            "known": reason in (None, STALE),
            **({"stale": True} if reason == STALE else {}),
        }
        for name, (value, reason) in sorted(outputs.items())
    }


def state_document(
    state: State | None,
    *,
    stack: str,
    environment: str | None,
    problems: Sequence[Problem] = (),
) -> Document:
    """Every object in the state, deposed ones last, and the requests with an unknown outcome."""
    members = {
        "stack": stack,
        "environment": environment,
        "serial": None if state is None else state.serial,
        "entries": [] if state is None else _rows(state),
        "open": [] if state is None else _open(state),
        "problems": [serialize.problem(problem) for problem in problems],
        **({} if state is None else _frozen(state.frozen)),
    }
    return document(DocumentType.STATE, members)


def _frozen(found: Freeze | None) -> dict[str, Any]:
    """The member `frozen`, only of a state that is frozen."""
    return {} if found is None else {"frozen": serialize.freeze(found)}


def _rows(state: State) -> list[dict[str, Any]]:
    rows = [
        {
            "address": entry.address,
            "kind": entry.kind,
            "id": entry.id,
            "phase": entry.phase.value,
            "protected": bool(entry.protect),
            "deposed": False,
        }
        for entry in entries(state)
    ]
    rows += [
        {
            "address": old.address,
            "kind": old.kind,
            "id": old.id,
            "phase": old.phase.value,
            "protected": False,
            "deposed": True,
        }
        for _, old in sorted(state.deposed.items())
    ]
    return rows


def _open(state: State) -> list[dict[str, Any]]:
    return [
        {
            "address": intent.address,
            "operation": intent.operation,
            "sent": intent.signed,
            "accepted": result == "accepted",
        }
        for intent, result in state.open.values()
    ]


def history_document(kept: Sequence[Version], *, stack: str, environment: str | None) -> Document:
    """The states that are kept, newest first. `made` is in unix seconds; `by` is who wrote it, null
    if the place does not record that.
    """
    rows = [
        {
            "serial": version.serial,
            "made": None if version.made is None else int(version.made),
            "by": None
            if version.by is None
            else {
                "user": version.by.user,
                "host": version.by.host,
                "command": version.by.command,
                "run": version.by.run,
            },
            **_frozen(version.frozen),
        }
        for version in kept
    ]
    return document(
        DocumentType.HISTORY, {"stack": stack, "environment": environment, "states": rows}
    )


def entry_document(
    entry: Entry, live: LiveResource | None, *, stack: str, environment: str | None
) -> Document:
    """What the account shows of one object, and everything that the state records about it."""
    members = {
        "stack": stack,
        "environment": environment,
        "address": entry.address,
        "kind": entry.kind,
        "id": entry.id,
        "live": None
        if live is None
        else {name: shown(live.attributes.get(name)) for name in LIVE_FIRST},
        "phase": entry.phase.value,
        "protect": list(entry.protect),
        "applied": shown(entry.applied),
        "lookups": shown(entry.lookups),
        "depends_on": list(entry.depends_on),
        "parent": entry.parent,
        "made": entry.made,
    }
    return document(DocumentType.ENTRY, members)


def entries(state: State) -> list[Entry]:
    """The entries of the state by address, indices numerically."""

    def key(entry: Entry) -> Any:
        address = parse(entry.address)
        return (address is None, entry.address if address is None else address.sort_key)

    return sorted(state.entries.values(), key=key)
