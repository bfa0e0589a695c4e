"""The values that options and arguments take, by the names of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.cli import option_types
from reconciler.cli.completion.scope import Scope

if TYPE_CHECKING:
    from reconciler.cli.subcommands.simulator_commands import SimulatedKind

_RISKS: Mapping[str, tuple[str, ...]] = {
    "import": ("shared",),
    "reboot": ("downtime",),
    "rebuild": ("data-loss", "downtime"),
    "start": (),
    "stop": ("downtime",),
}
"""Commands that ask for consent to these risk classes only."""


class Item(NamedTuple):
    """A value to offer. More of the word follows if it is not `whole`."""

    value: str
    help: str = ""
    whole: bool = True


def offered(scope: Scope, name: str, text: str) -> Iterator[Item]:
    """What an option or an argument can be, by its name. `text` is what is typed of it."""
    command = scope.context.info_name or ""
    source = _OF_COMMANDS.get((command, name)) or _OF_ALL.get(name)
    if source is not None:
        yield from source(scope, text)


def paths(text: str, *, suffixes: tuple[str, ...] = (), folders_only: bool = False) -> list[Item]:
    """The files and folders that a text begins. Hidden ones only after a dot; `suffixes` selects
    files.
    """
    head, _, start = text.rpartition("/")
    head = f"{head}/" if "/" in text else ""
    found = []
    for path in sorted(Path(head or ".").iterdir()):
        if not path.name.startswith(start) or (path.name.startswith(".") and not start):
            continue
        if path.is_dir():
            found.append(Item(f"{head}{path.name}/", whole=False))
        elif not folders_only and path.name.endswith(suffixes or ""):
            found.append(Item(f"{head}{path.name}"))
    return found


def _plain(names: Iterable[object]) -> Iterator[Item]:
    for name in names:
        yield Item(str(name))


def _expanded(scope: Scope) -> list[str]:
    """The addresses in the stack file; without an index if the file has errors."""
    if scope.stack is not None:
        return [str(address) for address in scope.stack.resources]
    from reconciler.resources import all_kinds

    kinds = all_kinds().build_order
    return [f"{kind}.{name}" for kind in kinds for name in scope.section(kind)]


def _tracked(scope: Scope) -> list[str]:
    return [] if scope.state is None else list(scope.state.entries)


def _unsettled(scope: Scope) -> list[str]:
    state = scope.state
    return [] if state is None else [intent.address for intent, _ in state.open.values()]


def _resources(addresses: Iterable[str]) -> Iterator[str]:
    """Addresses, and the resource of those with an index."""
    from reconciler.model.address import parse

    for text in addresses:
        address = parse(text)
        if address is not None and address.index is not None and address.rule is None:
            yield str(address.resource)
        yield text


def _everything(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(_resources([*_expanded(scope), *_tracked(scope)]))


def _in_file(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(_resources(_expanded(scope)))


def _in_state(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(_tracked(scope))


def _untracked(scope: Scope, text: str) -> Iterator[Item]:
    tracked = set(_tracked(scope))
    yield from _plain(address for address in _expanded(scope) if address not in tracked)


def _replaceable(scope: Scope, text: str) -> Iterator[Item]:
    from reconciler.resources import all_kinds

    kinds = all_kinds()
    for entry in () if scope.state is None else scope.state.entries.values():
        if kinds[entry.kind].replaceable:
            yield Item(entry.address)


def _instances(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(found for found in _tracked(scope) if found.startswith("instances."))


def _movable(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(_resources(_tracked(scope)))


def _shown(scope: Scope, text: str) -> Iterator[Item]:
    if scope.context.params.get("why"):
        yield from _plain(_expanded(scope))
    yield from _plain(_tracked(scope))
    yield from _kept_plans(scope, text)
    yield from paths(text, suffixes=(".plan", ".yaml"))


def _kept_plans(scope: Scope, text: str) -> Iterator[Item]:
    """The plans that the store keeps, once the word begins as one: a list of the store is read."""
    from reconciler.commands.saved_plans.kept_plans import SCHEME, reference

    if text[:1] == SCHEME[0]:
        for plan in scope.kept_plans():
            yield Item(reference(plan.id))


def _saved_plans(scope: Scope, text: str) -> Iterator[Item]:
    yield from _kept_plans(scope, text)
    yield from paths(text, suffixes=(".plan",))


def _forgettable(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain([*_tracked(scope), *_unsettled(scope)])
    for old in () if scope.state is None else scope.state.deposed.values():
        yield Item(old.id, old.address)


def _open_requests(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(_unsettled(scope))


def _bindings(scope: Scope, text: str) -> Iterator[Item]:
    """`ADDRESS=` for each unsettled request, then `ADDRESS=ID`."""
    if "=" not in text:
        for address in _unsettled(scope):
            yield Item(f"{address}=", whole=False)
        return
    address = text.rpartition("=")[0]
    for item in _ids(scope, address):
        yield Item(f"{address}={item.value}", item.help)


def _imported_ids(scope: Scope, text: str) -> Iterator[Item]:
    yield from _ids(scope, scope.context.params.get("address") or "")


def _ids(scope: Scope, address: str) -> Iterator[Item]:
    """The objects of the local cloud that are of the kind of an address."""
    section = address.partition(".")[0]
    if scope.simulated:
        yield from _simulated(scope, lambda kind: kind.section == section, by_id=True)


def _simulated(
    scope: Scope, is_wanted: Callable[[SimulatedKind], bool], *, by_id: bool
) -> Iterator[Item]:
    """The objects of the local cloud that are of some kinds, by id or by name."""
    from reconciler.cli.subcommands.simulator_commands import kinds

    for kind in filter(is_wanted, kinds()):
        for row in scope.objects(kind.section):
            label = str(row.get(kind.label) or "")
            yield Item(str(row[kind.key]), label) if by_id else Item(label)


def _consents(scope: Scope, text: str) -> Iterator[Item]:
    """The risk classes, then `CLASS=ADDRESS`."""
    from reconciler.model.plan import RiskClass
    from reconciler.planner.checks.approval import BY_ADDRESS_ONLY

    only = _RISKS.get(scope.context.info_name or "")
    if "=" in text:
        risk = text.partition("=")[0]
        for address in (*_expanded(scope), *_tracked(scope)):
            yield Item(f"{risk}={address}")
        return
    for each in RiskClass:
        if only is None or each.value in only:
            yield from () if each in BY_ADDRESS_ONLY else (Item(each.value),)
            yield Item(f"{each.value}=", whole=False)
    if scope.context.info_name in ("apply", "destroy", *_RISKS) and only != ("shared",):
        yield Item(option_types.FROZEN)


def _environments(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(scope.environments())


def _branches(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(scope.branches())


def _former_environments(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(scope.environments())
    yield Item("-", "no environment")


def _environments_there(scope: Scope, text: str) -> Iterator[Item]:
    """The environments of the stack that `--to` names."""
    to = scope.context.params.get("to")
    if to is not None:
        there = copy(scope)
        there.path = Path(to)
        yield from _plain(there.environments())


def _stack_name(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(scope.names())


def _stacks(scope: Scope, text: str) -> Iterator[Item]:
    yield from paths(text, suffixes=(".yaml",))


def _undo(scope: Scope, text: str) -> Iterator[Item]:
    yield Item("last")
    yield from _plain(scope.serials())


def _variables(scope: Scope, text: str) -> Iterator[Item]:
    if "=" not in text:
        for name in scope.section("variables"):
            yield Item(f"{name}=", whole=False)


def _outputs(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain([] if scope.state is None else scope.state.outputs)
    yield from _stacks(scope, text)


def _rows(list_name: str, column: str, help: str = "") -> Callable[[Scope, str], Iterator[Item]]:
    def offer(scope: Scope, text: str) -> Iterator[Item]:
        rows: Iterable[Mapping[str, Any]] = getattr(scope.catalogue, list_name, None) or ()
        for row in rows:
            if row.get(column):
                yield Item(str(row[column]), str(row.get(help) or ""))

    return offer


def _images(scope: Scope, text: str) -> Iterator[Item]:
    rows = getattr(scope.catalogue, "images", None) or ()
    yield from _plain(f"{row['os']}:{row['version']}" for row in rows if row.get("os"))


def _columns(scope: Scope, text: str) -> Iterator[Item]:
    from reconciler.cli.subcommands.catalog_command import COLUMNS

    for name in COLUMNS.get(scope.context.params.get("kind") or "", ()):
        yield Item(name)
        yield Item(f"-{name}")


def _filters(scope: Scope, text: str) -> Iterator[Item]:
    """The ids of the rows that `catalog` lists."""
    from reconciler.cli.subcommands.catalog_command import LISTS

    name = LISTS.get(scope.context.params.get("kind") or "", "")
    for row in getattr(scope.catalogue, name, None) or ():
        yield Item(str(row["id"]), str(row.get("name") or ""))


def _fields(scope: Scope, text: str) -> Iterator[Item]:
    """The fields of the language, one level at a time."""
    from reconciler.config import reference

    above = tuple(part for part in text.rpartition(".")[0].split(".") if part)
    for found in reference.below(above):
        yield Item(found.name)
        if found.members:
            yield Item(f"{found.name}.", whole=False)


def _simulated_kinds(scope: Scope, text: str) -> Iterator[Item]:
    from reconciler.cli.subcommands.simulator_commands import editable_kinds

    yield from _plain(editable_kinds())


def _simulated_objects(scope: Scope, text: str) -> Iterator[Item]:
    given = scope.context.params
    if given.get("action") != "create":
        yield from _simulated(scope, lambda kind: kind.name == given.get("kind"), by_id=False)


def _switches(scope: Scope, text: str) -> Iterator[Item]:
    from reconciler.cli.subcommands.simulator_commands import switch_names

    if "=" not in text:
        for name in switch_names():
            yield Item(f"{name}=", whole=False)


def _worlds(scope: Scope, text: str) -> Iterator[Item]:
    yield from _plain(("default", "company"))
    yield from paths(text, suffixes=(".yaml", ".json"))


Source = Callable[[Scope, str], Iterator[Item]]

_OF_ALL: Mapping[str, Source] = {
    "stack": _stacks,
    "stacks": _stacks,
    "stack_option": _stacks,
    "environment": _environments,
    "changed_since": _branches,
    "base": _branches,
    "before": _branches,
    "variables": _variables,
    "only": _everything,
    "without": _everything,
    "replace": _replaceable,
    "unprotect": _in_state,
    "accept": _consents,
    "undo": _undo,
    "zone": _rows("zones", "id", "name"),
    "zones": _rows("zones", "id", "name"),
}
"""The values of options and arguments that mean the same in every command."""

_OF_COMMANDS: Mapping[tuple[str, str], Source] = {
    ("show", "what"): _shown,
    ("apply", "plan_file"): _saved_plans,
    ("report", "plan"): _saved_plans,
    ("plans", "remove"): _kept_plans,
    ("output", "name"): _outputs,
    ("absorb", "addresses"): _in_file,
    ("import", "address"): _untracked,
    ("import", "named"): _imported_ids,
    **{(verb, "address"): _instances for verb in ("reboot", "rebuild", "start", "stop")},
    ("console", "address"): _instances,
    ("mv", "source"): _movable,
    ("mv", "target"): _untracked,
    ("forget", "what"): _forgettable,
    ("move", "addresses"): _movable,
    ("move", "to"): _stacks,
    ("move", "to_environment"): _environments_there,
    ("rename-stack", "former"): _stack_name,
    ("rename-env", "former"): _former_environments,
    ("rename-env", "name"): _former_environments,
    ("recover", "adopt"): _bindings,
    ("recover", "not_created"): _open_requests,
    ("catalog", "sort"): _columns,
    ("catalog", "texts"): _filters,
    ("explain", "field"): _fields,
    ("init", "flavor"): _rows("flavors", "id"),
    ("init", "ssh_key"): _rows("ssh_keys", "name"),
    ("init", "image"): _images,
    ("do", "kind"): _simulated_kinds,
    ("do", "object"): _simulated_objects,
    ("serve", "settings"): _switches,
    ("serve", "world"): _worlds,
}
"""The values of the other ones, by command and name."""
