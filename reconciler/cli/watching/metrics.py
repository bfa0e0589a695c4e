"""Files about the last pass: metrics for the textfile collector of Prometheus, or a JSON document.
Each is replaced as a whole, so a reader never finds half of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.commands.saved_plans.plan_file import put_file
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.watching import Health
from reconciler.render import escape

if TYPE_CHECKING:
    from reconciler.model.watching import Passed
    from reconciler.render.documents.json_document import Document

_LABELS = ("project", "stack")


def write(file: Path, passes: Iterable[Passed], project: str, document: Document) -> None:
    """Writes a file: JSON if its name ends in `.json`, else metrics. Stops if it cannot be
    written.
    """
    if file.suffix == ".json":
        data = (escape.json_text(document, indent=2) + "\n").encode()
    else:
        data = _metrics(passes, project)
    try:
        put_file(file, data)
    except OSError as failure:
        message = msg(
            "{file} cannot be written: {reason}", file=file, reason=failure.strerror or failure
        )
        raise Abort(error("metrics", message)) from failure


def _metrics(passes: Iterable[Passed], project: str) -> bytes:
    try:
        from prometheus_client import CollectorRegistry, Gauge, generate_latest
    except ImportError as failure:
        hint = msg(
            "run: uv tool install 'iwinv-reconciler[watch]' (or, in a virtual environment: "
            "pip install 'iwinv-reconciler[watch]')"
        )
        message = msg("metrics need the Python package prometheus-client")
        raise Abort(error("metrics", message, hint=hint)) from failure
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"reconciler_{name}", text, (*_LABELS, *labels), registry=registry)

    health = gauge("health", "1 for the health of the stack, 0 for the others", "health")
    drifted = gauge("drifted_resources", "Resources that were changed outside")
    reverted = gauge("reverted_resources", "Resources that the last pass reverted")
    read_at = gauge("last_complete_reading_timestamp_seconds", "Begin of the last complete reading")
    calls = gauge("pass_api_calls", "API calls of the last pass")
    cost = gauge("cost_krw_per_month", "What the stack costs a month, without VAT")
    for each in passes:
        labels, memory = (project, each.title), each.decision.memory
        for one in Health:
            health.labels(*labels, one.value).set(one is each.decision.health)
        drifted.labels(*labels).set(len(each.drifted))
        reverted.labels(*labels).set(len(each.reverted))
        calls.labels(*labels).set(each.calls)
        if memory.read_at is not None:
            read_at.labels(*labels).set(memory.read_at)
        if each.monthly is not None:
            cost.labels(*labels).set(each.monthly)
    return generate_latest(registry)
