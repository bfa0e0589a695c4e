"""Comments and statuses, written so that every order of jobs ends with one comment for each stack
and the right statuses.

A job writes what is true as it reads it, then reads again, and writes again if that has changed
meanwhile. So whoever writes last has seen the latest: a forge has no other way to write only if
nothing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports.forge_ports import (
    CommitStatus,
    Forge,
    ForgeComment,
    ForgeError,
    PullRequest,
    StatusState,
)
from reconciler.model.resource import EMPTY
from reconciler.render.review import markers, pull_comment

PAUSES: tuple[float, ...] = (1.0, 5.0, 15.0)
"""Seconds before each further try after a fault of the forge."""

ROUNDS_MAX = 12
"""How often a job reads and writes until it gives up to agree with other jobs."""

_FAULTS_IN_ROW_MAX = 3


@dataclass(frozen=True, slots=True)
class Posting:
    """What is written about one stack. `text` makes the comment from the text that it replaces, or
    from None.
    """

    title: str
    text: Callable[[str | None], str]
    status: CommitStatus


@dataclass(frozen=True, slots=True)
class Postings:
    """What is written about a pull request. `others` are titles that are part of it too, and whose
    comments stay as they are; `statuses` are those of no stack.
    """

    stacks: tuple[Posting, ...]
    statuses: tuple[CommitStatus, ...] = ()
    others: frozenset[str] = frozenset()


Look: TypeAlias = Callable[[PullRequest, tuple[ForgeComment, ...]], "Postings | None"]
"""What is to be written, from the pull request and its comments as they are now; None for nothing.
It is asked again after each writing, and reads whatever else may change meanwhile.
"""


class PublishingEnd(Enum):
    """How publishing ended.

    - `DONE`: everything is written, or was already.
    - `OUTDATED`: the pull request has another head. Nothing was written: that is for the job of the
      other commit.
    - `OVERTAKEN`: it got another head while this job wrote, so a comment may be about the earlier
      commit. The caller plans the new head and publishes again.
    - `FAILED`: the problems say what was not written.
    """

    DONE = "done"
    OUTDATED = "outdated"
    OVERTAKEN = "overtaken"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Published:
    """The result. `writes` is how many comments and statuses were written or removed, or may have
    been: those whose answer was a fault are counted too.
    """

    end: PublishingEnd
    writes: int = 0
    problems: tuple[Problem, ...] = ()


def always(postings: Postings) -> Look:
    """A look that always finds the same: for what only depends on the commit."""
    return lambda pull, comments: postings


def publish(
    forge: Forge, number: int, commit: str, look: Look, pause: Callable[[float], None]
) -> Published:
    """Writes comments and statuses for the commit that was planned, as few as possible. A fault of
    the forge is in the result: it raises no `ForgeError`.
    """
    writes = faults = 0
    for _ in range(ROUNDS_MAX):
        done = _Round(forge, number, commit)
        try:
            end = done.run(look)
        except ForgeError as fault:
            end = None
            done.faults.append(fault)
        writes += done.writes
        if done.faults:
            if faults == len(PAUSES):
                return Published(PublishingEnd.FAILED, writes, _problems(forge, number, done))
            pause(PAUSES[faults])
            faults += 1
        elif end is PublishingEnd.OUTDATED and writes:
            return Published(PublishingEnd.OVERTAKEN, writes)
        elif end is not None:
            return Published(end, writes)
    return Published(PublishingEnd.FAILED, writes, (_unsettled(forge, number),))


@dataclass(slots=True)
class _Round:
    """One reading of the pull request, and the writes that follow from it."""

    forge: Forge
    number: int
    commit: str
    writes: int = 0
    faults: list[ForgeError] = field(default_factory=list)
    in_row: int = 0

    def run(self, look: Look) -> PublishingEnd | None:
        """The end, or None if something was written and has to be looked at."""
        pull = self.forge.pull(self.number)
        if pull.head != self.commit:
            return PublishingEnd.OUTDATED
        comments = self.forge.comments(self.number)
        wanted = look(pull, comments)
        if wanted is None:
            return PublishingEnd.OUTDATED
        own = _own(comments)
        kept = {each.title for each in wanted.stacks} | wanted.others
        gone = [title for title in own if title not in kept]
        for write in self._comments(wanted.stacks, own, gone):
            self._write(write)
        statuses = [each.status for each in wanted.stacks] + list(wanted.statuses)
        self._statuses(statuses, gone)
        return None if self.writes or self.faults else PublishingEnd.DONE

    def _comments(
        self,
        stacks: Sequence[Posting],
        own: Mapping[str, Sequence[ForgeComment]],
        gone: Sequence[str],
    ) -> Iterator[Callable[[], object]]:
        """The writes that leave one comment for each title: the oldest."""
        texts = {each.title: each.text for each in stacks}
        texts |= {title: _leaving(title) for title in gone}
        for title, text in texts.items():
            found = own.get(title, ())
            if not found:
                yield _adding(self.forge, self.number, text(None))
                continue
            body = text(found[0].body)
            if not markers.is_same(found[0].body, body):
                yield _editing(self.forge, self.number, found[0].id, body)
        for found in own.values():
            for each in found[1:]:
                yield _removing(self.forge, self.number, each.id)

    def _statuses(self, wanted: Sequence[CommitStatus], gone: Sequence[str]) -> None:
        now = self.forge.statuses(self.commit)
        for name in map(markers.status_name, gone):
            if name in now and now[name].state is not StatusState.SUCCESS:
                text = msg("not part of this pull request any more")
                wanted = [*wanted, CommitStatus(name, StatusState.SUCCESS, text)]
        for each in wanted:
            before = now.get(each.name)
            if before is None or (before.state, before.text) != (each.state, each.text):
                self._write(_setting(self.forge, self.commit, each))

    def _write(self, write: Callable[[], object]) -> None:
        """A fault does not keep the other writes from being tried, unless there are many."""
        if self.in_row >= _FAULTS_IN_ROW_MAX:
            return
        self.writes += 1
        try:
            write()
        except ForgeError as fault:
            self.faults.append(fault)
            self.in_row += 1
        else:
            self.in_row = 0


def _own(comments: Sequence[ForgeComment]) -> Mapping[str, Sequence[ForgeComment]]:
    """Our comments by the title of their stack, the oldest first."""
    found: dict[str, list[ForgeComment]] = {}
    for each in comments:
        title = markers.title_of_comment(each.body) if each.is_own else None
        if title is not None:
            found.setdefault(title, []).append(each)
    return found or EMPTY


def _leaving(title: str) -> Callable[[str | None], str]:
    return lambda previous: pull_comment.left(title, previous)


def _adding(forge: Forge, number: int, body: str) -> Callable[[], object]:
    return lambda: forge.add_comment(number, body)


def _editing(forge: Forge, number: int, id: str, body: str) -> Callable[[], object]:
    return lambda: forge.edit_comment(number, id, body)


def _removing(forge: Forge, number: int, id: str) -> Callable[[], object]:
    return lambda: forge.remove_comment(number, id)


def _setting(forge: Forge, commit: str, status: CommitStatus) -> Callable[[], object]:
    return lambda: forge.set_status(commit, status)


def _problems(forge: Forge, number: int, done: _Round) -> tuple[Problem, ...]:
    """One problem for each different fault of the last round."""
    found = {str(each): each for each in done.faults}
    return tuple(
        error(
            "forge",
            msg(
                "{place}: pull request {number}: a comment or status was not written: {reason}",
                place=forge.place,
                number=number,
                reason=text,
            ),
            hint=each.hint or msg("Run the job again: it writes what is missing."),
        )
        for text, each in found.items()
    )


def _unsettled(forge: Forge, number: int) -> Problem:
    return error(
        "forge",
        msg(
            "{place}: pull request {number}: other jobs changed the comments again and again",
            place=forge.place,
            number=number,
        ),
        hint=msg("Let one job at a time run for a pull request, then run this one again."),
    )
