"""The examples of all help pages, and what each needs so that it can be run as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from reconciler.cli.help import HELP
from reconciler.cli.program import program

SHOP = """\
version: 1
stack: shop

firewalls:
  web: {icmp: true, rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}

instances:
  db: {zone: kr1-z01, flavor: std_2.4-g1, image: {os: ubuntu, version: "22.04"}, firewall: web}
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    firewall: web
    count: 2

block_storages:
  data: {type: ssd, size: 50, instance: db}

outputs:
  web_ips: {value: "${instances.web[0].public_ip}"}
"""
ENVIRONMENTS = "\nenvironments: {prod: {}, staging: {}}\n"
PROJECT = """\
version: 1
project: shop-infra
stacks:
  shop: {path: shop, environments: [prod, staging]}
"""
FIRST_ID = "INSTANCE-Fq1aWFZsggSX0InttsJX8Y"
"""The first instance of the local cloud has this id."""

PLACES: Mapping[str, Mapping[str, str]] = {
    "empty": {},
    "in a stack": {"stack.yaml": SHOP},
    "in a stack with environments": {"stack.yaml": SHOP + ENVIRONMENTS},
    "beside stacks": {
        "shop/stack.yaml": SHOP,
        "web.yaml": SHOP.replace("stack: shop", "stack: web") + ENVIRONMENTS,
    },
    "in a folder of stacks": {"shop.yaml": SHOP},
    "in a project": {"reconciler.yaml": PROJECT, "shop/stack.yaml": SHOP + ENVIRONMENTS},
    "in an account": {},
}
"""The current folders in which the examples are run: their files, all applied to a local cloud."""

APPLIED: Mapping[str, Sequence[str]] = {
    "in a stack": ("apply --yes",),
    "in a stack with environments": ("apply --env prod --yes",),
    "beside stacks": ("apply shop --yes", "apply web.yaml --env prod --yes"),
    "in a folder of stacks": ("apply shop.yaml --yes",),
    "in a project": ("apply --all --yes",),
}

UNSETTLED = "no request is unsettled in the prepared folder"
KEPT = "the id of a plan is made from its content"
REFUSED: Mapping[str, tuple[int, str]] = {
    "recover web.yaml --env prod --adopt": (1, UNSETTLED),
    "recover shop/ --not-created": (1, UNSETTLED),
    "apply --plan plan://": (1, KEPT),
    "show plan://": (1, KEPT),
    "state plans --remove": (1, KEPT),
    "state move --to postgresql:": (64, "the state of the local cloud stays with it"),
    "ci drift": (1, "the prepared folder is no job of a CI system"),
    "policy test --plan plan.json": (1, "the plan is a file of another command"),
    "report plan.json": (1, "the plan is a file of another command"),
    "watch --all --env prod --metrics": (1, "the folder of the collector is missing"),
    "ls --watch": (64, "a table that is redrawn needs a terminal"),
}
"""Examples that the prepared folder refuses, with the exit code and why."""

ONLY_IN: Mapping[str, str] = {"fpath+=": "zsh", "source <(": "bash"}
"""Lines that a page gives for one shell."""

NOT_RUN: Mapping[str, str] = {
    "simulator serve": "it runs until Ctrl-C",
    "watch shop --env prod --every": "it runs until Ctrl-C",
    "state check --place": "it needs the database or the bucket",
    "ci ": "it needs a pull request on a forge",
    "plan --changed-since": "it needs a Git repository with that branch",
}

COPIES: Mapping[str, tuple[str, str]] = {
    "state push prod.json": ("state pull web.yaml --env prod", "prod.json"),
    "state push": ("state pull", "shop.json"),
}
"""The command that writes the copy of a state which an example takes, and the file."""

BEFORE: Mapping[str, Sequence[str]] = {
    "doctor --contract --read contract-report.json": ("doctor --contract --yes",),
    "show prod.plan": ("plan --out prod.plan",),
    "report prod.plan": ("plan --out prod.plan",),
    "apply --plan prod.plan web.yaml": ("plan web.yaml --env prod --out prod.plan",),
    "import instances.db shop-db": ("state forget instances.db --yes",),
    "import instances.db 203.": tuple(
        f"state forget {address} --yes"
        for address in ("instances.db", "'instances.web[0]'", "'instances.web[1]'")
    ),
    f"import 'instances.web[0]' {FIRST_ID}": (
        "state forget instances.db --env prod --yes",
        "state forget 'instances.web[0]' --env prod --yes",
    ),
}
"""The commands that make an example possible."""

BARE = SHOP.replace(", firewall: web", "").replace("    firewall: web\n", "")
DATABASE = re.compile(r"(?m)^  db: .*\n|^block_storages:\n.*\n\n")
"""The database of the stack, and its block storage."""

EDITED: Mapping[str, Mapping[str, str]] = {
    "state move instances.db block_storages.data": {
        "stack.yaml": DATABASE.sub("", SHOP),
        "../data/stack.yaml": BARE.replace("shop", "data", 1),
    },
    "state move instances.db --to data.yaml": {
        "shop.yaml": DATABASE.sub("", SHOP),
        "data.yaml": BARE.replace("shop", "data", 1)
        .replace("  db:", "  main:")
        .replace(": db}", ": main}"),
    },
    "state move firewalls.web": {
        "stack.yaml": re.sub(r"firewalls:\n.*\n\n", "", BARE) + ENVIRONMENTS,
        "../net/stack.yaml": SHOP.replace("shop", "net", 1) + ENVIRONMENTS,
    },
}
"""The files after the edit that an example speaks of. A folder beside the current one shares its
states."""


@dataclass(frozen=True, slots=True)
class Example:
    """A line of a help page, and the command whose page it is."""

    page: str
    line: str

    @property
    def place(self) -> str:
        """The prepared folder in which the line is run."""
        if "init" in self.line or "completion" in self.line or "init" in self.page:
            return "empty"
        if "adopt" in self.page:
            return "in an account"
        if (" --all" in self.line or self.page == "reconciler watch") and "absorb" not in self.page:
            return "in a project"
        if "shop.yaml" in self.line:
            return "in a folder of stacks"
        if re.search(r"web\.yaml| shop(/|$)|(?<!rename-stack) shop ", self.line):
            return "beside stacks"
        return (
            "in a stack with environments"
            if re.search("--env|-env prod", self.line)
            else "in a stack"
        )


def examples() -> list[Example]:
    """All lines that help pages show as something to type."""
    found = [
        Example("", line.strip()) for line in HELP.splitlines() if line.startswith("  reconciler ")
    ]
    return found + list(_below(program, click.Context(program, info_name="reconciler")))


def _below(command: click.Command, context: click.Context) -> Iterator[Example]:
    page = context.command_path
    shown = "\n".join(filter(None, (command.help, command.epilog)))
    inside = False
    for line in shown.splitlines():
        if line.strip().endswith(":") and not line.strip().startswith("reconciler"):
            inside = True
        elif not line.strip():
            inside = False
        elif inside and line.startswith("  "):
            yield Example(page, line.strip())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _below(below, click.Context(below, info_name=name, parent=context))
