"""What a state in a shared place costs: how long an apply takes, and a plan without changes.

    python -m bench.cost --servers 100

Each place has a local cloud of its own, in real time and with its quota; all are applied side by
side, so that they share what else the machine does. The place is checked before, by `state check`,
which the first apply would do. S3 is moto; each of its requests takes 60 ms
or 200 ms longer than moto itself. The plans are made in turn, and the least of each counts.
`--against TREE` compares the plan of a state in a folder with that of another checkout.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import processes, stacks
from bench.slow_proxy import SlowProxy
from bench.struck import WEB_TIER
from reconciler.simulator import Cloud, SimulatorServer
from tests.processes.shared_desk import LAUNCHER
from tests.servers import places

ROOT = Path(__file__).parents[1]
GOALS = {"PostgreSQL": (1.02, 60.0), "S3, 60 ms": (1.05, 250.0), "S3, 200 ms": (1.10, None)}
OPERATIONS_GOAL = 3


@dataclass(frozen=True, slots=True)
class Desk:
    """A stack with an account and a place of its own."""

    name: str
    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, root: Path = ROOT, **more: str) -> tuple[float, float]:
        """Wall seconds and processor seconds of a command, which must succeed."""
        command = (sys.executable, "-m", "reconciler", *arguments)
        if "TEST_STORE_NOTES" in more:
            command = (sys.executable, str(LAUNCHER), *arguments)
        environment = {**self.environment, "PYTHONPATH": str(root), **more}
        output = self.folder / "output"
        with output.open("wb") as file:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=file, stderr=file
            )
            _, status, usage = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, output.read_text(encoding="utf-8")
        return took, usage.ru_utime + usage.ru_stime

    def operations(self) -> list[str]:
        """The operations on the place of a plan."""
        notes, offset = self.folder / "notes", self.folder / "offset"
        notes.write_text("", encoding="utf-8")
        offset.write_text("0.0", encoding="utf-8")
        self.run(
            *("plan", "stack.yaml"),
            TEST_STORE_NOTES=str(notes),
            TEST_CLOCK_FILE=str(offset),
            TEST_CLOCK_EPOCH="0.0",
            TEST_CLOCK_RATE="1.0",
        )
        return [line.split()[0] for line in notes.read_text(encoding="utf-8").splitlines()]


@contextmanager
def desks(folder: Path, text: str) -> Iterator[list[Desk]]:
    """One for each place."""
    with ExitStack() as stack:
        all_places = stack.enter_context(places.Places())
        made = []
        for name, kind, delay in (
            ("folder", None, 0.0),
            ("PostgreSQL", "postgres", 0.0),
            ("S3, 60 ms", "moto", 0.06),
            ("S3, 200 ms", "moto", 0.2),
        ):
            own = folder / name.replace(", ", "-").replace(" ", "")
            (own / "home").mkdir(parents=True)
            (own / "stack.yaml").write_text(text, encoding="utf-8")
            server = stack.enter_context(SimulatorServer(Cloud(time_scale=1.0)))
            environment = {
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(own / "home"),
                **{
                    name: os.environ[name]
                    for name in ("PYTHONPYCACHEPREFIX",)
                    if name in os.environ
                },
                **server.environment,
            }
            if kind is not None:
                place = all_places.fresh(kind)
                url = place.url
                if delay:
                    port = stack.enter_context(SlowProxy(place.server.port, delay)).port
                    url = url.replace(f"127.0.0.1:{place.server.port}", f"127.0.0.1:{port}")
                environment |= {**place.environment, "RECONCILER_STATE": url}
            made.append(Desk(name, own, environment))
        yield made


def measure(title: str, text: str, *, plans: int) -> int:
    """Prints the figures of one stack; returns how many goals were missed."""
    wrong = 0
    with tempfile.TemporaryDirectory() as name, desks(Path(name), text) as all_desks:
        checks = [desk.run("state", "check")[0] for desk in all_desks]
        print("check of each place:", ", ".join(f"{seconds:.1f} s" for seconds in checks))
        with ThreadPoolExecutor(len(all_desks)) as threads:
            spans = dict(
                zip(
                    (desk.name for desk in all_desks),
                    threads.map(
                        lambda desk: desk.run("apply", "stack.yaml", "--yes")[0], all_desks
                    ),
                    strict=True,
                )
            )
        rounds = [[desk.run("plan", "stack.yaml") for desk in all_desks] for _ in range(plans)]
        print(f"{title}\nplace       apply s  ratio  goal  operations of a plan", end="")
        print("  more ms (least)  more ms (median)  more CPU ms  goal ms")
        for number, desk in enumerate(all_desks):
            ratio = spans[desk.name] / spans["folder"]
            walls = [row[number][0] - row[0][0] for row in rounds]
            least = min(row[number][0] for row in rounds) - min(row[0][0] for row in rounds)
            cpu = min(row[number][1] for row in rounds) - min(row[0][1] for row in rounds)
            operations = desk.operations()
            span_goal, plan_goal = GOALS.get(desk.name, (None, None))
            print(
                f"{desk.name:<10}  {spans[desk.name]:>7.1f}  {ratio:>5.3f}  {span_goal or '':>4}  "
                f"{len(operations):>2} {' '.join(operations):<17}  {least * 1000:>15.0f}  "
                f"{median(walls) * 1000:>16.0f}  {cpu * 1000:>11.0f}  {plan_goal or '':>7}",
                flush=True,
            )
            wrong += span_goal is not None and ratio > span_goal
            wrong += plan_goal is not None and least * 1000 > plan_goal
            wrong += len(operations) > OPERATIONS_GOAL
    return wrong


def imports() -> None:
    """Prints what the libraries of the places cost to load."""
    bare = processes.cost(processes.BARE, runs=9)
    for library in ("psycopg", "obstore.store"):
        found = processes.cost((sys.executable, "-c", f"import {library}"), runs=9)
        print(f"import {library:<14} {(found.cpu - bare.cpu) * 1000:.0f} ms of processor time")


def compare(other: Path, *, runs: int) -> None:
    """Prints what a plan of a state in a folder takes here and in another checkout, in turn."""
    text = WEB_TIER.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name, desks(Path(name), text) as all_desks:
        desk = all_desks[0]
        desk.run("apply", "stack.yaml", "--yes")
        trees = {"this checkout": ROOT, "the other": other}
        found = [
            {tree: desk.run("plan", "stack.yaml", root=root)[1] for tree, root in trees.items()}
            for _ in range(runs)
        ]
        for tree, root in trees.items():
            done = subprocess.run(
                (sys.executable, "-X", "importtime", "-m", "reconciler", "plan", "stack.yaml"),
                cwd=desk.folder,
                env={**desk.environment, "PYTHONPATH": str(root)},
                capture_output=True,
                text=True,
                check=True,
            )
            modules = len(re.findall(r"^import time: +\d", done.stderr, re.MULTILINE))
            least = min(row[tree] for row in found)
            print(f"{tree:<14} {least * 1000:.0f} ms of processor time, {modules} modules")
        ratios = [row["this checkout"] / row["the other"] for row in found]
        print(f"ratio, median of {runs} pairs: {median(ratios):.3f}")


def main() -> int:
    """0 if every goal was met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--servers", type=int, default=0, help="measure so many servers too")
    parser.add_argument("--plans", type=int, default=15)
    parser.add_argument("--against", type=Path, metavar="TREE")
    options = parser.parse_args()
    wrong = measure("web-tier", WEB_TIER.read_text(encoding="utf-8"), plans=options.plans)
    if options.servers:
        text = stacks.stack(options.servers).partition("block_storages:")[0]
        wrong += measure(f"{options.servers} servers", text, plans=options.plans)
    imports()
    if options.against:
        compare(options.against.resolve(), runs=options.plans)
    print("every goal is met" if not wrong else f"{wrong} goals are MISSED")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
