"""Publishing, case by case: which calls are made, what stays, and what a fault leads to."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from reconciler.commands.review import publishing
from reconciler.commands.review.publishing import (
    PAUSES,
    Look,
    Posting,
    Postings,
    Published,
    PublishingEnd,
    always,
)
from reconciler.model.ports.forge_ports import CommitStatus, StatusState
from reconciler.render.review import markers
from tests.doubles.memory_forge import MemoryForge

PENDING = StatusState.PENDING


class Desk:
    """A forge with one pull request, and what was published to it."""

    def __init__(self) -> None:
        self.forge = MemoryForge()
        self.world = self.forge.world
        self.number = self.world.open_pull("park").number
        self.paused: list[float] = []

    @property
    def head(self) -> str:
        return self.world.pull(self.number).head

    def publish(self, look: Look, commit: str | None = None) -> Published:
        self.forge._faults.calls.clear()
        number, commit = self.number, commit or self.head
        return publishing.publish(self.forge, number, commit, look, self.paused.append)

    def calls(self) -> str:
        """The operations of the last publishing, those in a row counted: `pull comments 2*add`."""
        text = " ".join(operation for _, operation in self.forge.calls)
        return re.sub(r"\b(\w+)( \1)+\b", lambda m: f"{m[0].count(' ') + 1}*{m[1]}", text)

    def texts(self) -> list[str]:
        return [each.body for each in self.world.comments_of(self.number)]

    def states(self) -> dict[str, tuple[str, str]]:
        found = self.forge.statuses(self.head)
        return {name: (each.state.value, each.text) for name, each in found.items()}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def text(title: str, words: str, run: str = "run 1") -> str:
    return f"{markers.marker(title)}\n{words}\n{markers.volatile(run)}"


def posting(title: str, words: str = "planned", run: str = "run 1") -> Posting:
    status = CommitStatus(markers.status_name(title), PENDING, words, f"https://ci.example/{run}")
    return Posting(title, lambda previous: text(title, words, run), status)


def both(words: str = "planned", run: str = "run 1") -> Look:
    approved = CommitStatus(markers.APPROVED_STATUS, PENDING, words)
    return always(
        Postings((posting("shop/prod", words, run), posting("db", words, run)), (approved,))
    )


def test_the_first_time_everything_is_written_and_looked_at_once_more(desk: Desk) -> None:
    assert desk.publish(both()) == Published(PublishingEnd.DONE, 5)
    assert desk.calls() == (
        "pull comments 2*add_comment statuses 3*set_status pull comments statuses"
    )
    assert desk.texts() == [text("shop/prod", "planned"), text("db", "planned")]
    assert desk.states() == {
        "reconciler/shop.prod": ("pending", "planned"),
        "reconciler/db": ("pending", "planned"),
        "reconciler/approved": ("pending", "planned"),
    }


def test_nothing_is_written_if_nothing_changed(desk: Desk) -> None:
    desk.publish(both())
    assert desk.publish(both()) == Published(PublishingEnd.DONE, 0)
    assert desk.calls() == "pull comments statuses"
    assert desk.publish(both(run="run 2")) == Published(PublishingEnd.DONE, 0)
    for each in desk.world.comments.values():  # as a forge may keep it
        each.body = each.body.replace("\n", "\r\n").strip()
    assert desk.publish(both()) == Published(PublishingEnd.DONE, 0)


def test_a_change_is_edited_in_place(desk: Desk) -> None:
    desk.publish(both())
    ids = list(desk.world.comments)
    assert desk.publish(both("applied")) == Published(PublishingEnd.DONE, 5)
    assert list(desk.world.comments) == ids
    assert desk.texts() == [text("shop/prod", "applied"), text("db", "applied")]
    assert set(desk.states().values()) == {("pending", "applied")}


def test_of_several_comments_the_oldest_stays_and_gets_the_newest_text(desk: Desk) -> None:
    bot = desk.forge.account.name
    for words in ("old", "older job", "planned"):
        desk.world.comment(desk.number, bot, text("db", words))
    first = next(iter(desk.world.comments))
    done = desk.publish(always(Postings((posting("db"),))))
    assert done.end is PublishingEnd.DONE
    assert [(id, each.body) for id, each in desk.world.comments.items()] == [
        (first, text("db", "planned"))
    ]


def test_what_others_wrote_is_left_alone(desk: Desk) -> None:
    # Goal: a marker in a comment of somebody else changes nothing.
    desk.world.comment(desk.number, "mallory", text("db", "applied"))
    desk.world.comment(desk.number, desk.forge.account.name, "hello\n" + markers.marker("db"))
    desk.publish(always(Postings((posting("db"),))))
    assert desk.texts()[:2] == [text("db", "applied"), f"hello\n{markers.marker('db')}"]
    assert desk.texts()[2:] == [text("db", "planned")]


def test_stacks_that_the_pull_request_left_are_folded_and_block_nothing(desk: Desk) -> None:
    desk.publish(both())
    rest = Postings((posting("shop/prod"),))
    assert desk.publish(always(rest)) == Published(PublishingEnd.DONE, 2)
    assert desk.texts()[1].startswith(markers.marker("db"))
    assert "planned" not in desk.texts()[1]
    assert desk.states()["reconciler/db"][0] == "success"
    assert desk.publish(always(rest)) == Published(PublishingEnd.DONE, 0)
    assert desk.publish(both()) == Published(PublishingEnd.DONE, 2)
    assert desk.texts()[1] == text("db", "planned")


def test_stacks_that_another_job_reports_keep_their_comments(desk: Desk) -> None:
    desk.publish(both())
    done = desk.publish(always(Postings((posting("shop/prod"),), others=frozenset({"db"}))))
    assert done == Published(PublishingEnd.DONE, 0)


def test_an_outdated_job_writes_nothing(desk: Desk) -> None:
    earlier = desk.head
    desk.world.push(desk.number)
    assert desk.publish(both(), earlier) == Published(PublishingEnd.OUTDATED)
    assert desk.calls() == "pull" and desk.texts() == []
    assert desk.publish(lambda pull, comments: None) == Published(PublishingEnd.OUTDATED)
    assert desk.calls() == "pull comments"


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_job_whose_commit_is_overtaken_while_it_writes_says_so(desk: Desk, is_lost: bool) -> None:
    def push(account: str, operation: str) -> None:
        if operation == "add_comment" and len(desk.forge.calls) == 3:
            desk.world.push(desk.number)

    desk.forge.listen(push)
    if is_lost:
        desk.forge.fail("add_comment", is_done=True)
        desk.forge.fail("statuses")
    done = desk.publish(always(Postings((posting("db"),))))
    assert done.end is PublishingEnd.OVERTAKEN and not done.problems


def test_a_comment_whose_answer_was_lost_is_found_and_not_written_twice(desk: Desk) -> None:
    desk.forge.fail("add_comment", times=2, is_done=True)
    desk.forge.fail("set_status", is_done=True)
    assert desk.publish(both()).end is PublishingEnd.DONE
    assert desk.texts() == [text("shop/prod", "planned"), text("db", "planned")]
    assert desk.paused == [PAUSES[0]]
    assert [op for _, op in desk.forge.calls].count("set_status") == 3


@pytest.mark.parametrize("operation", ["pull", "comments", "statuses", "add_comment"])
def test_a_fault_that_ends_is_only_a_pause(desk: Desk, operation: str) -> None:
    desk.forge.fail(operation, times=2)
    assert desk.publish(both()).end is PublishingEnd.DONE
    assert len(desk.texts()) == 2 and len(desk.states()) == 3
    assert desk.paused in ([PAUSES[0]], list(PAUSES[:2]))


def test_a_refused_status_does_not_keep_the_comments_from_being_written(desk: Desk) -> None:
    desk.forge.fail("set_status", times=1_000)
    done = desk.publish(both())
    assert done.end is PublishingEnd.FAILED and len(desk.texts()) == 2
    (problem,) = done.problems
    assert (problem.code, problem.severity.value) == ("forge", "error")
    assert "pull request 1: a comment or status was not written: " in problem.message
    assert problem.hint == "run the command again"
    assert desk.paused == list(PAUSES)


def test_a_forge_that_is_away_is_not_asked_for_every_stack(desk: Desk) -> None:
    many = always(Postings(tuple(posting(f"stack{number}") for number in range(20))))
    desk.forge.fail("add_comment", times=1_000)
    desk.forge.fail("set_status", times=1_000)
    assert desk.publish(many).end is PublishingEnd.FAILED
    assert desk.calls().count("3*add_comment") == len(PAUSES) + 1
    assert "set_status" not in desk.calls()


def test_a_comment_that_somebody_removed_meanwhile_is_written_again(desk: Desk) -> None:
    desk.publish(both())

    def remove(account: str, operation: str) -> None:
        if operation == "edit_comment" and len(desk.world.comments) == 2:
            desk.world.remove_comment(min(desk.world.comments))

    desk.forge.listen(remove)
    assert desk.publish(both("applied")).end is PublishingEnd.DONE
    assert sorted(desk.texts()) == sorted([text("db", "applied"), text("shop/prod", "applied")])


def test_what_changes_while_it_is_written_is_written_again(desk: Desk) -> None:
    looks: list[int] = []

    def changing(until: int) -> Look:
        def look(pull: object, comments: object) -> Postings:
            looks.append(len(looks))
            return Postings((posting("db", f"text {min(len(looks), until)}"),))

        return look

    assert desk.publish(changing(3)).end is PublishingEnd.DONE
    assert desk.texts() == [text("db", "text 3")] and len(looks) == 4
    done = desk.publish(changing(1_000))
    assert done.end is PublishingEnd.FAILED
    assert "again and again" in done.problems[0].message and done.problems[0].hint


def test_markers_are_read_as_they_are_written() -> None:
    for title in ("shop/prod", "db", "a-1/b-2"):
        assert markers.title_of_comment(markers.marker(title)) == title
        assert markers.title_of_comment(f"{markers.marker(title)}\r\nx") == title
    refused: list[Callable[[str], str]] = [
        lambda line: f" {line}",
        lambda line: f"x\n{line}",
        lambda line: f"{line} x",
        lambda line: line.replace("db", "DB"),
        lambda line: line.replace("db", "d.b.c"),
        lambda line: line.replace("db", "../db"),
    ]
    assert [markers.title_of_comment(each(markers.marker("db"))) for each in refused] == [None] * 6


def test_the_plans_of_a_comment_are_remembered_up_to_a_hundred() -> None:
    ids = [f"{number:064x}"[::-1] for number in range(150)]
    body = f"{markers.marker('db')}\n{markers.plans_line(ids[0], ids[1:])}\ntext"
    assert markers.plans_of_comment(body) == tuple(each[:32] for each in ids[:101])
    assert markers.plans_line(None, ()) is None
    assert markers.plans_of_comment(None) == () == markers.plans_of_comment("x")
