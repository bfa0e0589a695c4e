"""A scene over a folder: what a pipeline writes there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.forge.files import FilesForge, FolderOutside
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.model.ports.forge_ports import Forge, Person
from tests.forges.forge_world import PROJECT, START


class FilesScene:
    """A folder of pull requests. Each look at its clock is a second later."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self._now = START
        self._count = 0

    def forge(self, account: str) -> Forge:
        person = Person(account, is_bot=account.endswith("[bot]"))
        waits = ForgeWaits(now=self.clock, wait=self.wait)
        outside = FolderOutside(person, self._head_of, waits, sync=lambda descriptor: None)
        return FilesForge(self.root, PROJECT, outside)

    def clock(self) -> float:
        """The time, a second after the last look."""
        self._now += 1
        return self._now

    def open_pull(self, author: str, *, base: str = "main", is_fork: bool = False) -> int:
        self._count += 1
        number = self._count
        value = f"""\
            # written by the pipeline
            number: {number}
            title: Grow the shop
            author: {author}
            head: {self._commit("head")}
            branch: change-{number}
            base: {base}
            state: open
            is_fork: {str(is_fork).lower()}
            """
        folder = self.root / "pulls" / str(number)
        folder.mkdir(parents=True)
        lines = (line.strip() for line in value.splitlines())
        (folder / "pull.yaml").write_text("\n".join(lines), encoding="utf-8")
        return number

    def push(self, number: int) -> str:
        commit = self._commit("push")
        self._change(number, head=commit)
        return commit

    def merge(self, number: int) -> str:
        commit = self._commit("merge")
        merged_at = datetime.fromtimestamp(self.clock(), UTC).isoformat()
        self._change(number, state="merged", merged_as=commit, merged_at=merged_at)
        return commit

    def close(self, number: int) -> None:
        self._change(number, state="closed")

    def set_team(self, name: str, members: Sequence[str]) -> None:
        path = self.root / "teams.json"
        teams = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**teams, name: list(members)}), encoding="utf-8")

    def wait(self, seconds: float) -> None:
        self._now += seconds

    def _change(self, number: int, **members: str) -> None:
        (path,) = (self.root / "pulls" / str(number)).glob("pull.*")
        text = path.read_text(encoding="utf-8")
        if text.startswith("{"):
            text = json.dumps({**json.loads(text), **members})
        else:
            kept = [one for one in text.splitlines() if one.partition(":")[0] not in members]
            text = "\n".join([*kept, *(f"{key}: {value}" for key, value in members.items())])
        path.write_text(text, encoding="utf-8")

    def _commit(self, why: str) -> str:
        return hashlib.sha1(f"{why} {self.clock()}".encode(), usedforsecurity=False).hexdigest()

    @staticmethod
    def _head_of(branch: str) -> str:
        return hashlib.sha1(branch.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def files() -> Iterator[FilesScene]:
    """The forge of files over a new folder."""
    with TemporaryDirectory() as folder:
        yield FilesScene(Path(folder) / "reviews")
