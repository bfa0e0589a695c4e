"""What the file states already is no drift: after `absorb`, or an equal edit by hand, neither
`plan` nor `drift` has anything to report.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import plan_output
from reconciler.commands import absorb
from reconciler.commands import plan as planning
from reconciler.config import loader
from reconciler.planner.compare.assessment import PlanOptions
from tests.cloud_harness import CloudHarness, shown
from tests.scenarios.test_absorb import STACK, ids, send


def edit_firewall(harness: CloudHarness) -> None:
    send(
        harness,
        "PUT",
        f"/v1/security-groups/{ids(harness)['firewalls.web']}",
        {"title": "shop-web", "icmp": "N"},
    )


def edit_rule(harness: CloudHarness) -> None:
    found = ids(harness)
    path = f"/v1/security-groups/{found['firewalls.web']}/rules/{found['firewalls.web.rules.ssh']}"
    send(harness, "PUT", path, {"ip": "198.51.100.0/24"})


def add_rule(harness: CloudHarness) -> None:
    body = {"bound": "IN", "protocol": "TCP", "port": "8080", "ip": "10.0.0.0/8", "title": "x"}
    send(harness, "POST", f"/v1/security-groups/{ids(harness)['firewalls.web']}/rules", body)


def remove_rule(harness: CloudHarness) -> None:
    found = ids(harness)
    send(
        harness,
        "DELETE",
        f"/v1/security-groups/{found['firewalls.web']}/rules/{found['firewalls.web.rules.https']}",
    )


def edit_server(harness: CloudHarness) -> None:
    path = f"/v1/instances/{ids(harness)['instances.db']}"
    send(harness, "POST", f"{path}/resize", {"flavor_id": "std_4.8-g1"})
    send(harness, "POST", f"{path}/shutdown")
    send(harness, "PUT", path, {"name": "front"})


def move_members(harness: CloudHarness) -> None:
    found = ids(harness)
    send(
        harness,
        "POST",
        f"/v1/security-groups/{found['firewalls.db']}/attach",
        {"instance_id": found["instances.app"]},
    )
    send(harness, "POST", f"/v1/block-storages/{found['block_storages.data']}/detach")


EDITS: list[tuple[Callable[[CloudHarness], None], tuple[str, ...]]] = [
    (edit_firewall, ("firewalls.web",)),
    (edit_rule, ("firewalls.web",)),
    (add_rule, ("firewalls.web",)),
    (remove_rule, ("firewalls.web",)),
    (edit_server, ("instances.db",)),
    (move_members, ("instances.app", "block_storages.data")),
]


def looks(harness: CloudHarness, folder: Path) -> list[Any]:
    """What `plan` and `drift` find, with the exit code of `--detailed-exitcode`."""
    stack = loader.load_stack(folder / "stack.yaml", environment=None).stack
    both = (
        planning.plan(stack, harness.connection(), harness.store, PlanOptions()),
        planning.drift(stack, harness.connection(), harness.store),
    )
    return [(plan_output.exit_code(found, detailed=True), shown(found.plan)) for found in both]


@pytest.mark.parametrize("api", ["security-groups", "firewall"])
@pytest.mark.parametrize(("edit", "addresses"), EDITS, ids=[edit.__name__ for edit, _ in EDITS])
def test_after_absorb_neither_plan_nor_drift_reports_a_change(
    edit: Callable[[CloudHarness], None], addresses: tuple[str, ...], api: str, tmp_path: Path
) -> None:
    # Goal: `plan` said "No changes" and ended with 2, until the next apply.
    harness, path = CloudHarness(firewall_api=api), tmp_path / "stack.yaml"
    assert harness.apply(harness.stack(STACK, tmp_path)).exit_code == 0
    harness.cloud.forget_quota()
    edit(harness)
    assert [code for code, _ in looks(harness, tmp_path)] == [2, 2]
    harness.cloud.forget_quota()

    def load(texts: Any) -> loader.Loaded:
        return loader.load_stack(path, environment=None, instead=texts)

    wanted = addresses
    absorb.write(absorb.absorb(load({}).stack, wanted, harness.connection(), harness.store, load))
    harness.cloud.forget_quota()
    assert looks(harness, tmp_path) == [(0, []), (0, [])]
    harness.cloud.forget_quota()
    assert not absorb.absorb(
        load({}).stack, wanted, harness.connection(), harness.store, load
    ).texts
    harness.cloud.forget_quota()
    assert harness.apply(load({}).stack).exit_code == 0
    harness.cloud.forget_quota()
    assert looks(harness, tmp_path) == [(0, []), (0, [])]
