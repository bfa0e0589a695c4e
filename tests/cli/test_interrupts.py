"""Ctrl-C while a plan is being done."""

from __future__ import annotations

import os
import signal

from reconciler.cli.interrupts import SignalHandler


def test_the_first_interrupt_is_reported_and_the_second_ends_at_once() -> None:
    told: list[str] = []
    left: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    with SignalHandler(lambda: told.append("once"), leave=left.append) as interrupts:
        assert not interrupts()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts() and told == ["once"] and left == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert left == [130]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_lost_terminal_counts_as_one_interrupt(hangups: None) -> None:
    left: list[int] = []
    with SignalHandler(lambda: None, leave=left.append) as interrupts:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts() and left == []
        os.kill(os.getpid(), signal.SIGINT)
        assert left == [130]
