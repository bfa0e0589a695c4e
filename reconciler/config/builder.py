"""From a document to a stack: `count` and `for_each` are expanded, references resolved, and all
mistakes reported together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.common import validators
from reconciler.common.suggestions import hint_for, spelled
from reconciler.common.text import joined, msg
from reconciler.config import (
    cardinality,
    cel_eval,
    components,
    dependencies,
    digest,
    expand,
    guard,
    locals_,
    moved_removed,
    variables,
)
from reconciler.config.build_context import BuildContext, Invalid
from reconciler.config.checks import asserts
from reconciler.config.document import Document, Node, Scalar, Sequence, Table, is_section
from reconciler.config.document import table as entries_of
from reconciler.config.references import UNAVAILABLE
from reconciler.config.variables import NO_INPUTS, VariableInputs
from reconciler.model.address import Address
from reconciler.model.diagnostics import Place, Problem, error, has_errors, in_order, warning
from reconciler.model.resource import EMPTY, Assertion, Existing, Output, Resource, Stack
from reconciler.resources import all_kinds

__all__ = ["VariableInputs", "build", "environments", "equal_names"]


_STACK_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_STACK_UNNAMED = "stack"
"""The name with which a stack without a valid name is checked."""

_OF_VALUES = frozenset({"variable-missing"})
"""Problems that are not certain if some values of variables could not be read."""

_OF_THE_REST = _OF_VALUES | {"environment", "missing-key", "missing-reference", "variable-unknown"}
"""Problems that are not certain if some files could not be read."""


def build(
    document: Document,
    *,
    environment: str | None,
    variables: VariableInputs = NO_INPUTS,
    stacks: Mapping[str, Any] = EMPTY,
) -> tuple[Stack | None, tuple[Problem, ...]]:
    """The stack that a document describes in an environment, or None with the problems; see
    `draft`.
    """
    stack, problems = draft(document, environment=environment, variables=variables, stacks=stacks)
    if has_errors(problems) or not document.whole:
        return None, problems
    return digest.signed(stack), problems


def draft(
    document: Document,
    *,
    environment: str | None,
    variables: VariableInputs = NO_INPUTS,
    stacks: Mapping[str, Any] = EMPTY,
) -> tuple[Stack, tuple[Problem, ...]]:
    """As much of the stack as can be read, without a digest, and the problems.

    Mistakes of form are reported by `schema.check`, those of meaning here. A value that could not
    be read is left out, and nothing is reported because of it. `stacks` are the outputs of the
    other stacks: `{name: {"outputs": {...}}}`.
    """
    root = document.root
    node, name = root.get("stack"), _STACK_UNNAMED
    named = entries_of(root.get("environments"))
    found_environment = named.get(environment or "")
    chosen = found_environment if isinstance(found_environment, Table) else None
    problem = environment_problem(named, environment, root.key_place("environments"))
    if not is_section(root.get("environments")):
        problem = None
    found = [] if problem is None else [problem]
    if isinstance(node, Scalar) and _STACK_NAME.fullmatch(node.text) is not None:
        name = node.text
    elif node is not None or document.whole:
        wrong = msg(
            "`stack` must be a name of a-z, 0-9 and -, starting with a letter, at most 20 "
            "characters"
        )
        found.append(error("bad-format", wrong, place=root.place if node is None else node.place))
    values, of_values = _variables(root, chosen, variables)
    ctx = BuildContext(name, environment, problems=[*found, *of_values])
    ctx.scope = {
        "vars": values if is_section(root.get("variables")) else UNAVAILABLE,
        "locals": {},
        "env": {"name": environment},
        "stack": {"name": name},
    }
    if root.get("stacks") is not None:
        ctx.scope = {
            **ctx.scope,
            "stacks": stacks if is_section(root.get("stacks")) else UNAVAILABLE,
        }
    with cel_eval.of_one_stack():
        stack = _stack(ctx, document, chosen, values)
    has_all_values = (
        problem is None
        and (environment is None or chosen is not None)
        and is_section(root.get("environments"))
        and all(file.whole for file in variables.files)
    )
    uncertain = frozenset() if has_all_values else _OF_VALUES
    if not is_section(root.get("variables")):
        uncertain |= {"variable-unknown"}
    if not document.whole:
        uncertain |= _OF_THE_REST
    return stack, in_order(problem for problem in ctx.problems if problem.code not in uncertain)


def environments(document: Document) -> tuple[str, ...]:
    """The environments that a document defines, sorted."""
    return tuple(sorted(entries_of(document.root.get("environments"))))


def environment_problem(
    known: Collection[str], wanted: str | None, place: Place | None = None
) -> Problem | None:
    """The problem with the choice of an environment, if there is one."""
    if wanted in known or (wanted is None and not known):
        return None
    hint: str | None
    if wanted is None:
        message = msg("the stack has environments, but none is chosen")
        hint = msg("choose one with --env: {known}", known=", ".join(sorted(known)))
    elif known:
        message = msg("the stack has no environment `{environment}`", environment=wanted)
        hint = hint_for(wanted, known)
    else:
        message = msg(
            "the stack has no environments, so `{environment}` cannot be chosen", environment=wanted
        )
        hint = msg("leave out --env, or define `environments:`")
    return error("environment", message, place=place if known else None, hint=hint)


def _variables(
    root: Table, chosen: Table | None, inputs: VariableInputs
) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    declared = root.get("variables")
    given = chosen.get("variables") if chosen is not None else None
    return variables.values(
        declared if isinstance(declared, Table) else None,
        given if isinstance(given, Table) else None,
        inputs,
    )


def _stack(
    ctx: BuildContext, document: Document, chosen: Table | None, values: Mapping[str, Any]
) -> Stack:
    checks: list[Assertion] = []
    root, made = document.root, _all_resources(ctx, document, checks)
    outputs = tuple(_outputs(ctx, root))
    guarded = guard.guard(ctx, root.get("guard"))
    lines = root.get("moved")
    removed = moved_removed.removed(ctx, root.get("removed"), made, lines)
    moved = moved_removed.moved(ctx, lines, made, removed, components.keys(document))
    stack = Stack(
        name=ctx.stack,
        environment=ctx.environment,
        resources=made,
        cardinalities={
            key: shape
            for key, shape in sorted(ctx.cardinalities.known.items())
            if not key[0].startswith("existing.")
        },
        existing=dict(sorted(ctx.existing.items(), key=lambda pair: pair[0].sort_key)),
        outputs=outputs,
        variables=dict(sorted(values.items())),
        accept=_accept(chosen),
        prices=_prices(root),
        guard=guarded,
        moved=moved,
        removed=removed,
        environments=environments(document),
        emptied=tuple(
            sorted(
                Address(kind, name.partition(".")[0], None, name.split(".", 2)[2])
                for (kind, name), is_list in ctx.cardinalities.emptied.items()
                if is_list
            )
        ),
        checks=tuple(checks),
    )
    _check_dependencies(ctx, stack)
    _check_equal_rules(ctx, stack)
    ctx.problems.extend(dependencies.cycles(stack))
    return stack


def _all_resources(
    ctx: BuildContext, document: Document, checks: list[Assertion]
) -> dict[Address, Resource]:
    """The resources of the stack and of its components, sorted. Their cardinalities are computed
    first, so that any text can read any resource. The checks of all files are added to `checks`.
    """
    root, used = document.root, components.includes(ctx, document)
    _existing(ctx, root)
    locals_.evaluate(ctx, root, late=False)
    for include in used:
        components.enter(ctx, include, late=False)
        with ctx.inside(include.scope):
            _existing(ctx, include.root)
    roots = [(ctx.scope, root), *((include.scope, include.root) for include in used)]
    cardinality.compute(ctx, roots)
    ctx.shaped = True
    locals_.evaluate(ctx, root, late=True)
    section = root.get("components")
    given: dict[str, Any] = dict.fromkeys(entries_of(section), UNAVAILABLE)
    for include in used:
        with ctx.inside({**ctx.scope, "components": dict(given)}):
            components.enter(ctx, include, late=True)
        given[include.name] = {"outputs": components.outputs(ctx, include)}
    if section is not None:
        known = given if is_section(section) else UNAVAILABLE
        ctx.scope = {**ctx.scope, "components": known}
    made = _resources(ctx, root)
    for include in used:
        with ctx.inside(include.scope):
            made.update(_resources(ctx, include.root))
            checks += asserts.of_file(ctx, include.root)
    checks += asserts.of_file(ctx, root)
    return dict(sorted(made.items(), key=lambda pair: pair[0].sort_key))


def _existing(ctx: BuildContext, root: Table) -> None:
    sections = root.get("existing")
    for kind in all_kinds().build_order:
        if not is_section(sections) or not is_section(entries_of(sections).get(kind)):
            ctx.cardinalities.malformed.add(f"existing.{kind}")
        if not is_section(root.get(kind)):
            ctx.cardinalities.malformed.add(kind)
    for kind, section in entries_of(sections).items():
        if kind not in all_kinds().build_order or not isinstance(section, Table):
            continue
        for name, place, node in section.keyed():
            _existing_object(ctx, Address(kind, name, existing=True), entries_of(node), place)
            ctx.cardinalities.known[f"existing.{kind}", name] = None


def _existing_object(
    ctx: BuildContext, address: Address, members: Mapping[str, Node], place: Place
) -> None:
    by = next((name for name in ("id", "name") if name in members), None)
    value = None if by is None else ctx.known(members[by], ctx.scope, f"`{by}`")
    if by is None or len(members) != 1 or value is None:
        message = msg("name an existing object by {{id: ...}} or {{name: ...}}")
        ctx.report("bad-format", message, place)
    elif not isinstance(value, Invalid):
        written = members[by]
        keeps_spelling = isinstance(written, Scalar) and not isinstance(value, str)
        text = written.text if isinstance(written, Scalar) and keeps_spelling else str(value)
        if by == "id" and (wrong := validators.identifier(text)) is not None:
            ctx.report("bad-format", wrong, written.place)
        ctx.existing[address] = Existing(address, by, text, place)


def _resources(ctx: BuildContext, root: Table) -> dict[Address, Resource]:
    section = root.get("defaults")
    defaults = (
        entries_of(section)
        if section is None or is_section(section)
        else dict.fromkeys(all_kinds().build_order, section)
    )
    return {
        resource.address: resource
        for kind, name, place, written in cardinality.sections(root)
        if (node := cardinality.as_table(written)) is not None
        and (kind, name) in ctx.cardinalities.each
        for resource in expand.resources(ctx, Address(kind, name), node, place, defaults.get(kind))
    }


def _outputs(ctx: BuildContext, root: Table) -> Iterator[Output]:
    section = root.get("outputs")
    if not isinstance(section, Table):
        return
    for name, place, node in sorted(section.keyed()):
        members: Mapping[str, Node] = entries_of(node)
        if "value" not in members:
            continue
        value = ctx.value(members["value"], ctx.scope)
        text = members.get("description")
        if not isinstance(value, Invalid):
            yield Output(name, value, text.text if isinstance(text, Scalar) else None, place)


def _accept(chosen: Table | None) -> tuple[str, ...]:
    listed_ = chosen.get("accept") if chosen is not None else None
    if not isinstance(listed_, Sequence):
        return ()
    return tuple(sorted({item.text for item in listed_.items if isinstance(item, Scalar)}))


def _prices(root: Table) -> dict[str, int]:
    found = entries_of(root.get("prices"))
    return {
        key: node.value
        for key, node in sorted(found.items())
        if isinstance(node, Scalar)
        and isinstance(node.value, int)
        and not isinstance(node.value, bool)
    }


def _check_dependencies(ctx: BuildContext, stack: Stack) -> None:
    """Checks that the rules in `depends_on` exist, whose keys are known only now."""
    for resource in stack.resources.values():
        for address in resource.depends_on:
            if address.rule is None:
                continue
            if not ctx.cardinalities.broken.isdisjoint(
                ((address.kind, address.name), (address.kind, f"{address.name}.rules"))
            ):
                continue
            written = (address.kind, f"{address.name}.rules.{address.rule_key}")
            is_empty = written in ctx.cardinalities.emptied and address.rule == address.rule_key
            if not is_empty and not stack.rules(address) and stack.addresses(address.owner):
                ctx.report(
                    "missing-reference",
                    msg("`{address}` does not exist", address=address),
                    resource.place,
                    address=resource.address,
                )


def _check_equal_rules(ctx: BuildContext, stack: Stack) -> None:
    """Reports two rules of one firewall for the same traffic: the cloud refuses the second one
    (contract#security-groups).
    """
    seen: dict[tuple[Any, ...], Resource] = {}
    for address, resource in stack.resources.items():
        shown = resource.attributes
        fields = all_kinds().of(address).required
        if address.rule is None or not all(name in shown for name in fields):
            continue
        traffic = (address.owner, *(shown[name] for name in fields))
        first = seen.setdefault(traffic, resource)
        if first is not resource:
            message = msg(
                "{address} allows the same traffic as {other} ({place})",
                address=address,
                other=first.address,
                place=first.place,
            )
            hint = msg("keep only one of them: the cloud refuses a duplicate rule")
            ctx.report("duplicate-rule", message, resource.place, hint=hint, address=address)


def equal_names(stack: Stack) -> Iterator[Problem]:
    """A warning for the objects of one kind with the same name at iwinv. Names that are not known
    yet are left out.

    Whether this is a mistake depends on the state: it is an error of the plan if one of them is to
    be created (stack-files#remote-names).
    """
    found: dict[tuple[str, str], list[Resource]] = {}
    for address, resource in stack.resources.items():
        name = resource.attributes.get("name", resource.at_create.get("name"))
        if address.rule is None and isinstance(name, str):
            found.setdefault((address.kind, spelled(name)), []).append(resource)
    for (_, name), group in sorted(found.items()):
        if len(group) > 1:
            addresses = joined(msg(" and "), [str(each.address) for each in group])
            yield warning(
                "duplicate-name",
                msg("{addresses} have the same name {name!r}", addresses=addresses, name=name),
                place=group[-1].places.get("name", group[-1].place),
                address=str(group[-1].address),
                hint=msg("give one of them another `name:`"),
            )
