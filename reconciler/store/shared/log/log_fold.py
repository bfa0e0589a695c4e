"""What the log means: each object is checked against the one before it, and folded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged
from reconciler.model.state import Intent, State, fold
from reconciler.store.shared.log.log_format import (
    HINT_DAMAGED,
    ArrivalBody,
    Body,
    CloseBody,
    DepartureBody,
    FenceBody,
    LogHeader,
    LogObject,
    RecordsBody,
    StateBody,
)

_MAY_FOLLOW: Mapping[type[Body] | None, tuple[type[Body], ...]] = {
    None: (FenceBody, ArrivalBody),
    FenceBody: (FenceBody, RecordsBody, StateBody, CloseBody, DepartureBody),
    RecordsBody: (FenceBody, RecordsBody, StateBody, CloseBody, DepartureBody),
    StateBody: (FenceBody, RecordsBody, StateBody, CloseBody, DepartureBody),
    ArrivalBody: (ArrivalBody, CloseBody),
    CloseBody: (FenceBody, ArrivalBody),
    DepartureBody: (FenceBody, ArrivalBody),
}
"""What may come after an object. A fence or an arrival begins an epoch, and only they do."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The last object of the log, as far as the next one has to know it."""

    header: LogHeader
    kind: type[Body]
    digest: str

    @classmethod
    def of(cls, found: LogObject) -> LogEnd:
        """The end of a log whose last object that is."""
        return cls(found.header, type(found.body), found.digest)


@dataclass(frozen=True, slots=True)
class Folded:
    """The state after some objects of the log; None before the first.

    `is_unsaved`: there are records after the last commit. `passage` is the arrival or departure
    with which the log ends, `renamed` a departure to another name in the same place. `step` is that
    of the last intent of the epoch.
    """

    state: State | None = None
    is_unsaved: bool = False
    passage: ArrivalBody | DepartureBody | None = None
    renamed: DepartureBody | None = None
    step: str | None = None


def require_next(before: LogEnd | None, found: LogObject, key: str) -> None:
    """Raises `StateDamaged` if an object cannot come after the one before it, of which None is
    known at position 1.
    """
    header, kind = found.header, type(found.body)
    if before is None:
        if header.position == 1 and header.previous is None and kind in _MAY_FOLLOW[None]:
            return
        raise _broken(key, msg("it is not the beginning of a log"))
    last = before.header
    if header.position != last.position + 1:
        raise _broken(key, msg("it is not at its own position"))
    if header.previous != before.digest:
        raise _broken(key, msg("it follows something else than what is there before it"))
    if kind not in _MAY_FOLLOW[before.kind]:
        raise _broken(key, msg("its kind cannot come there"))
    is_new_epoch = kind in (FenceBody, ArrivalBody)
    if is_new_epoch and (header.epoch, header.began) != (last.epoch + 1, header.position):
        raise _broken(key, msg("its epoch is not the next one"))
    if not is_new_epoch and _writer_of(header) != _writer_of(last):
        raise _broken(key, msg("another run wrote it"))
    may_be_another = kind in (StateBody, ArrivalBody) or before.kind is DepartureBody
    if header.lineage != last.lineage and not may_be_another:
        raise _broken(key, msg("it belongs to another state (lineage)"))


def folded(before: Folded, found: LogObject, key: str) -> Folded:
    """The state after one more object. Raises `StateDamaged` if a serial or a sequence is not the
    next one.
    """
    body = found.body
    match body:
        case FenceBody() if before.passage is not None:
            raise _broken(key, msg("the state is not here any more, or not yet"))
        case FenceBody():
            state = before.state or State(found.header.lineage, 0, body.stack, body.environment)
            return replace(before, state=state, renamed=None, step=None)
        case DepartureBody() if body.is_near:
            return Folded(renamed=body)
        case ArrivalBody() | DepartureBody():
            return replace(before, passage=body, renamed=None, step=None)
        case CloseBody():
            if isinstance(before.passage, ArrivalBody):
                return Folded(before.passage.state)
            return replace(before, step=None)
        case StateBody():
            if before.state is not None and body.state.serial <= before.state.serial:
                raise _broken(key, msg("its serial is not a later one"))
            return Folded(body.state, step=before.step)
        case RecordsBody():
            return _with_records(before, body, key)


def _with_records(before: Folded, body: RecordsBody, key: str) -> Folded:
    state = before.state
    if state is None:
        raise _broken(key, msg("there is no state to which its records belong"))
    if body.serial is not None and body.serial != state.serial + 1:
        raise _broken(key, msg("its serial is not the next one"))
    for sequence, record in enumerate(body.records, start=state.sequence + 1):
        if record.sequence != sequence:
            raise _broken(key, msg("its records are out of order"))
    after = replace(
        state,
        serial=state.serial if body.serial is None else body.serial,
        account=body.account or state.account,
        endpoint=body.endpoint or state.endpoint,
    )
    steps = [record.step for record in body.records if isinstance(record, Intent)]
    is_commit = not body.records and body.serial is not None
    return Folded(
        fold(after, body.records),
        is_unsaved=bool(body.records) or (before.is_unsaved and not is_commit),
        step=steps[-1] if steps else before.step,
    )


def _writer_of(header: LogHeader) -> tuple[int, str, int]:
    return header.epoch, header.token, header.began


def _broken(key: str, reason: str) -> StateDamaged:
    message = msg("the log is broken at {key}: {reason}", key=key, reason=reason)
    return StateDamaged(message, hint=HINT_DAMAGED)
