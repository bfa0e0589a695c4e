"""An apply of many stacks: is the order right, and does it take longer than the quota needs?

    python -m bench.projects --runs 3

Each run is a random project of 20 stacks on 3 levels, applied by `reconciler apply --all` as a
process to an empty local cloud that counts. The bound is the time of so many requests at the rate
of the quota, without any wait for an object; the least is 60 s shorter, because the first 60 may go
at once. Times are the cloud's, from the first request to the last; the cloud is faster than a real
one by `--scale`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.common.timing import QUOTA_CALLS, QUOTA_SECONDS
from reconciler.model.http import Request
from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.answers import Answer

ROOT = Path(__file__).parents[1]
STACKS, LEVELS, NEEDS_MAX = 20, 3, 3
GOAL = 1.15
STACK = """\
version: 1
stack: {name}
{stacks}firewalls:
  web:
    rules:
      https: {{direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}
{rules}instances:
  web:
    count: 3
    zone: kr1-z01
    flavor: std_1.1-g1
    image: {{os: ubuntu, version: "22.04"}}
    ssh_keys: [deploy]
    firewall: web
outputs:
  web: {{value: "${{instances.web[0].private_ip}}"}}
"""
RULE = """\
      from_{name}:
        {{direction: in, protocol: tcp, ports: 80, cidr: "${{stacks.{name}.outputs.web + '/32'}}"}}
"""


class CountingCloud(Cloud):
    """A cloud that notes when each request came, in seconds of its own clock."""

    def __init__(self, scale: float) -> None:
        began = time.monotonic()
        self._moment = lambda: began + (time.monotonic() - began) * scale
        self.came: list[float] = []
        super().__init__(time_scale=scale)

    def exchange(self, request: Request, *, peer: str = "127.0.0.1") -> Answer:
        """The request is noted, then executed."""
        self.came.append(self._moment())
        return super().exchange(request, peer=peer)


@dataclass(frozen=True, slots=True)
class Applied:
    """One run: its requests, its seconds, and the stacks that began before one that they need."""

    calls: int
    seconds: float
    wrong: tuple[str, ...]
    exit_code: int

    @property
    def bound(self) -> float:
        """The seconds of so many requests at the rate of the quota."""
        return QUOTA_SECONDS * self.calls / QUOTA_CALLS

    @property
    def least(self) -> float:
        """The same if as many as the quota has are sent at once in the beginning."""
        return self.bound - QUOTA_SECONDS

    @property
    def ratio(self) -> float:
        """How many times the bound it took."""
        return self.seconds / self.bound


def graph(chance: random.Random) -> dict[str, tuple[str, ...]]:
    """What each stack of a random project needs."""
    levels: list[list[str]] = [[] for _ in range(LEVELS)]
    found = {}
    for number in range(STACKS):
        level = number % LEVELS if number < LEVELS else chance.randrange(LEVELS)
        name = f"s{number}"
        before = [each for names in levels[:level] for each in names]
        needed = chance.sample(before, min(len(before), chance.randint(1, NEEDS_MAX)))
        found[name] = tuple(sorted(needed)) if level else ()
        levels[level].append(name)
    return found


def write(folder: Path, needs: Mapping[str, tuple[str, ...]]) -> None:
    """The files of a project."""
    listed = "".join(f"  {name}: {{path: {name}}}\n" for name in needs)
    (folder / "reconciler.yaml").write_text(f"version: 1\nproject: bench\nstacks:\n{listed}")
    for name, needed in needs.items():
        (folder / name).mkdir()
        read = "".join(f"  {each}: {{path: ../{each}}}\n" for each in needed)
        text = STACK.format(
            name=name,
            stacks=f"stacks:\n{read}" if read else "",
            rules="".join(RULE.format(name=each) for each in needed),
        )
        (folder / name / "stack.yaml").write_text(text)


def applied(folder: Path, needs: Mapping[str, tuple[str, ...]], scale: float) -> Applied:
    """One apply of all stacks of a project to an empty cloud."""
    cloud = CountingCloud(scale)
    with SimulatorServer(cloud) as server:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", "apply", "--all", "--yes", "--format", "json"],
            cwd=folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(folder),
                "PYTHONPATH": str(ROOT),
                "RECONCILER_TIME_SCALE": str(scale),
                **server.environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    seconds = max(cloud.came) - min(cloud.came)
    return Applied(len(cloud.came), seconds, out_of_order(events, needs), done.returncode)


def out_of_order(
    events: list[dict[str, Any]], needs: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The stacks that began before one that they need had ended."""
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    for number, event in enumerate(events):
        if "stack" in event:
            began.setdefault(event["stack"], number)
            ended[event["stack"]] = number
    missing = [name for name in needs if name not in began]
    early = [
        name
        for name, needed in needs.items()
        for each in needed
        if each in ended and name in began and began[name] < ended[each]
    ]
    return tuple(missing + early)


def main() -> int:
    """0 if every run was in order and within the goal, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.projects", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("seed  stacks  calls  seconds  least  bound  ratio  out of order  exit code")
    bad = False
    for seed in range(options.seed, options.seed + options.runs):
        needs = graph(random.Random(seed))
        with tempfile.TemporaryDirectory(prefix="projects-") as name:
            write(Path(name), needs)
            one = applied(Path(name), needs, options.scale)
        bad = bad or bool(one.wrong) or one.exit_code != 0 or one.ratio > GOAL
        print(
            f"{seed:>4}  {len(needs):>6}  {one.calls:>5}  {one.seconds:>7.0f}  {one.least:>5.0f}"
            f"  {one.bound:>5.0f}  {one.ratio:>5.2f}  {len(one.wrong):>12}  {one.exit_code:>9}",
            flush=True,
        )
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
