"""Merged pull requests: which are not finished, which belong together, and whose rules hold.

No pull request changes the rules for itself. If one of a group may have done so, those from before
its merge hold; otherwise those of the base branch as they are now.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.cli.repository.git import Git, GitFailed
from reconciler.cli.review import base_rules, pull_planning, pull_tree, tree_entries
from reconciler.cli.review.pull_board import PullBoard
from reconciler.cli.review.review_context import Review
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports.forge_ports import PullRequest, StatusState
from reconciler.render.review import markers

_UNPLANNED_MAX = 10
"""How many of the latest merges are taken up if no job has planned them. Earlier ones may be from
before the pipelines.
"""


@dataclass(frozen=True, slots=True)
class MergedPull:
    """A merged pull request: the titles of the stacks that it touches, and whether it may have
    changed the rules. `before` is a commit of the base branch from before the merge, None if it is
    not known.
    """

    pull: PullRequest
    before: str | None
    titles: frozenset[str] = frozenset()
    is_of_rules: bool = False


@dataclass(frozen=True, slots=True)
class MergedGroup:
    """Merged pull requests that are not finished and whose stacks overlap, in the order of their
    merges. `tip` is the base branch as it is now.
    """

    merged: tuple[MergedPull, ...]
    tip: str

    @property
    def pulls(self) -> tuple[PullRequest, ...]:
        """The pull requests."""
        return tuple(each.pull for each in self.merged)

    @property
    def titles(self) -> Mapping[int, frozenset[str]]:
        """The titles of the stacks that each touches, by number."""
        return {each.pull.number: each.titles for each in self.merged}

    @property
    def authors(self) -> frozenset[str]:
        """Who wrote what is applied: none of them approves it."""
        return frozenset(each.pull.author.name for each in self.merged)

    @property
    def rules(self) -> str:
        """The commit whose rules hold. Raises `Abort` if it is not known."""
        first = next((each for each in self.merged if each.is_of_rules), None)
        if first is None:
            return self.tip
        if first.before is None:
            number = first.pull.number
            message = msg(
                "it is not known which commit the base branch had before pull request {number}",
                number=number,
            )
            hint = msg(
                "look it up, and run `reconciler ci apply --pull {number} --before COMMIT`",
                number=number,
            )
            raise Abort(error("pull-request", message, hint=hint))
        return first.before


def groups(
    review: Review, base: str, only: PullRequest | None, before: str | None
) -> list[MergedGroup]:
    """The merged pull requests that are not finished, in groups that share no stack; with `only`,
    the group of this one. `before` is the commit before its merge, if a person named it. Those that
    touch no stack are finished, and their status says so.
    """
    tip = review.base_tip(base)
    merged = review.forge.merged_pulls(base)
    unfinished = [
        each for at, each in enumerate(merged) if _is_unfinished(review, each, at < _UNPLANNED_MAX)
    ]
    pulls = unfinished[::-1]
    if only is not None and only.number not in {each.number for each in pulls}:
        pulls.append(only)
    here = [each for each in pulls if _is_in(review, each, tip, is_needed=each == only)]
    found = [
        _merged(review, each, merged, before if only and each.number == only.number else None)
        for each in here
    ]
    with review.files_of(pull_tree.tree_of(review.repository, tip, tip), tip) as written:
        found = [_with_titles(review, each, written.folder) for each in found]
    for each in found:
        if not each.titles:
            board = PullBoard(each.pull, (), {}, pull_planning.notes_of(review, each.pull))
            pull_planning.publish(review, board)
    return [
        MergedGroup(tuple(each for each in found if each.pull.number in group), tip)
        for group in _grouped([each for each in found if each.titles])
        if only is None or only.number in group
    ]


def _grouped(found: Sequence[MergedPull]) -> list[frozenset[int]]:
    groups: list[frozenset[int]] = []
    titles = {each.pull.number: each.titles for each in found}
    for number, own in titles.items():
        near = [one for one in groups if any(own & titles[other] for other in one)]
        groups = [one for one in groups if one not in near]
        groups.append(frozenset({number}).union(*near))
    return groups


def _is_unfinished(review: Review, pull: PullRequest, is_late: bool) -> bool:
    """Whether a status of a pull request is not success, or the one about its approvals is missing.
    One without any is taken up only if it is one of the latest.
    """
    found = review.forge.statuses(pull.head)
    own = [each for name, each in found.items() if name.startswith(markers.STATUS_PREFIX)]
    if not own:
        return is_late
    return markers.APPROVED_STATUS not in found or any(
        each.state is not StatusState.SUCCESS for each in own
    )


def _is_in(review: Review, pull: PullRequest, tip: str, *, is_needed: bool) -> bool:
    """Whether the base branch of this checkout has a pull request: it may be older than the merge,
    and a branch can be set back. Raises `Abort` if it is needed.
    """
    if _is_before(review.repository, pull.merged_as or pull.head, tip):
        return True
    message = msg(
        "pull request {number} is not in the branch {base} of this checkout, so nothing of it is "
        "applied",
        number=pull.number,
        base=pull.base,
    )
    if is_needed:
        hint = msg("fetch the branch; in CI, check out the whole history (fetch-depth: 0)")
        raise Abort(error("pull-request", message, hint=hint))
    review.console.remark(message)
    return False


# One pull request
# ------------------------------------------------------------------------------------------------


def _merged(
    review: Review, pull: PullRequest, merged: Iterable[PullRequest], given: str | None
) -> MergedPull:
    """The pull request, without its titles."""
    before = _given(review, pull, given) if given is not None else _before(review, pull, merged)
    return MergedPull(pull, before)


def _given(review: Review, pull: PullRequest, given: str) -> str:
    """The commit before the merge that a person named."""
    found = review.commit(given)
    merged_as = review.commit(pull.merged_as or pull.head)
    if found == merged_as or not _is_before(review.repository, found, merged_as):
        message = msg(
            "the commit {commit} is not from before the merge of pull request {number}",
            commit=found,
            number=pull.number,
        )
        raise Abort(error("usage", message, hint=msg("name an earlier commit with --before")))
    return found


def _before(review: Review, pull: PullRequest, merged: Iterable[PullRequest]) -> str | None:
    """A commit that the base branch had before a merge: the first parent of a merge commit. If the
    forge made none, commits before it may be of the pull request too: then it is where the merge
    before left the branch, or a push, whichever is later.
    """
    repository = review.repository
    merged_as = review.commit(pull.merged_as or pull.head)
    parents = _git(repository, "rev-list", "--parents", "-n", "1", merged_as).split()[1:]
    if len(parents) > 1 and merged_as != pull.head:
        return parents[0]
    others = [each.merged_as for each in merged if each.number != pull.number]
    found: str | None = None
    for each in (*others, review.context.before):
        if each is None or each == merged_as or not _is_before(repository, each, merged_as):
            continue
        if found is None or _is_before(repository, found, each):
            found = review.commit(each)
    if found is None and merged_as != pull.head:
        return _fork(repository, pull.head, merged_as)
    return found


def _fork(repository: Path, head: str, merged_as: str) -> str | None:
    """Where the branch of a pull request left its base; None if the checkout cannot tell it."""
    try:
        return _git(repository, "merge-base", head, merged_as)
    except GitFailed:
        return None


def _with_titles(review: Review, found: MergedPull, folder: Path) -> MergedPull:
    """With what it touches of the project in the current folder: by its files, and the stacks that
    have a status. One that was merged before there were rules touches nothing.
    """
    repository, pull = review.repository, found.pull
    merged_as = review.commit(pull.merged_as or pull.head)
    before = found.before or review.commit(f"{merged_as}^1")
    if not base_rules.project_files(tree_entries.entries(Git(repository), before)):
        return found
    with TemporaryDirectory(prefix="reconciler-") as other:
        root = Path(other).resolve()
        tree = pull_tree.tree_of(repository, merged_as, before)
        written = pull_tree.write_out(tree, before, root)
    changed = frozenset(folder / each.relative_to(root) for each in written.changed)
    touched = {each.title for each in review.choose(changed).stacks}
    known = {each.title for each in review.choose(None).stacks}
    named = map(markers.title_of_status, review.forge.statuses(pull.head))
    is_of_rules = found.before is None or written.rules_changed
    return replace(found, titles=frozenset(touched | (known & {*named})), is_of_rules=is_of_rules)


def _is_before(repository: Path, commit: str, other: str) -> bool:
    """Whether a commit is part of the history of another one."""
    try:
        return not _git(repository, "rev-list", "-n", "1", commit, f"^{other}")
    except GitFailed:
        return False


def _git(repository: Path, *arguments: str) -> str:
    return os.fsdecode(Git(repository).run(*arguments)).strip()
