"""Ctrl-C while a plan is being done."""

from __future__ import annotations

import os
import signal

from reconciler.cli.interrupts import SignalHandler


def test_once_is_noted_and_told_and_twice_leaves_at_once() -> None:
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


def test_a_terminal_that_goes_is_one_request_to_end_however_often_it_is_told(hangups: None) -> None:
    left: list[int] = []
    with SignalHandler(lambda: None, leave=left.append) as interrupts:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts() and left == []
        os.kill(os.getpid(), signal.SIGINT)
        assert left == [130]
