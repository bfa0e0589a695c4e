"""In which order calls of readings side by side are sent."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.common.read_queue import ReadQueue


@dataclass
class Pages:
    """A reading of so many pages."""

    left: int
    failure: object | None = None

    @property
    def seen(self) -> object | None:
        return None if self.left else "all of it"

    def next_call(self, now: float) -> str:
        return "next page"

    def wake_in(self, now: float) -> float:
        return 0.0

    def take(self, answer: object, now: float) -> None:
        self.left -= 1


def test_a_list_that_has_begun_is_read_to_its_end_before_another_begins() -> None:
    queue = ReadQueue[str, Pages]()
    for key, pages in {"instances": 3, "rules": 1, "members": 2}.items():
        queue.add(key, Pages(pages))
    order = []
    for token in range(6):
        due = queue.next_call(0.0)
        assert due is not None
        queue.sent(token, due[0])
        queue.take(token, None, 0.0)
        order.append(due[0])
    assert order == ["instances", "instances", "instances", "rules", "members", "members"]
    assert not queue
