"""What all commands of `ci` share: the forge, the repository, and the files that are planned.

Nothing of the working tree is read: the files of a plan are written out of Git's objects into a
folder of their own, which is the current folder while the stacks are planned.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.cli import state_places
from reconciler.cli.arguments.stack_choice import StackChoice
from reconciler.cli.console import Console
from reconciler.cli.many import chosen_stacks
from reconciler.cli.many.chosen_stacks import ChosenStacks
from reconciler.cli.quota.quota_choice import PRIORITY_VARIABLE
from reconciler.cli.repository.git import Git, GitFailed
from reconciler.cli.review import pull_tree
from reconciler.cli.review.ci_context import CiContext
from reconciler.cli.review.pull_tree import Tree, WrittenTree
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config.project import location
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.model.ports.forge_ports import Forge
from reconciler.model.resource import EMPTY

STATE_VARIABLES = ("RECONCILER_STATE", "RECONCILER_STATE_DIR")
REMOTE = "origin"


@dataclass(frozen=True, slots=True)
class Review:
    """One command of `ci`. `repository` is the root of the checkout, and `inside` the folder in it
    where the file of the project is looked for, relative to the root. `environ` are the variables
    of the environment, `local` the options of the local cloud. `pause` waits for some seconds.
    """

    console: Console
    forge: Forge
    context: CiContext
    repository: Path
    inside: Path = Path()
    environ: Mapping[str, str] = EMPTY
    local: Mapping[str, Any] = EMPTY
    pause: Callable[[float], None] = lambda seconds: None

    def commit(self, revision: str) -> str:
        """The id of a commit. Raises `Abort` if the checkout does not have it."""
        return pull_tree.commit_of(self.repository, revision)

    def base_tip(self, base: str) -> str:
        """The id of the tip of the base branch, as the checkout has it. Raises `Abort`."""
        for name in (f"refs/remotes/{REMOTE}/{base}", f"refs/heads/{base}", base):
            try:
                return self.commit(name)
            except Abort:
                continue
        message = msg("the base branch {base} is not in this copy of the repository", base=base)
        refs = f"{base}:refs/remotes/{REMOTE}/{base}"
        hint = msg(
            "fetch it: `{command}`; in CI, check out the whole history (fetch-depth: 0)",
            command=shlex.join(["git", "fetch", REMOTE, refs]),
        )
        raise Abort(error("pull-request", message, hint=hint))

    @contextmanager
    def files_of(self, tree: Tree, rules_commit: str) -> Iterator[WrittenTree]:
        """The files of a tree with the rules of a commit, in a folder that is the current one while
        the block runs.
        """
        with TemporaryDirectory(prefix="reconciler-") as folder:
            root = Path(folder).resolve()
            written = pull_tree.write_out(tree, rules_commit, root)
            with chdir(root / self.inside), state_places.open_places():
                self._require_project()
                yield written

    def choose(self, changed: frozenset[Path] | None) -> ChosenStacks:
        """The stacks of the project in the current folder that the files touch; None for all."""
        given = {"environ": self.job_environ(), **self.local}
        choice = StackChoice((), all=changed is None)
        chosen = chosen_stacks.choose(self.console, choice, given, changed=changed)
        for each in chosen.stacks:
            self._require_lasting(each.session.path)
        return chosen

    def job_environ(self) -> Mapping[str, str]:
        """The variables of the environment: a folder of states is that of the checkout, and calls
        of a person come first.
        """
        places = {
            name: str(self.repository / self.inside / text)
            for name in STATE_VARIABLES
            if (text := self.environ.get(name)) and "://" not in text and not text.startswith("~")
        }
        return {PRIORITY_VARIABLE: "ci", **self.environ, **places}

    def _require_project(self) -> None:
        if location.find(Path()) is None:
            message = msg("the base branch has no reconciler.yaml")
            hint = msg("write one and merge it first: `reconciler init --project`")
            raise Abort(error("file-missing", message, hint=hint))

    def _require_lasting(self, stack: Path) -> None:
        """Stops if the states would be lost with the folder of this command."""
        environ = self.job_environ()
        choice, _ = state_places.chosen(stack, environ)
        if self.local.get("simulate"):
            folder = choice.simulator
        elif choice.named.url is None:
            folder = choice.named.folder
        else:
            return
        if folder.resolve().is_relative_to(Path().resolve()):
            message = msg("the states of the stacks are in the checkout, which a job does not keep")
            hint = msg(
                "set RECONCILER_STATE to a place that all jobs share (docs/how-to/share.md), or "
                "`state:` in the reconciler.yaml of the base branch"
            )
            raise Abort(error("state-place", message, hint=hint))


def checkout(folder: Path) -> tuple[Path, Path]:
    """The root of the repository that a folder is in, and the folder relative to it. Raises `Abort`
    outside of a repository.
    """
    try:
        found = os.fsdecode(Git(folder).run("rev-parse", "--show-toplevel")).rstrip("\n")
    except GitFailed as failure:
        message = msg("this folder is in no repository of Git: {reason}", reason=failure)
        hint = msg("run the command in a checkout of the repository")
        raise Abort(error("pull-request", message, hint=hint)) from failure
    root = Path(found).resolve()
    return root, folder.resolve().relative_to(root)


def remote_url(repository: Path) -> str | None:
    """The URL of the remote repository that the checkout is from, or None."""
    try:
        return os.fsdecode(Git(repository).run("remote", "get-url", REMOTE)).strip()
    except GitFailed:
        return None
