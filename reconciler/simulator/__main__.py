"""`python -m reconciler.simulator`: serve a local iwinv, show its world, change it from outside."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from reconciler.simulator import commands
from reconciler.simulator.edits import parse_values
from reconciler.simulator.server import serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 not possible, 64 wrong arguments."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (*commands.MISTAKES, commands.SteeringError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201 - this is the command line
        return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(64, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m reconciler.simulator", description="A local iwinv over HTTP.")
    chosen = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    server = chosen.add_parser("serve", help="run it until Ctrl-C")
    add_serve_options(server)
    server.set_defaults(run=_serve)
    world = chosen.add_parser("world", help="print the world of a running one as YAML")
    world.add_argument(
        "--endpoint", default=os.environ.get("IWINV_ENDPOINT", ""), help="default: IWINV_ENDPOINT"
    )
    world.set_defaults(run=_world)
    doing = chosen.add_parser("do", help="change the world of a running one from outside")
    doing.add_argument(
        "--endpoint", default=os.environ.get("IWINV_ENDPOINT", ""), help="default: IWINV_ENDPOINT"
    )
    doing.add_argument("action", choices=("set", "delete", "create"))
    doing.add_argument(
        "kind", help="instance, block_storage, firewall, rule, zone, flavor, image, ssh_key, ..."
    )
    doing.add_argument("object", help="name or id; a rule is FIREWALL/RULE")
    doing.add_argument("values", nargs="*", metavar="MEMBER=VALUE")
    doing.set_defaults(run=_do)
    return parser


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """The options of `serve`."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port; 0, the default, takes a free one"
    )
    parser.add_argument(
        "--world", metavar="FILE", help="world to start from: a file, or `default` or `company`"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="keep the world in this file: read it if it exists, write every change",
    )
    parser.add_argument("--seed", type=int, default=0, help="decides every id, address and chance")
    parser.add_argument(
        "--time-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="how many times faster background work is",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SWITCH=VALUE",
        dest="settings",
        help="turn a switch; repeatable",
    )
    parser.add_argument("--switches", type=Path, metavar="FILE", help="YAML file of switches")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="YAML script of faults")


def _serve(options: argparse.Namespace) -> int:
    cloud = commands.make_cloud(
        world=options.world,
        seed=options.seed,
        time_scale=options.time_scale,
        settings=options.settings,
        switches_file=options.switches,
        faults_file=options.faults,
    )
    serve(cloud, host=options.host, port=options.port, world_file=options.keep)
    return 0


def _world(options: argparse.Namespace) -> int:
    sys.stdout.write(commands.fetch_world(options.endpoint))
    return 0


def _do(options: argparse.Namespace) -> int:
    name = commands.do(
        options.endpoint, options.action, options.kind, options.object, parse_values(options.values)
    )
    sys.stdout.write(f"{options.action} {options.kind} {name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
