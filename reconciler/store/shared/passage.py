"""A state that is not here, or not yet: it was moved away, or is being moved here."""

from __future__ import annotations

from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.model.ports import StateDamaged
from reconciler.store.shared.log.log_format import ArrivalBody
from reconciler.store.shared.log.log_reader import LogReading


def require_usable(reading: LogReading) -> None:
    """Raises `StateDamaged` if the state is somewhere else."""
    passage = reading.folded.passage
    if passage is None:
        return
    if isinstance(passage, ArrivalBody):
        message = msg(
            "the state is being moved here from {origin}, and that is not complete",
            origin=passage.origin,
        )
        raise StateDamaged(message, hint=msg("run the command that moves it again"))
    hint = msg("set the place of the state: export RECONCILER_STATE={to}", to=pasted(passage.to))
    raise StateDamaged(msg("the state was moved to {to}", to=passage.to), hint=hint)
