"""A delete is proved by two lists with a control, or by the id of the object where there is none
(safety#absence, decisions/proof-of-deletion): what is believed, what is not, and what finds an
object that comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import http
from reconciler.model.state import Note, Phase, State, fold
from reconciler.recovery import settlement_records
from reconciler.recovery.settlement_records import DELETED_MAX
from tests.cloud_harness import CloudHarness

HEAD = """
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_1.1-g1}
instances:
"""
FOUR = HEAD + "  web: {count: 4}\n"
THREE = HEAD + "  web: {count: 3}\n"
UNMARKED = HEAD + "  web: {count: 4, marker: false}\n"
THREE_UNMARKED = HEAD + "  web: {count: 3, marker: false}\n"
LIST = "/v1/instances"
DELETING = [{"status": "deleting", "block_storage": []}]

Lie = Callable[[int], bool]
"""Whether the list with that number, counted from the first after the delete, lacks an object."""


def answer(status: int, result: Any, *, code: str = "0x00", name: str = "SUCCESS") -> http.Response:
    """An answer in the envelope."""
    body = {"code": code, "error_code": name, "message": "", "result": result}
    if isinstance(result, list):
        body["count"] = len(result)
    return http.Response(status, (("Content-Type", "application/json"),), json.dumps(body).encode())


NOT_FOUND = answer(404, "error", code="0x1", name="NOT_FOUND")
BARE_404 = http.Response(404, (("Content-Type", "text/html"),), b"<h1>Not Found</h1>")


class LyingCloud(CloudHarness):
    """A cloud that acknowledges the deletes of some objects and does not execute them, and whose
    lists lack rows.

    `hidden(number)` gives the ids that list `number` after the first delete lacks, or all of them.
    `detail` is answered to every read by id.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.kept: set[str] = set()
        self.hidden: Callable[[int], Collection[str] | None] = lambda number: ()
        self.detail: http.Response | None = None
        self.read_by_id: list[str] = []
        self.lists = 0
        self.deleted = False

    def _send(self, request: http.Request) -> http.Response:
        id = request.path.removeprefix(LIST + "/")
        if request.method == "DELETE":
            self.deleted = True
            if id in self.kept:
                return answer(202, DELETING)
        response = super()._send(request)
        if request.method == "GET" and request.path == LIST and self.deleted:
            return self._listed(response)
        if request.method == "GET" and request.path.startswith(LIST + "/"):
            self.read_by_id.append(id)
            return response if self.detail is None else self.detail
        return response

    def _listed(self, response: http.Response) -> http.Response:
        self.lists += 1
        hidden = self.hidden(self.lists)
        body = json.loads(response.body)
        rows = body["result"]
        body["result"] = (
            [] if hidden is None else [row for row in rows if row["instance_id"] not in hidden]
        )
        body["count"] = len(body["result"])
        return http.Response(response.status, response.headers, json.dumps(body).encode())

    def honest(self) -> None:
        """From now on everything is executed and shown, and some time has passed."""
        self.kept, self.hidden, self.detail = set(), lambda number: (), None
        self.read_by_id, self.lists, self.deleted = [], 0, False
        self.clock.advance_to(self.clock.monotonic() + 900)


def up(tmp_path: Path, text: str = FOUR, **more: Any) -> tuple[LyingCloud, list[str]]:
    """Four servers, and their ids."""
    harness = LyingCloud(**more)
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    state = harness.state
    assert state is not None
    return harness, [state.entries[f"instances.web[{number}]"].id for number in range(4)]


def kept(harness: CloudHarness, id: str) -> bool:
    """Whether the state still has an object."""
    state = harness.state
    assert state is not None
    return id in {entry.id for entry in state.entries.values()} | set(state.deposed)


def codes(problems: Any) -> set[str]:
    return {problem.code for problem in problems}


def test_a_delete_beside_others_is_proved_by_two_lists_alone(tmp_path: Path) -> None:
    harness, ids = up(tmp_path)
    assert harness.apply(harness.stack(THREE, tmp_path)).exit_code == 0
    assert harness.read_by_id == [] and not kept(harness, ids[3])


