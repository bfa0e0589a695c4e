"""`python -m bench`: runs everything, prints tables, and with `--json FILE` writes the figures too.

Counts and virtual seconds repeat exactly; figures of processes hang on the machine, so compare them
within one run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import (
    durability,
    estimates,
    many_stacks,
    peers,
    policies,
    processes,
    reports,
    stacks,
    virtual,
    worlds,
)
from bench.processes import Cost

READ_SIZES = (10, 100)
CREATE_SIZES = (10, 20, 40, 100, 200)
DESTROY_SIZES = (10, 50, 200)
MANY_STACKS = (5, 20, 50)
LATENCIES = (0.1, 0.5, 2.0)
PROCESS_SIZES = (100, 1_000, 10_000)
PEER_SIZES = (100, 1_000, 10_000)
GOAL_SECONDS = {100: 0.25, 1_000: 0.5, 10_000: 2.5}


def main() -> int:
    """Runs the bench; always 0: it measures, and judges nothing."""
    options = _options()
    began = time.perf_counter()
    found: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        found["starts"] = _starts(folder)
        found["durability"] = _durability(folder)
        found["creations"] = _creations()
        found["destructions"] = _destructions()
        found["sharing"] = _sharing()
        found["many_stacks"] = _many_stacks(folder / "many-stacks")
        found["policies"] = _policies()
        found["reports"] = _reports()
        found["estimates"] = _estimates(folder / "estimates")
        found["empty_plans"] = _empty_plans(folder, options.sizes)
        found["peer"] = _peer(folder, [size for size in PEER_SIZES if size in options.sizes])
    found["seconds"] = time.perf_counter() - began
    print(f"\nall of it took {found['seconds']:.0f} s")
    if options.json:
        Path(options.json).write_text(
            json.dumps(found, indent=2, default=_plain) + "\n", encoding="utf-8"
        )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=PROCESS_SIZES,
        help="objects of the stacks that whole plans are made of",
    )
    return parser.parse_args()


def _starts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = dict(processes.starts(folder))
    bare = found["bare interpreter"].cpu
    rows = [
        [name, f"{one.cpu * 1000:.0f}", f"{one.cpu / bare:.1f}", f"{one.wall * 1000:.0f}"]
        for name, one in found.items()
    ]
    first = processes.first_request(folder)
    rows.append(["first request of a plan of 20", "", "", f"{first * 1000:.0f}"])
    _table(
        "Start (goal: 2.5 times a bare interpreter; validate 400 ms; first request 500 ms)",
        ["", "cpu ms", "ratio", "wall ms"],
        rows,
    )
    return {**found, "first_request": first}


def _durability(folder: Path) -> list[durability.Durable]:
    found = [
        durability.steps(objects, folder / f"journal-{objects}") for objects in (0, 2_000, 10_000)
    ]
    rows = [[f"{one.objects:,}", f"{one.wall_ms:.2f}", f"{one.cpu_ms:.2f}"] for one in found]
    _table(
        "Journal and state, two synced records a step (goal: 5 ms, not growing)",
        ["objects", "wall ms a step", "cpu ms a step"],
        rows,
    )
    return found


def _creations() -> list[dict[str, Any]]:
    found = list(virtual.creations(CREATE_SIZES, LATENCIES))
    rows = [
        [
            f"{one.servers}",
            f"{one.latency}",
            f"{one.writes}",
            f"{one.waits}",
            f"{one.calls_ratio:.3f}",
            f"{one.seconds:.1f}",
            f"{one.bound:.1f}",
            f"{one.time_ratio:.3f}",
            f"{one.eta / one.seconds:.2f}",
            f"{one.cpu_ms_a_step:.1f}",
        ]
        for one in found
    ]
    heads = [
        "servers",
        "latency s",
        "writes",
        "waits",
        "calls ratio",
        "seconds",
        "bound",
        "time ratio",
        "ETA ratio",
        "cpu ms a step",
    ]
    _table(
        "Creating all of it (goal: calls 1.15 times writes and fewest waits; time 1.10 times the "
        "bound; ETA 0.85-1.15)",
        heads,
        rows,
    )
    return [
        {**dataclasses.asdict(one), "calls_ratio": one.calls_ratio, "time_ratio": one.time_ratio}
        for one in found
    ]


def _destructions() -> list[dict[str, Any]]:
    found = list(virtual.destructions(DESTROY_SIZES, (0.2,)))
    rows = [
        [
            one.name,
            f"{one.writes}",
            f"{one.waits}",
            f"{one.forecast_waits}",
            f"{one.calls_ratio:.3f}" if one.calls_ratio else "",
            f"{one.seconds:.1f}",
            f"{one.time_ratio:.3f}" if one.time_ratio else "",
            f"{one.eta / one.seconds:.2f}",
        ]
        for one in found
    ]
    heads = ["servers", "writes", "waits", "forecast", "calls ratio", "seconds", "time ratio"]
    _table(
        "Destroying all of it (goal: calls 1.15 times writes and fewest waits; time 1.10 times the "
        "bound)",
        [*heads, "ETA ratio"],
        rows,
    )
    return [
        {**dataclasses.asdict(one), "calls_ratio": one.calls_ratio, "time_ratio": one.time_ratio}
        for one in found
    ]


def _sharing() -> dict[str, Any]:
    found = virtual.sharing()
    row = [f"{found.first}", f"{found.second}", f"{found.ratio:.2f}", f"{found.most_in_a_minute}"]
    _table(
        "Two runs sharing a key for 10 minutes (goal: a factor of 2; 60 a minute together)",
        ["first", "second", "ratio", "most"],
        [row],
    )
    return {**dataclasses.asdict(found), "ratio": found.ratio}


def _many_stacks(folder: Path) -> list[dict[str, Any]]:
    found = [many_stacks.calls(stacks, folder / str(stacks)) for stacks in MANY_STACKS]
    rows = [
        [
            f"{one.stacks}",
            f"{one.together}",
            f"{one.one_stack}",
            f"{one.ratio:.2f}",
            f"{one.one_by_one}",
        ]
        for one in found
    ]
    heads = ["stacks", "calls in one run", "of one stack", "ratio", "in a run each"]
    _table("Planning many stacks (goal: 1.1 times the calls of one with all objects)", heads, rows)
    return [{**dataclasses.asdict(one), "ratio": one.ratio} for one in found]


def _estimates(folder: Path) -> list[dict[str, Any]]:
    found = list(estimates.estimates(folder))
    rows = [
        [
            f"{one.command} {one.example}",
            f"{one.planned:.0f}",
            f"{one.happened:.0f}",
            f"{one.ratio:.2f}",
        ]
        for one in found
    ]
    _table(
        "Planned and happened, seconds at the cloud's own speed (goal: 0.75-1.25)",
        ["example", "planned", "happened", "ratio"],
        rows,
    )
    return [{**dataclasses.asdict(one), "ratio": one.ratio} for one in found]


def _empty_plans(folder: Path, sizes: Sequence[int]) -> list[dict[str, Any]]:
    found, calls, rows, edited = [], [], [], []
    for size in sizes:
        settled = worlds.settle(stacks.servers_for(size), folder / f"world-{size}")
        reads = virtual.read(settled.harness, settled.stack, settled.servers)
        cost = _plan_of(settled.folder, settled.folder, size)
        edits = {
            name: _plan_of(settled.folder, settled.folder / worlds.folder_of(name), size)
            for name in stacks.EDITS
        }
        found.append({"size": size, "reads": reads, "cost": cost, "edits": edits})
        edited += [
            [
                f"{reads.objects:,}",
                name,
                f"{one.cpu:.2f}",
                f"{one.cpu - cost.cpu:.2f}",
                f"{one.cpu / cost.cpu:.2f}",
            ]
            for name, one in edits.items()
        ]
        counts = [
            f"{number:,}" for number in (reads.objects, reads.calls, reads.least, reads.one_by_one)
        ]
        calls.append([*counts, f"{reads.minutes:.1f}", f"{reads.minutes_one_by_one:.0f}"])
        goal = f"{GOAL_SECONDS[size]:.2f}" if size in GOAL_SECONDS else ""
        rows.append(
            [
                f"{reads.objects:,}",
                f"{cost.cpu:.2f}",
                goal,
                f"{cost.cpu / reads.objects * 1000:.2f}",
                f"{cost.megabytes:.0f}",
            ]
        )
    heads = ["objects", "calls", "least", "object by object", "minutes", "minutes object by object"]
    _table(
        "Reads of a plan that finds nothing to do (goal: least + 2; each minute has 60)",
        heads,
        calls,
    )
    _table(
        "The same as a whole process, network taken out",
        ["objects", "cpu s", "goal", "cpu ms an object", "MB"],
        rows,
    )
    _table(
        "The same after an edit (goal: one rule at 100 objects 0.05 s more; all at 10,000 1.4 "
        "times)",
        ["objects", "edit", "cpu s", "cpu s more", "ratio"],
        edited,
    )
    return found


def _policies() -> dict[str, float]:
    found = policies.figures()
    _table(
        "Policies over a plan of 1,000 changes, processor seconds (goals: 0.3 and 1.0)",
        ["fifty policies", "the slowest that is cut off"],
        [[f"{found['fifty']:.2f}", f"{found['slowest']:.2f}"]],
    )
    return found


def _reports() -> dict[str, dict[str, float]] | None:
    found = reports.figures()
    if found is None:
        print("\nno Chromium on the PATH: nothing to show reports with")
        return None
    _table(
        "Reports in Chromium, seconds until the graph is drawn (goal: 2 with 1,000 steps)",
        ["steps", "kB", "drawn", "drawn with every step"],
        [
            [steps, f"{each['bytes'] / 1_000:.0f}", f"{each['drawn']:.2f}", f"{each['every']:.2f}"]
            for steps, each in found.items()
        ],
    )
    return found


def _plan_of(recording: Path, folder: Path, size: int) -> Cost:
    """What a plan of a stack costs as a whole process."""
    runs = {100: 9, 1_000: 5}.get(size, 3)
    return processes.plan(recording, folder / "stack.yaml", runs=runs)


def _peer(folder: Path, sizes: Sequence[int]) -> dict[str, Any] | None:
    program = peers.program()
    if program is None:
        print("\nno Terraform or OpenTofu on the PATH")
        return None
    found: dict[int, Cost] = {}
    for size in sizes:
        found[size] = peers.empty_plan(
            program, size, folder / f"peer-{size}", runs=3 if size <= 1000 else 1
        )
    rows = [
        [f"{size:,}", f"{one.cpu:.2f}", f"{one.wall:.2f}", f"{one.megabytes:.0f}"]
        for size, one in found.items()
    ]
    name = peers.version(program)
    _table(
        f"{name}: a plan of terraform_data that finds nothing to do",
        ["objects", "cpu s", "wall s", "MB"],
        rows,
    )
    return {"program": name, "sizes": found}


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[number]) for row in (heads, *rows)) for number in range(len(heads))]
    print(f"\n{title}")
    for row in (heads, *rows):
        print(
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} is no figure")


if __name__ == "__main__":
    sys.exit(main())
