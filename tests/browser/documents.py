"""JSON plans that the tests show in a browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.model.plan import Plan
from reconciler.render.plan import plan_json
from reconciler.render.report import report_page
from reconciler.render.report.reported import Report, StackReport, of_document
from tests.render import plans, situations

Document = dict[str, Any]


def of(plan: Plan, **options: Any) -> Document:
    """The JSON plan, as a file has it."""
    found: Document = json.loads(plan_json.text(plan_json.plan_document(plan, **options)))
    return found


def varied() -> dict[str, Document]:
    """Plans by name that have all kinds of changes, problems and steps between them."""
    found = {
        name: of(each.plan(), given=each.accept)
        for name, each in situations.SITUATIONS.items()
        if not name.endswith(("_80", "_200")) and name != "five_hundred"
    }
    return found | {"mixed": of(plans.mixed()), "gated": gated()}


def gated() -> Document:
    """A plan with all that a situation has not: outputs, a freeze, a window, objects of others."""
    found = of(situations.everything())
    passed = {"reason": "a hotfix", "by": "kim@desk", "at": 1_767_000_000}
    objects = [
        {"kind": "instances", "id": "i-77", "name": "legacy", "monthly": 15_000, "marked": None},
        {"kind": "firewalls", "id": "f-78", "name": None, "monthly": 0, "marked": "of another"},
    ]
    return found | {
        "outputs": {
            "address": {"value": "203.0.113.7", "known": True},
            "later": {"value": None, "known": False},
            "table": {"value": {"size": [1, None, "two"]}, "known": True},
        },
        "frozen": {
            "reason": "the yearly sale",
            "by": "lee@desk",
            "at": 1_767_100_000,
            "overrides": [passed],
        },
        "window": {"opens": 1_767_200_000},
        "unmanaged": {"count": 2, "monthly": 15_000, "unpriced": 0, "objects": objects},
    }


def thousand(steps: int = 1_000) -> Document:
    """A plan of that many steps: firewalls, servers, their firewalls and their volumes."""
    found = of(plans.mixed())
    number = steps // 4
    rows = []
    for index in range(number):
        firewall, server, volume = (
            f"firewalls.f{index}",
            f"instances.s{index}",
            f"block_storages.v{index}",
        )
        rows += [
            _step("firewall.create", firewall),
            _step("instance.create", server),
            _step(
                "firewall.attach",
                server,
                f"firewall.create {firewall}",
                f"instance.create {server}",
            ),
            _step("block_storage.create", volume, f"instance.create {server}"),
        ]
    return found | {"steps": rows, "critical": [], "stack": "thousand"}


def _step(operation: str, address: str, *after: str) -> Document:
    return {
        "key": f"{operation} {address}",
        "address": address,
        "operation": operation,
        "after": list(after),
        "after_accepted": [],
        "fallback": None,
        "deposed": False,
        "calls": 1,
    }


def page(document: Document) -> bytes:
    """The report of one plan."""
    return report_page.page(of_document(document))


def pages(documents: Mapping[str, Document]) -> bytes:
    """One report of several stacks, by title, as that of a project."""
    stacks = tuple(StackReport(title, document) for title, document in documents.items())
    return report_page.page(Report(stacks))
