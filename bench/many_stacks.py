"""The calls of a plan of many stacks, against those of one stack with the same objects and those of
a command for each stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.projects import ProjectHarness

FIREWALL = """\
  web{number}:
    rules:
      https: {{direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}
      out: {{direction: out, protocol: tcp, ports: 1-65535, cidr: 0.0.0.0/0}}
"""
INSTANCE = """\
  web{number}:
    zone: kr1-z01
    flavor: std_1.2-g1
    image: {{os: ubuntu, version: "22.04"}}
    firewall: web{number}
"""
STORAGE = "  data{number}: {{type: ssd, size: 100, instance: web{number}}}\n"


@dataclass(frozen=True, slots=True)
class Calls:
    """The reads of a plan that finds nothing to do: of all stacks in one run, of one stack with the
    same objects, and of a run for each stack.
    """

    stacks: int
    together: int
    one_stack: int
    one_by_one: int

    @property
    def ratio(self) -> float:
        """How many times the calls of the one stack."""
        return self.together / self.one_stack


def text(numbers: range) -> str:
    """A stack with a firewall, an instance in it and a block storage for each number."""
    return "".join(
        (
            "firewalls:\n",
            *(FIREWALL.format(number=number) for number in numbers),
            "instances:\n",
            *(INSTANCE.format(number=number) for number in numbers),
            "block_storages:\n",
            *(STORAGE.format(number=number) for number in numbers),
        )
    )


def calls(stacks: int, folder: Path) -> Calls:
    """The calls, with every stack applied before."""
    one = ProjectHarness(folder / "one", {"all": text(range(stacks))})
    each = {f"stack-{number}": text(range(number, number + 1)) for number in range(stacks)}
    many = ProjectHarness(folder / "many", each)
    for harness in (one, many):
        for title in harness.stores:
            result = harness.apply_one(title)
            if result.exit_code:
                raise RuntimeError(f"{title} was not applied: {result.problems}")
    together, alone = many.plan_all(), one.plan_all()
    if together.has_changes or alone.has_changes:
        raise RuntimeError("the plans are not empty")
    apart = sum(many.plan_all(title).calls for title in many.stores)
    return Calls(stacks, together.calls, alone.calls, apart)
