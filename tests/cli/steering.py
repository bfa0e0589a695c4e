"""The local cloud of a session, steered by a test: faults, switches, another world, and time that
passes while a command waits for it.
"""

from __future__ import annotations

import os
import signal
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler import simulator
from reconciler.iwinv import clock
from reconciler.iwinv.network import Arrival, ThreadNetwork
from reconciler.model.http import Request
from reconciler.simulator.answers import Answer
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.faults import Fault
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import load_world, save_world
from tests import hints

PAST_THE_FENCE_SECONDS = 600.0


class Steering:
    """What the local clouds of a session do from now on; each command has one of its own, over the
    same world.

    The program and its cloud share one clock, which is `ahead` seconds ahead of the machine's. A
    wait with no request in flight moves it instead of waiting. A pasted hint runs at the time at
    which it was printed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        self._faults: tuple[Fault, ...] = ()
        self._interrupted_at = ""
        self.switches: Mapping[str, object] = {}
        monkeypatch.setattr(simulator, "Cloud", self._cloud)
        moved = types.SimpleNamespace(time=self.time, monotonic=self._monotonic)
        monkeypatch.setattr(clock, "time", moved)
        waits = ThreadNetwork.next

        def next_or_later(network: ThreadNetwork, seconds: float) -> tuple[int, Arrival] | None:
            if network._due:
                return waits(network, seconds)
            self.ahead += max(seconds, 0.0)
            return None

        monkeypatch.setattr(ThreadNetwork, "next", next_or_later)
        paste_all = hints.paste_all

        def paste_now(
            arguments: Sequence[str], text: str, run: Callable[[Sequence[str]], tuple[int, str]]
        ) -> None:
            now = self.ahead

            def run_now(pasted: Sequence[str]) -> tuple[int, str]:
                self.ahead = now
                return run(pasted)

            paste_all(arguments, text, run_now)
            self.ahead = now

        monkeypatch.setattr(hints, "paste_all", paste_now)

    def time(self) -> float:
        """Unix seconds, for the program and the cloud."""
        return time.time() + self.ahead

    def _monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def _cloud(self, **options: Any) -> Cloud:
        steering = self

        class Steered(Cloud):
            def exchange(self, request: Request, *, peer: str = "127.0.0.1") -> Answer:
                where = steering._interrupted_at
                if where and where in f"{request.method} {request.path}":
                    steering._interrupted_at = ""
                    os.kill(os.getpid(), signal.SIGINT)
                return super().exchange(request, peer=peer)

        return Steered(clock=self.time, faults=self._faults, switches=self.switches, **options)

    @contextmanager
    def failing(self, instant: str, method: str, route: str, **more: Any) -> Iterator[None]:
        """The first request of that kind fails at that instant, in each command of the block."""
        self._faults = (Fault(instant, method=method, route=route, nth=1, **more),)
        try:
            yield
        finally:
            self._faults = ()

    @contextmanager
    def interrupted_at(self, request: str) -> Iterator[None]:
        """Ctrl-C comes together with the first request whose method and path contain the text."""
        self._interrupted_at = request
        try:
            yield
        finally:
            self._interrupted_at = ""


def change(path: str, act: Callable[[World], None]) -> None:
    """Changes the kept world of a local cloud, as the provider would."""
    world = load_world(Path(path))
    act(world)
    save_world(world, Path(path))
