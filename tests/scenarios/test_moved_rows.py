"""While a list is read page by page, rows leave it and others move to a page that was read before.
An object that the list misses then is neither taken for gone nor trusted unread (quota#lists).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.common.timing import PAGE_SIZE
from reconciler.executor import Result
from reconciler.model import http
from reconciler.simulator.faults import Fault
from reconciler.simulator.world import World
from tests.cloud_harness import CloudHarness

SERVERS = """
version: 1
stack: shop
instances:
  web: {count: 130, zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1, ssh_keys: [deploy]}
"""


@dataclass
class Destroyed:
    """A stack that was destroyed while a row of the first page left the list of instances. `missed`
    is the id of the instance that moved to the first page after it was read.
    """

    harness: CloudHarness
    result: Result
    missed: str

    def requests(self) -> list[http.Request]:
        """The requests about that instance before its delete was answered."""
        found = [request for _, request in self.harness.sends if self.missed in request.path]
        deletes = [n for n, request in enumerate(found) if request.method == "DELETE"]
        return found[: deletes[0] + 1] if deletes else found


def destroy(
    tmp: Path, and_then: Callable[[CloudHarness, World, str], object] = lambda *_: None
) -> Destroyed:
    """Applies the stack and destroys it. Once the first page of the precondition was read, somebody
    deletes an instance of his own on it, and does something to the instance that moves.
    """
    harness = CloudHarness()
    stack = harness.stack(SERVERS, tmp)
    assert harness.apply(stack).exit_code == 0
    other = "INSTANCE-anothers0000000000000"
    mine = list(harness.cloud.world.instances)
    harness.cloud.change(lambda world: _put_first(world, other))
    missed = mine[PAGE_SIZE - 1]
    plans = len(harness.plans)

    def leave(world: World) -> None:
        world.remove("instance", other, world.time)
        and_then(harness, world, missed)

    def meanwhile() -> bool:
        last = harness.sends[-1][1]
        is_first_page = dict(last.query).get("page_no") == "1" and last.path == "/v1/instances"
        if len(harness.plans) > plans and is_first_page and other in harness.cloud.world.instances:
            harness.cloud.change(leave)
        return False

    harness.interrupted = meanwhile
    harness.sends.clear()
    result = harness.apply(stack, destroy=True)
    assert other not in harness.cloud.world.instances
    return Destroyed(harness, result, missed)


def _put_first(world: World, id: str) -> None:
    """Puts an instance of somebody else before all others."""
    first = next(iter(world.instances.values()))
    others = dict(world.instances)
    world.instances.clear()
    world.put(replace(first, instance_id=id, name="another", description=None))
    world.instances.update(others)


def test_an_object_that_moved_to_an_earlier_page_is_deleted_after_one_read_by_its_id(
    tmp_path: Path,
) -> None:
    destroyed = destroy(tmp_path)
    assert (destroyed.result.exit_code, dict(destroyed.result.failed)) == (0, {})
    assert destroyed.harness.cloud.world.instances == {}
    assert [request.method for request in destroyed.requests()] == ["GET", "DELETE"]


def _remove(harness: CloudHarness, world: World, id: str) -> None:
    world.remove("instance", id, world.time)


def _make_anew(harness: CloudHarness, world: World, id: str) -> None:
    world.put(replace(world.instances[id], created=world.time - 5.0))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (_remove, "it is no longer in the account's list; nothing was sent"),
        (_make_anew, "it changed since the plan: creation time was"),
    ],
    ids=["gone", "changed"],
)
def test_an_object_that_moved_and_is_not_as_planned_is_left_alone(
    act: Callable[[CloudHarness, World, str], object], message: str, tmp_path: Path
) -> None:
    destroyed = destroy(tmp_path, act)
    failures = [failure.message for failure in destroyed.result.failed.values()]
    assert destroyed.result.exit_code == 3 and len(failures) == 1
    assert failures[0].startswith(message)
    assert [request.method for request in destroyed.requests()] == ["GET"]


def _answer_busy(times: int | None) -> Callable[[CloudHarness, World, str], object]:
    def act(harness: CloudHarness, world: World, id: str) -> None:
        harness.cloud.add_faults(
            Fault(
                "refused_before",
                method="GET",
                route=f"/v1/instances/{id}",
                code="DELETED_OR_WORKING_INSTANCE",
                times=times,
            )
        )

    return act


def test_an_object_that_moved_and_is_busy_is_read_again(tmp_path: Path) -> None:
    destroyed = destroy(tmp_path, _answer_busy(1))
    assert (destroyed.result.exit_code, dict(destroyed.result.failed)) == (0, {})
    assert [request.method for request in destroyed.requests()] == ["GET", "DELETE"]


def test_an_object_that_no_list_shows_and_that_stays_busy_is_left_alone(tmp_path: Path) -> None:
    def hide(harness: CloudHarness, world: World, id: str) -> None:
        _answer_busy(None)(harness, world, id)
        world.put(replace(world.instances[id], visible_from=world.time + 86_400))

    destroyed = destroy(tmp_path, hide)
    failures = [failure.message for failure in destroyed.result.failed.values()]
    assert failures == ["could not re-read it before an irreversible change; nothing was sent"]
    requests = destroyed.requests()
    assert {request.method for request in requests} == {"GET"} and len(requests) < 70
