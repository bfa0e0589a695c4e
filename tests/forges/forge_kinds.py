"""The implementations of the port `Forge` that the contract suite runs over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Protocol, TypeAlias

from reconciler.forge.forge_retry import ForgeWaits
from reconciler.forge.forge_token import ForgeToken
from reconciler.forge.forgejo import ForgejoForge
from reconciler.forge.github import GitHubForge
from reconciler.forge.gitlab import GitLabForge
from reconciler.model.ports.forge_ports import Forge
from tests.doubles.memory_forge import MemoryForge
from tests.forges.fake_forgejo import FakeForgejo
from tests.forges.fake_github import FakeGitHub
from tests.forges.fake_gitlab import FakeGitLab
from tests.forges.files_scene import files
from tests.forges.forge_world import ForgeWorld


class Scene(Protocol):
    """A forge with several accounts, and what people do there beside the port."""

    def forge(self, account: str) -> Forge:
        """The port, with the token of an account. `reconciler[bot]` is a bot."""
        ...

    def open_pull(self, author: str, *, base: str = "main", is_fork: bool = False) -> int:
        """A pull request of a new branch. Returns its number."""
        ...

    def push(self, number: int) -> str:
        """Adds a commit to a pull request. Returns it."""
        ...

    def merge(self, number: int) -> str:
        """Merges a pull request. Returns the commit on the base."""
        ...

    def close(self, number: int) -> None:
        """Closes a pull request without a merge."""
        ...

    def set_team(self, name: str, members: Sequence[str]) -> None:
        """Makes a team."""
        ...

    def wait(self, seconds: float) -> None:
        """Lets time go by."""
        ...


Opener: TypeAlias = Callable[[ForgeWorld, str], Forge]
"""Gives the port over a world, with the token of an account."""


class WorldScene:
    """A scene over a `ForgeWorld`."""

    def __init__(self, world: ForgeWorld, opener: Opener) -> None:
        self.world, self._opener = world, opener

    def forge(self, account: str) -> Forge:
        self.world.account(account)
        return self._opener(self.world, account)

    def open_pull(self, author: str, *, base: str = "main", is_fork: bool = False) -> int:
        return self.world.open_pull(author, base=base, is_fork=is_fork).number

    def push(self, number: int) -> str:
        return self.world.push(number)

    def merge(self, number: int) -> str:
        return self.world.merge(number)

    def close(self, number: int) -> None:
        self.world.close(number)

    def set_team(self, name: str, members: Sequence[str]) -> None:
        for member in members:
            self.world.account(member)
        self.world.teams[name] = list(members)

    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)


@contextmanager
def memory() -> Iterator[Scene]:
    """The port in memory."""
    yield WorldScene(ForgeWorld(), MemoryForge)


@contextmanager
def github() -> Iterator[Scene]:
    """The adaptor of GitHub over a fake server, which refuses what the description has not."""
    with FakeGitHub(ForgeWorld()) as fake:
        yield WorldScene(fake.world, partial(github_forge, fake))
        assert not fake.violations, fake.violations


def github_forge(fake: FakeGitHub, world: ForgeWorld, account: str) -> GitHubForge:
    """The adaptor of GitHub, with the token of an account. It waits in the time of the world."""
    token = ForgeToken(fake.token(account), "GITHUB_TOKEN")
    waits = ForgeWaits(now=lambda: world.now, wait=world.wait)
    return GitHubForge(fake.api_url, world.project, token, waits=waits)


@contextmanager
def gitlab() -> Iterator[Scene]:
    """The adaptor of GitLab over a fake server."""
    with FakeGitLab(ForgeWorld()) as fake:
        yield WorldScene(fake.world, partial(gitlab_forge, fake))
        assert not fake.violations, fake.violations
        assert not fake.quick_actions, fake.quick_actions


def gitlab_forge(fake: FakeGitLab, world: ForgeWorld, account: str) -> GitLabForge:
    """The adaptor of GitLab, with the token of an account. It waits in the time of the world."""
    token = ForgeToken(fake.token(account), "GITLAB_TOKEN")
    waits = ForgeWaits(now=lambda: world.now, wait=world.wait)
    return GitLabForge(fake.api_url, world.project, token, waits=waits)


@contextmanager
def forgejo() -> Iterator[Scene]:
    """The adaptor of Forgejo over a fake server."""
    with FakeForgejo(ForgeWorld()) as fake:
        yield WorldScene(fake.world, partial(forgejo_forge, fake))
        assert not fake.violations, fake.violations


def forgejo_forge(fake: FakeForgejo, world: ForgeWorld, account: str) -> ForgejoForge:
    """The adaptor of Forgejo, with the token of an account. It waits in the time of the world."""
    token = ForgeToken(fake.token(account), "FORGEJO_TOKEN")
    waits = ForgeWaits(now=lambda: world.now, wait=world.wait)
    return ForgejoForge(fake.api_url, world.project, token, waits=waits)


KINDS: dict[str, Callable[[], AbstractContextManager[Scene]]] = {
    "memory": memory,
    "github": github,
    "gitlab": gitlab,
    "forgejo": forgejo,
    "files": files,
}
"""Each implementation by its name: a new scene, and its end."""
