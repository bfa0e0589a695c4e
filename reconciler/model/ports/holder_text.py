"""What is shown of the run that holds the lock of a stack."""

from __future__ import annotations

from reconciler.common.text import joined, msg
from reconciler.common.timing import kst
from reconciler.model.ports.state_ports import Holder

RECENT_SECONDS = 600.0
"""Up to this age, a sign of life is shown in seconds, not as a date."""


def title(holder: Holder | None, last_sign: float | None, now: float) -> str:
    """Who works on the stack, where, with which command, since when, at which step, and when the
    run last gave a sign of life. `last_sign` as in `Held`, `now` in unix seconds.
    """
    if holder is None:
        who = msg("another run works on this stack")
    else:
        who = msg(
            "{user} on {host} (process {pid}) works on this stack: `{command}` since {began}{step}",
            user=holder.user,
            host=holder.host,
            pid=holder.pid,
            command=holder.command,
            began=kst(holder.since),
            step=msg(", at {step}", step=holder.step) if holder.step else "",
        )
    if last_sign is None:
        return who
    return joined("; ", (who, sign_of_life(last_sign, now)))


def sign_of_life(last_sign: float, now: float) -> str:
    """When a run last gave a sign of life. A clock that is ahead makes none later than now."""
    seconds = max(now - last_sign, 0.0)
    if seconds > RECENT_SECONDS:
        return msg("last sign of life {moment}", moment=kst(last_sign))
    return msg("last sign of life {seconds:.0f} s ago", seconds=seconds)
