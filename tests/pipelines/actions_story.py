"""The events of a forge with Actions about a world, sent to its workflows."""

from __future__ import annotations

from collections.abc import Mapping

from tests.forges.fake_server import FakeForge
from tests.pipelines.actions_runner import ActionsEvent, ActionsForge, ActionsRunner
from tests.pipelines.pipeline_world import PIPELINES, PipelineWorld

AUTOMATIC_TOKEN = "automatic-token-of-a-job"
PERMISSIONS = {"statuses": "statuses", "issues": "issues", "pull-requests": "pull_requests"}
"""By permission of a workflow: its name in the fake of GitHub."""

MAY_NOT_ALWAYS = frozenset({"members"})


class ActionsStory:
    """Events about a world. `account` is that of the token by which the jobs write. With `grants`
    it is the job's own token, whose rights are those of its job. Otherwise a job's own token reads
    the repository, and the other one is the secret RECONCILER_TOKEN.
    """

    def __init__(
        self,
        world: PipelineWorld,
        fake: FakeForge,
        account: str,
        kind: tuple[str, tuple[str, ...], tuple[str, ...]],
        *,
        grants: bool,
    ) -> None:
        self.world, self.fake, self.account = world, fake, account
        folder, prefixes, markers = kind
        self.token = fake.token(account)
        own = self.token if grants else AUTOMATIC_TOKEN
        if not grants:
            world.secrets["RECONCILER_TOKEN"] = self.token
            world.readers = {AUTOMATIC_TOKEN}
        forge = ActionsForge(
            prefixes,
            markers,
            world.world.project,
            fake.url,
            fake.api_url,
            world.git.url,
            own,
            world.secrets,
        )
        self.runner = ActionsRunner(
            PIPELINES / folder, forge, world.machine, self._grant if grants else None
        )
        self.tokens = (self.token, own)

    def _grant(self, rights: Mapping[str, str]) -> None:
        self.fake.world.account(self.account).may_not = {*MAY_NOT_ALWAYS} | {
            own for name, own in PERMISSIONS.items() if rights.get(name) != "write"
        }
        self.world.readers = {self.token} if "contents" in rights else set()

    def pull(self, number: int) -> dict[str, bool]:
        """A pull request was opened or pushed to."""
        record = self.world.world.pull(number)
        name = "mallory/infra" if record.is_fork else self.world.world.project
        head = {"sha": record.head, "ref": record.branch, "repo": {"full_name": name}}
        pull = {"number": number, "head": head, "base": {"ref": "main"}}
        payload = {"action": "synchronize", "pull_request": pull}
        merge = f"refs/pull/{number}/merge"
        commit = self.world.world.git("rev-parse", merge)
        return self.runner.send(
            ActionsEvent("pull_request", payload, merge, commit, is_fork=record.is_fork)
        )

    def comment(self, number: int, person: str, text: str) -> dict[str, bool]:
        """A person comments."""
        self.world.world.comment(number, person, text)
        issue = {"number": number, "pull_request": {"url": f"{self.fake.url}/pull/{number}"}}
        payload = {"action": "created", "issue": issue, "comment": {"body": text}}
        return self._on_main("issue_comment", payload)

    def merge(self, number: int) -> dict[str, bool]:
        """A pull request is merged."""
        before = self.world.world.tip("main")
        after = self.world.world.merge(number)
        payload = {"ref": "refs/heads/main", "before": before, "after": after}
        return self._on_main("push", payload)

    def clock(self, workflow: str) -> dict[str, bool]:
        """The time of a workflow's schedule has come."""
        [row] = self.runner.files[workflow]["on"]["schedule"]
        return self._on_main("schedule", {"schedule": row["cron"]})

    def _on_main(self, name: str, payload: Mapping[str, object]) -> dict[str, bool]:
        tip = self.world.world.tip("main")
        return self.runner.send(ActionsEvent(name, payload, "refs/heads/main", tip))
