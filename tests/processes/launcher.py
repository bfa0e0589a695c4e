"""Starts the real program on a clock that the test moves: unix seconds run `RATE` times as fast
since `EPOCH`, plus `OFFSET`.

The fence and signatures are in real time whatever the time scale is (local-cloud#the-local-cloud),
and nobody waits for it in a test. The local cloud of the test runs on the same clock. Nothing else
is changed: the process, its sockets, its files and its signals are those of the program.
"""

from __future__ import annotations

import os
import time
import types

from reconciler.iwinv import clock


def moved(epoch: float, rate: float, offset: float) -> float:
    """The unix seconds of a moved clock, now."""
    return epoch + (time.time() - epoch) * rate + offset


def main() -> None:
    """Moves the clock and runs the program's own entry point."""
    epoch, rate, offset = (
        float(os.environ[f"TEST_CLOCK_{name}"]) for name in ("EPOCH", "RATE", "OFFSET")
    )
    clock.time = types.SimpleNamespace(  # type: ignore[assignment,attr-defined]
        time=lambda: moved(epoch, rate, offset), monotonic=time.monotonic
    )
    from reconciler.__main__ import main as program

    program()


if __name__ == "__main__":
    main()
