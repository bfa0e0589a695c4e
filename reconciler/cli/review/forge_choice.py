"""Opens the forge of a job, and turns its failures into problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from reconciler.cli.review.ci_context import ForgePlace
from reconciler.forge.forge_opening import ForgeChoice, ForgeKind, open_forge
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports.forge_ports import Forge, ForgeError


def open_place(
    place: ForgePlace, environ: Mapping[str, str], report: Callable[[str], None]
) -> Forge:
    """The forge with the repository. Nothing is sent yet. `report` is shown why a request waits.
    Raises `ForgeError`.
    """
    choice = ForgeChoice(ForgeKind(place.kind), place.project, place.api_url)
    return open_forge(choice, environ, ForgeWaits(report=report))


@contextmanager
def failures_stop() -> Iterator[None]:
    """Stops with a problem if the forge fails while the block runs."""
    try:
        yield
    except ForgeError as failure:
        raise Abort(error("forge", str(failure), hint=failure.hint)) from failure
