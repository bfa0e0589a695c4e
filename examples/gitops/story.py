"""A change of infrastructure from a branch to the account and back: `examples/gitops/run`.

The forge is a small copy of GitHub on this machine, whose pages can be watched in a browser. The
account is a local cloud. Everything else is real: a Git repository, the commands that the pipelines
run, and each job's environment.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tests.forges.fake_github import FakeGitHub
from tests.forges.forge_world import ForgeWorld

BOT = "reconciler[bot]"
SPEED = "600"
RECONCILER = [sys.executable, "-m", "reconciler"]


class Story:
    """The repository, the forge and the cloud of one run. `folder` is new; all files are in it."""

    def __init__(
        self, folder: Path, forge: FakeGitHub, cloud: Mapping[str, str], *, wait: bool
    ) -> None:
        self.folder, self.forge, self.wait = folder, forge, wait
        self.remote, self.work = folder / "remote.git", folder / "infra"
        self.cloud = dict(cloud)
        self.steps = 0
        self.shown: int | None = None

    # What a person does

    def begin(self) -> None:
        """Makes the remote repository with an empty first commit, and a clone of it."""
        self.git("init", "-q", "--bare", "-b", "main", str(self.remote), cwd=self.folder)
        self.git("clone", "-q", str(self.remote), str(self.work), cwd=self.folder)
        rules = ("reconciler.yaml", "policies/network.yaml")
        for name in rules:
            self.copy(name)
        self.git("checkout", "-q", "-b", "main")
        self.commit("Say who may approve what")
        self.git("push", "-q", "origin", "main")

    def copy(self, name: str) -> None:
        """Copies a file of the example into the clone."""
        target = self.work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "repository" / name, target)

    def edit(self, name: str, before: str, after: str) -> None:
        """Replaces a text in a file of the clone."""
        path = self.work / name
        text = path.read_text(encoding="utf-8")
        assert before in text, (name, before)
        path.write_text(text.replace(before, after), encoding="utf-8")

    def commit(self, message: str) -> str:
        """Commits everything. Returns the id."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def open_pull(self, branch: str, title: str, author: str) -> int:
        """Pushes the branch, and opens a pull request. Returns its number."""
        self.git("push", "-q", "origin", branch)
        pull = self.forge.world.open_pull(author, branch=branch, title=title)
        pull.head = self.git("rev-parse", branch)
        return pull.number

    def push(self, number: int) -> None:
        """Pushes a further commit of a pull request."""
        pull = self.forge.world.pull(number)
        self.git("push", "-q", "origin", pull.branch)
        pull.head = self.git("rev-parse", pull.branch)

    def merge(self, number: int) -> None:
        """Merges a pull request, as its button does."""
        pull = self.forge.world.pull(number)
        self.git("fetch", "-q", "origin")
        self.git("checkout", "-q", "main")
        self.git(
            "merge",
            "-q",
            "--no-ff",
            "-m",
            f"Merge #{number}: {pull.title}",
            f"origin/{pull.branch}",
        )
        self.git("push", "-q", "origin", "main")
        self.forge.world.merge(number)
        pull.merged_as = self.git("rev-parse", "HEAD")

    def say(self, number: int, person: str, text: str) -> None:
        """A person writes a comment."""
        self.forge.world.comment(number, person, text)
        print(f"    {person} comments on #{number}: {text}")

    def plan_id(self, number: int, title: str) -> str:
        """The id in the comment about a stack."""
        [body] = [
            each.body
            for each in self.forge.world.comments_of(number)
            if f"<!-- reconciler: {title} -->" in each.body
        ]
        found = re.search(r"/approve ([0-9a-f]{12})", body)
        assert found is not None, body
        return found[1]

    # What a job does

    def job(self, name: str, *command: str, event: Mapping[str, object], ref: str) -> int:
        """Runs one command of a pipeline in a fresh checkout, with the environment of its job.
        Returns the exit code.
        """
        checkout = self.folder / "job"
        shutil.rmtree(checkout, ignore_errors=True)
        self.git("clone", "-q", str(self.remote), str(checkout), cwd=self.folder)
        self.git("checkout", "-q", "--detach", ref, cwd=checkout)
        file = self.folder / "event.json"
        file.write_text(json.dumps(event), encoding="utf-8")
        environ = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
            **self.cloud,
            "PYTHONPATH": str(ROOT),
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": self.forge.world.project,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_SERVER_URL": self.forge.url,
            "GITHUB_RUN_ID": str(100 + self.steps),
            "GITHUB_ACTOR": "arim",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(file),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": ref,
            "GITHUB_TOKEN": self.forge.token(BOT),
            "RECONCILER_STATE_DIR": str(self.folder / "states"),
            "RECONCILER_TIME_SCALE": SPEED,
        }
        print(f"    job on {name}: reconciler {' '.join(command)}")
        done = subprocess.run(
            [*RECONCILER, *command],
            cwd=checkout,
            env=environ,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        for line in (done.stdout + done.stderr).splitlines():
            print(f"      | {line}")
        return done.returncode

    def on_pull(self, number: int) -> int:
        """The job that plans a pull request."""
        head = self.forge.world.pull(number).head
        event = {"pull_request": {"number": number, "head": {"sha": head}, "base": {"ref": "main"}}}
        return self.job("pull_request", "ci", "plan", "--out", "plans", event=event, ref=head)

    def on_comment(self, number: int) -> int:
        """The job on a comment that begins with /approve."""
        event = {"issue": {"number": number, "pull_request": {"url": self.page(number)}}}
        return self.job("issue_comment", "ci", "apply", event=event, ref=self.tip)

    def on_push(self) -> int:
        """The job after a merge."""
        event = {"before": self.git("rev-parse", "main^1"), "ref": "refs/heads/main"}
        return self.job("push", "ci", "apply", event=event, ref=self.tip)

    def on_schedule(self) -> int:
        """The nightly job."""
        return self.job("schedule", "ci", "drift", event={}, ref=self.tip)

    @property
    def tip(self) -> str:
        """The commit of the base branch."""
        return self.git("rev-parse", "main")

    # The rest

    def step(self, text: str, number: int | None = None) -> None:
        """Says what comes next, and waits for Enter."""
        self.steps += 1
        self.shown = number
        print(f"\n{self.steps}. {text}")
        if number is not None:
            print(f"    {self.page(number)}")

    def pause(self) -> None:
        """Waits for Enter if a person watches."""
        if self.wait:
            input("    [Enter] ")

    def page(self, number: int) -> str:
        """The page of a pull request."""
        return f"{self.forge.url}/{self.forge.world.project}/pull/{number}"

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """What Git prints."""
        who = {"NAME": "arim", "EMAIL": "arim@example.com"}
        environ = {
            f"GIT_{role}_{key}": text
            for role in ("AUTHOR", "COMMITTER")
            for key, text in who.items()
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.work,
            env={**os.environ, **environ},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


def tell(story: Story) -> None:
    """The whole story. It stops if a job ends otherwise than expected."""
    story.begin()
    print(f"The forge is at {story.forge.url}: open it in a browser.")

    story.step("arim proposes the first two stacks on a branch.")
    story.git("checkout", "-q", "-b", "first")
    for name in ("network/stack.yaml", "shop/stack.yaml"):
        story.copy(name)
    story.commit("Add a bastion and the shop")
    first = story.open_pull("first", "Add a bastion and the shop", "arim")
    require(story.on_pull(first) == 0)
    story.step(
        "The plans are in two comments. That of shop is provisional: it waits for network.", first
    )
    story.pause()

    story.step("arim cannot approve their own change; bora can.")
    for person in ("arim", "bora"):
        for title in ("network", "shop"):
            story.say(first, person, f"/approve {story.plan_id(first, title)}")
        require(story.on_comment(first) == 0)
    story.step("The status reconciler/approved is green now. Nothing is applied yet.", first)
    story.pause()

    story.step("The pull request is merged, and the job after it applies exactly these plans.")
    story.merge(first)
    require(story.on_push() == 0)
    story.step("Both stacks are applied, and both statuses are green.", first)
    story.pause()

    story.step("chan opens SSH to the whole internet. A policy of the base branch denies it.")
    story.git("checkout", "-q", "-b", "ssh", "main")
    story.edit("network/stack.yaml", "cidr: 203.0.113.0/24", "cidr: 0.0.0.0/0")
    story.commit("Let everybody in")
    second = story.open_pull("ssh", "Let everybody in", "chan")
    require(story.on_pull(second) != 0)
    story.step("The comment says why, and the status is red.", second)
    story.pause()

    story.step("chan narrows it to one more office. bora approves, and it is merged and applied.")
    story.edit(
        "network/stack.yaml", "cidr: 0.0.0.0/0}\n      out", "cidr: 198.51.100.0/24}\n      out"
    )
    story.commit("Let the new office in")
    story.push(second)
    require(story.on_pull(second) == 0)
    story.say(second, "bora", f"/approve {story.plan_id(second, 'network')}")
    require(story.on_comment(second) == 0)
    story.merge(second)
    require(story.on_push() == 0)
    story.step("Applied.", second)
    story.pause()

    story.step("At night somebody changes a description in the console.")
    change = ["simulator", "do", "set", "instance", "shop-web", "description=밤에 고침"]
    subprocess.run(
        [*RECONCILER, *change],
        cwd=story.work,
        env={**os.environ, **story.cloud, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    require(story.on_schedule() == 0)
    third = max(story.forge.world.pulls)
    pull = story.forge.world.pull(third)
    story.git("fetch", "-q", "origin")
    pull.head = story.git("rev-parse", f"origin/{pull.branch}")
    story.step("The job has found it and proposes to keep it: the file says what is there.", third)
    require(story.on_pull(third) == 0)
    story.pause()

    story.step("The plan of that pull request is empty. It is merged, and the drift is gone.")
    story.merge(third)
    require(story.on_push() == 0)
    require(story.on_schedule() == 0)
    require("밤에 고침" in (story.work / "shop" / "stack.yaml").read_text(encoding="utf-8"))

    story.step("The audit log has all of it, and its chain of hashes is whole.")
    require(story.job("schedule", "audit", "--verify", event={}, ref=story.tip) == 0)
    print("\nThe end.")


def require(holds: bool) -> None:
    """Ends the story if something is not as it tells."""
    if not holds:
        raise SystemExit("the story did not go as it is told here: see the lines above")


@contextmanager
def cloud(folder: Path) -> Iterator[Mapping[str, str]]:
    """A local cloud while the block runs: the variables of the environment that name it."""
    command = [*RECONCILER, "simulator", "serve", "--port", "0", "--time-scale", SPEED]
    child = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    found: dict[str, str] = {}
    try:
        for line in child.stdout:
            match = re.fullmatch(r"export (\w+)=(\S+)\n", line)
            if match is not None:
                found[match[1]] = match[2]
            if line.startswith("# ready"):
                break
        yield found
    finally:
        child.terminate()
        child.wait(10)
        child.stdout.close()


def main() -> None:
    """Tells the story in a new folder, which is removed at its end."""
    parser = argparse.ArgumentParser(description="A change from a branch to the account and back.")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for Enter")
    parser.add_argument("--port", type=int, default=0, help="the port of the pages of the forge")
    given = parser.parse_args()
    world = ForgeWorld()
    world.wait(time.time() - world.now)
    with (
        tempfile.TemporaryDirectory(prefix="gitops-") as name,
        cloud(Path(name)) as variables,
        FakeGitHub(world, port=given.port) as forge,
    ):
        tell(Story(Path(name), forge, variables, wait=not given.no_wait))
        if not given.no_wait:
            input("The pages stay until you press [Enter]. ")


if __name__ == "__main__":
    main()