def test_a_destroy_reads_only_its_last_object_by_id(tmp_path: Path) -> None:
    harness, ids = up(tmp_path)
    assert harness.apply(harness.stack(FOUR, tmp_path), destroy=True).exit_code == 0
    assert len(harness.read_by_id) == 1 and not any(kept(harness, id) for id in ids)


@pytest.mark.parametrize(
    ("text", "hidden", "detail"),
    [
        pytest.param(THREE, lambda number: "one", None, id="missing once"),
        pytest.param(THREE, lambda number: None, None, id="empty, and by its id it exists"),
        pytest.param(THREE, lambda number: None, BARE_404, id="empty, and by its id a bare 404"),
        pytest.param(THREE, lambda number: "none", NOT_FOUND, id="listed, and by its id not found"),
        pytest.param(
            THREE_UNMARKED, lambda number: "all", None, id="missing, without a marker, and exists"
        ),
    ],
)
def test_what_does_not_prove_a_delete(
    tmp_path: Path, text: str, hidden: Callable[[int], str | None], detail: http.Response | None
) -> None:
    # Goal: an object that the cloud did not delete stays in the state, the run reports it, and the
    # next run deletes it.
    harness, ids = up(tmp_path, UNMARKED if text is THREE_UNMARKED else FOUR)
    last = ids[3]
    harness.kept, harness.detail = {last}, detail
    words: dict[str, Lie] = {
        "one": lambda n: n == 1,
        "none": lambda n: False,
        "all": lambda n: True,
    }

    def lacks(number: int) -> Collection[str] | None:
        word = hidden(number)
        if word is None:
            return None
        # The first list is read again just before the delete: the second one is the first look.
        return (last,) if words[word](number) else ()

    harness.hidden = lacks
    result = harness.apply(harness.stack(text, tmp_path))
    assert result.exit_code == 3, result.problems
    assert kept(harness, last) and last in harness.cloud.snapshot().instances
    harness.honest()
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    assert not kept(harness, last) and last not in harness.cloud.snapshot().instances


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("text", ["", ", description: Orders of Seoul"])
def test_an_object_that_comes_back_after_the_run_is_untracked(
    tmp_path: Path, text: str, interrupted: bool
) -> None:
    # Goal: what two lists with a control do not show is believed to be gone. When it is shown
    # again, every later plan reports it: by its marker, or by its id if the text is the user's.
    harness, ids = up(tmp_path, FOUR.replace("4}", f"4{text}}}"))
    less = harness.stack(THREE.replace("3}", f"3{text}}}"), tmp_path)
    harness.kept, harness.hidden = {ids[3]}, lambda number: (ids[3],)
    if interrupted:
        harness.interrupted = lambda: harness.deleted
        assert harness.apply(less).exit_code == 130
        harness.interrupted = lambda: False
        harness.clock.advance_to(harness.clock.monotonic() + 60)
    assert harness.apply(less).exit_code == 0
    assert not kept(harness, ids[3]) and harness.read_by_id == []
    harness.honest()
    assert codes(harness.plan(less).problems) == {"untracked"}
    assert codes(harness.plan(less, destroy=True).problems) == {"untracked"}
    assert harness.apply(less, accept=("duplicate=instances.web[3]",)).exit_code == 0
    assert codes(harness.plan(less).problems) == set()


def test_a_state_keeps_the_ids_of_the_objects_that_were_deleted_last() -> None:
    edited = {"deleted:I-by-hand": "no number"}
    state = State("lineage", 1, "shop", None, facts=edited)
    for number in range(DELETED_MAX + 3):
        made = settlement_records.deleted(replace(state, serial=number + 1), f"I-{number}", "a.b")
        state = fold(state, [Note(number + 1, "run", "deleted", made)])
    assert len(state.facts) == DELETED_MAX
    assert settlement_records.deleted_from(state, "I-2") is None
    assert settlement_records.deleted_from(state, f"I-{DELETED_MAX + 2}") == "a.b"


