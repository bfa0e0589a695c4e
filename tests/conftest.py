"""For all tests: random inputs repeat from run to run, and are never timed (the machine is
shared).
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import extent, hints
from tests.house.hint_templates import pattern
from tests.servers.fixtures import (  # noqa: F401
    place,
    places,
    pytest_deselected,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=extent.examples(160)
)
settings.load_profile("repeatable")
# A width of the terminal that started the tests is no width of the output they look at.
os.environ.pop("COLUMNS", None)
# A shell that starts the tests in the background lets them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keeps the garbage collector from looking through all modules and tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.fixture
def hangups() -> Iterator[None]:
    """Processes that a test starts hear of a lost terminal, even if the tests themselves run under
    `nohup`.
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def its_hints_are_printed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is named as the situation of a hint prints it."""
    wanted = hints.situations_of(request.node.nodeid)
    hints.begin(is_situation=bool(wanted))
    yield
    missing = [
        template
        for template in wanted
        if not any(pattern(template).search(hint) for hint in hints.printed)
    ]
    assert not missing, f"never printed: {missing}"
