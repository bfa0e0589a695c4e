"""1,000 events of pull requests, shuffled, doubled and 10 % of them lost, with jobs interleaved at
each call of the forge: each pull request ends with one comment a stack and the right statuses.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from reconciler.commands.review import approvals, publishing
from reconciler.commands.review.approvals import ApprovalRules, ReviewedPlan
from reconciler.commands.review.publishing import Look, Posting, Postings, PublishingEnd
from reconciler.common import json_text
from reconciler.model.ports.forge_ports import (
    CommitStatus,
    ForgeComment,
    PullRequest,
    PullState,
    StatusState,
)
from reconciler.render.review import markers, pull_comment
from tests.doubles.memory_forge import MemoryForge
from tests.review.scheduler import Scheduler

EVENTS, PULLS = 1_000, 10
TITLES = ("network", "shop/staging", "shop/prod", "db")
RULES = ApprovalRules({"any": 1}, frozenset({"kim", "lee"}))
WRITES = {"add_comment", "edit_comment", "remove_comment", "set_status"}


class World:
    """People, a forge, and jobs. `applied` is what the states of the stacks say."""

    def __init__(self, seed: int, *, faults: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.scheduler = Scheduler(seed)
        self.forge = MemoryForge()
        self.applied: set[tuple[int, str, str]] = set()
        self.faults = faults
        self.ends: Counter[PublishingEnd] = Counter()
        self.waiting: list[Callable[[], None]] = []
        self.forge.listen(self.call)
        for _ in range(PULLS):
            self.forge.world.open_pull("park", branch=f"b{_}")

    def call(self, account: str, operation: str) -> None:
        self.scheduler.wait()
        if self.random.random() < self.faults:
            self.forge.fail(operation, is_done=operation in WRITES and self.random.random() < 0.5)

    # what is true

    def titles(self, commit: str) -> tuple[str, ...]:
        """The stacks that a commit touches."""
        return tuple(t for n, t in enumerate(TITLES) if int(commit[n], 16) < 10) or TITLES[:1]

    def postings(self, pull: PullRequest, comments: tuple[ForgeComment, ...]) -> Postings:
        """What is to be said about a pull request, as it is now."""
        ids = {t: json_text.checksum([pull.head, t]) for t in self.titles(pull.head)}
        found, stacks = approvals.read(comments), []
        missing = 0
        for title, id in ids.items():
            plan = ReviewedPlan(title, id)
            verdict = approvals.judge(plan, found, RULES, pull.author, among=ids.values())
            is_applied = (pull.number, title, pull.head) in self.applied
            text = f"{pull.head[:12]} {verdict.counted} {is_applied} {pull.state.value}"
            state = StatusState.SUCCESS if is_applied else StatusState.PENDING
            status = CommitStatus(markers.status_name(title), state, text)
            stacks.append(Posting(title, partial(body, title, id, text), status))
            missing += verdict.missing
        state = StatusState.PENDING if missing else StatusState.SUCCESS
        return Postings(tuple(stacks), (CommitStatus(markers.APPROVED_STATUS, state),))

    # jobs

    def publish(self, number: int, commit: str) -> None:
        """What `ci plan` and `ci status` do: plan a commit, and publish it."""
        look: Look = self.postings
        while True:
            done = publishing.publish(self.forge, number, commit, look, self.pause)
            self.ends[done.end] += 1
            assert bool(done.problems) == (done.end is PublishingEnd.FAILED)
            if done.end is PublishingEnd.OUTDATED:
                assert done.writes == 0
            if done.end is PublishingEnd.OVERTAKEN:
                commit = self.forge.world.pull(number).head
            elif done.end is not PublishingEnd.FAILED:
                return

    def apply(self, number: int) -> None:
        """What `ci apply` does after a merge."""
        pull = self.forge.world.pull(number)
        comments = tuple(map(self.forge._comment, self.forge.world.comments_of(number)))
        postings = self.postings(self.forge._pull(pull), comments)
        if postings.statuses[0].state is StatusState.SUCCESS:
            self.applied |= {(number, each.title, pull.head) for each in postings.stacks}
        self.publish(number, pull.head)

    def pause(self, seconds: float) -> None:
        self.scheduler.wait()

    # events

    def event(self) -> None:
        """Something happens. A job follows, or none, or two, now or later."""
        pick, world = self.random, self.forge.world
        number = pick.randint(1, PULLS)
        pull = world.pull(number)
        kind = pick.choice(["push", "push", "comment", "comment", "comment", "merge", "apply"])
        if pull.state is PullState.MERGED and kind in ("push", "merge"):
            kind = "apply"
        if kind == "push":
            world.push(number)
        elif kind == "comment":
            title = pick.choice(self.titles(pull.head))
            id = json_text.checksum([pull.head, title])[:12]
            world.comment(number, pick.choice(["kim", "lee", "park"]), f"/approve {id}")
        elif kind == "merge" and pick.random() < 0.1:
            world.merge(number)
        job = partial(self.publish, number, pull.head)
        if pull.state is PullState.MERGED:
            job = partial(self.apply, number)
        deliveries = pick.choices([0, 1, 2], [10, 75, 15])[0]
        for _ in range(deliveries):
            self.waiting.insert(pick.randint(0, len(self.waiting)), job)

    def run(self, events: int) -> None:
        """All events, then one scheduled job for each pull request while old jobs still run."""
        while events or self.waiting or self.scheduler.jobs:
            what = self.random.random()
            if events and what < 0.15:
                self.event()
                events -= 1
                if not events:
                    self.faults = 0.0
                    for number in range(1, PULLS + 1):
                        head = self.forge.world.pull(number).head
                        is_merged = self.forge.world.pull(number).state is PullState.MERGED
                        last = partial(self.publish, number, head)
                        self.waiting.append(partial(self.apply, number) if is_merged else last)
            elif self.waiting and what < 0.3 and len(self.scheduler.jobs) < 30:
                self.scheduler.start(self.waiting.pop(0))
            elif self.scheduler.jobs:
                self.scheduler.step()

    def check(self) -> None:
        """One comment a stack, with the text that is true, and the statuses that are true."""
        for number in range(1, PULLS + 1):
            pull, comments = self.forge.pull(number), self.forge.comments(number)
            wanted = self.postings(pull, comments)
            own = [each for each in comments if each.is_own]
            titles = [markers.title_of_comment(each.body) for each in own]
            assert len(set(titles)) == len(titles), f"two comments of one stack: {titles}"
            found = dict(zip(titles, own, strict=True))
            for each in wanted.stacks:
                text = found.pop(each.title).body
                assert markers.is_same(text, each.text(text))
            assert all(
                each.body == pull_comment.left(title or "", each.body)
                for title, each in found.items()
            )
            statuses = self.forge.statuses(pull.head)
            for status in (*(each.status for each in wanted.stacks), *wanted.statuses):
                assert statuses[status.name] == status


def body(title: str, id: str, text: str, previous: str | None) -> str:
    """A comment in the form of ours."""
    earlier = [each for each in markers.plans_of_comment(previous) if each != id[:32]]
    line = markers.plans_line(id, earlier)
    return f"{markers.marker(title)}\n{line}\n{text}\n"


@pytest.mark.parametrize(("seed", "faults"), [(1, 0.0), (2, 0.0), (3, 0.03)])
def test_each_pull_request_ends_with_one_comment_a_stack_and_the_right_statuses(
    seed: int, faults: float
) -> None:
    world = World(seed, faults=faults)
    world.run(EVENTS)
    world.check()
    assert len(world.forge.world.pulls) == PULLS and len(world.applied) > 5
    assert all(world.ends[each] for each in (PublishingEnd.DONE, PublishingEnd.OUTDATED))
    assert world.ends[PublishingEnd.OVERTAKEN], "no job was overtaken: the test shows too little"