def test_an_object_that_comes_back_in_the_run_is_deleted_by_the_next_one(tmp_path: Path) -> None:
    # Goal: the lists after its proof belong to other deletes, and show it again.
    harness, ids = up(tmp_path)
    harness.kept, harness.hidden = {ids[0]}, lambda number: (ids[0],) if number < 3 else ()
    result = harness.apply(harness.stack(FOUR, tmp_path), destroy=True)
    assert result.exit_code == 3 and "incomplete" in codes(result.problems)
    state = harness.state
    assert state is not None and state.deposed[ids[0]].phase is Phase.DELETING
    harness.honest()
    assert harness.apply(harness.stack(FOUR, tmp_path), destroy=True).exit_code == 0
    assert harness.cloud.snapshot().instances == {} and harness.state is not None
    assert harness.state.is_empty


@pytest.mark.parametrize("seconds", [0.7, 22.0])
def test_an_interrupt_ends_a_destroy_at_once_and_names_what_was_not_begun(
    tmp_path: Path, seconds: float
) -> None:
    # Goal: every object is either being deleted or named as skipped. After 22 s only the delete is
    # left that is held back.
    harness, _ = up(tmp_path)
    stack = harness.stack(FOUR, tmp_path)
    harness.clock.advance_to(harness.clock.monotonic() + 600)
    began = harness.clock.monotonic()
    harness.interrupted = lambda: harness.clock.monotonic() - began >= seconds
    result = harness.apply(stack, destroy=True)
    assert result.exit_code == 130 and harness.clock.monotonic() - began < seconds + 6
    (told,) = (each for each in result.problems if each.code == "interrupted")
    skipped = {key.split()[-1] for key in result.skipped}
    left = {f"instances.web[{number}]" for number in range(4)}
    assert skipped and left == skipped | {one for one in left if one in str(told.message)}
    harness.interrupted = lambda: False
    assert harness.apply(stack, destroy=True).exit_code == 0
    assert harness.cloud.snapshot().instances == {}


def test_no_page_that_shifts_makes_an_existing_object_look_gone(tmp_path: Path) -> None:
    # Goal: 25 of 30 are deleted one after another, read in pages of 10; two are not executed.
    text = HEAD + "  a: {count: 25}\n  z: {count: 5}\n"
    less = HEAD + "  z: {count: 5}\n"
    harness = LyingCloud(switches={"page_size_cap": 10}, latency_seconds=1.0)
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    state = harness.state
    assert state is not None
    lasting = {state.entries[f"instances.a[{number}]"].id for number in (10, 20)}
    harness.kept = set(lasting)
    result = harness.apply(harness.stack(less, tmp_path))
    assert result.exit_code == 3 and all(kept(harness, id) for id in lasting)
    assert len(harness.cloud.snapshot().instances) == 7
    harness.honest()
    assert harness.apply(harness.stack(less, tmp_path)).exit_code == 0
    assert len(harness.cloud.snapshot().instances) == 5


@pytest.mark.parametrize(("page_size_cap", "wanted"), [(None, 0), (5, 2)])
def test_after_an_interrupt_lists_of_several_pages_are_not_enough(
    tmp_path: Path, page_size_cap: int | None, wanted: int
) -> None:
    # Goal: a later run does not know whether rows moved between pages, however short these are.
    harness = LyingCloud(switches={"page_size_cap": page_size_cap})
    assert harness.apply(harness.stack(HEAD + "  web: {count: 8}\n", tmp_path)).exit_code == 0
    stack = harness.stack(HEAD + "  web: {count: 6}\n", tmp_path)
    harness.interrupted = lambda: harness.deleted
    assert harness.apply(stack).exit_code == 130
    harness.interrupted = lambda: False
    harness.clock.advance_to(harness.clock.monotonic() + 60)
    harness.read_by_id = []
    assert harness.apply(stack).exit_code == 0
    assert len(set(harness.read_by_id)) == wanted and len(harness.cloud.snapshot().instances) == 6
