"""Lists that lie for a whole run: nothing is made, nothing is dropped, nothing is sent
(safety#absence).
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from reconciler.model import http
from tests.faults import space, stacks
from tests.faults.bench import Bench, lie
from tests.faults.harness import Calm, assert_settled, start

LISTS = ("/v1/instances", "/v1/block-storages", "/v1/security-groups")


def answered(status: int, body: object) -> Callable[[http.Response], http.Response]:
    """The same answer to everything."""
    return lambda _: http.Response(
        status, (("Content-Type", "application/json"),), json.dumps(body).encode()
    )


def _documented(status: int, code: str, name: str) -> Callable[[http.Response], http.Response]:
    return answered(status, {"code": code, "error_code": name, "message": "", "result": "error"})


LIES: dict[str, Callable[[http.Response], http.Response]] = {
    "an empty list": lambda response: lie(response, "emptied"),
    "a list without its last row": lambda response: lie(response, "shortened"),
    "401": answered(401, {"message": "unauthorized"}),
    "403": _documented(403, "0x07", "CHECK_IP"),
    "404": answered(404, {"message": "Not Found"}),
    "a documented not-found": _documented(404, "0x0D", "NOT_FOUND"),
    "500": answered(500, {"message": "Server Error"}),
    "a success that is none": answered(
        200, {"code": "0x00", "error_code": "SUCCESS", "message": ""}
    ),
    "a page of HTML": lambda _: http.Response(200, (), b"<html><body>maintenance</body></html>"),
    "null": answered(200, {"code": "0x00", "error_code": "SUCCESS", "message": "", "result": None}),
}


def begun(name: str) -> tuple[Calm, Bench]:
    """A story at its beginning."""
    calm = space.calm_of(name)
    return calm, start(calm.story, calm.saved, calm.nonces)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("name", LIES)
def test_an_incomplete_list_changes_nothing(name: str, path: str) -> None:
    # Goal: nothing is sent but reads, no record is dropped; when the list is true again, the next
    # run finds nothing to do.
    calm, bench = begun("no change")
    before = bench.state
    bench.lies = lambda request, response: (
        LIES[name](response) if request.path == path else response
    )
    ended = bench.run(calm.stack)
    assert ended.exit_code not in (0, None), f"{name} of {path} was believed"
    assert [boundary.what for boundary in bench.counted.sends if boundary.is_write] == []
    after = bench.state
    assert before is not None and after is not None and after.entries == before.entries
    bench.lies = None
    bench.clock.advance(120.0)
    assert bench.run(calm.stack).exit_code == 0 and not bench.violations
    assert_settled(bench, calm.stack, calm.story)


@pytest.mark.parametrize("name", ["an empty list", "a list without its last row", "404", "500"])
def test_a_missing_object_is_not_recreated_while_something_else_changes(name: str) -> None:
    # Goal: the change that the file asks for may be done, but no object that the state holds is
    # made a second time or forgotten.
    calm, bench = begun("one server less")
    before = bench.state
    bench.lies = lambda request, response: (
        LIES[name](response) if request.path == "/v1/instances" else response
    )
    bench.run(calm.stack)
    made = [boundary.what for boundary in bench.counted.sends if boundary.is_create]
    after = bench.state
    assert made == [] and before is not None and after is not None
    assert set(before.entries) - set(after.entries) <= {"instances.web[2]"}
    bench.lies = None
    bench.clock.advance(120.0)
    bench.run(calm.stack)
    assert bench.run(calm.stack).exit_code == 0 and not bench.violations


def test_the_story_without_a_change_has_every_kind() -> None:
    text = stacks.story("no change").after
    assert all(kind in text for kind in ("instances:", "block_storages:", "firewalls:"))
