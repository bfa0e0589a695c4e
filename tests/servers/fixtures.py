"""The fixtures of real servers, and one line about the tests that were not run for want of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.servers.places import Place, Places

NOT_RUN = "not_run"
_left_out: dict[str, int] = {}


@pytest.fixture(scope="session")
def places() -> Iterator[Places]:
    """The servers of this worker; each starts when a test first needs it."""
    with Places() as started:
        yield started


@pytest.fixture
def place(request: pytest.FixtureRequest, places: Places) -> Iterator[Place]:
    """A fresh place of the kind that the test was parametrized with, by `places.each`."""
    yield places.fresh(request.param)
    places.start_again()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Counts the tests that no one asked for by `-m servers`."""
    for item in items:
        mark = item.get_closest_marker("servers")
        if mark is not None and item.config.option.markexpr == "not servers":
            _left_out[mark.args[0]] = _left_out.get(mark.args[0], 0) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its counts to the process that writes the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[NOT_RUN] = dict(_left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """All workers collect the same tests: the counts of one are those of all."""
    _left_out.update(getattr(node, "workeroutput", {}).get(NOT_RUN, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what was left out and how to run it."""
    if _left_out:
        what = ", ".join(sorted(_left_out))
        terminalreporter.write_line(
            f"not run: {sum(_left_out.values())} tests that need {what}; .ci/run-servers runs them"
        )
