"""Former names: states that were kept for a stack or environment that no file names any more.

The folder of a state is named after its stack and environment. After an edit of `stack:` or
`environments:` the program would use another, empty folder, while the objects are in the state of
the former name: an apply would create every object a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from reconciler.common.suggestions import listed, pasted
from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, error, notice
from reconciler.model.resource import Stack, title_of
from reconciler.model.state import Neighbor, State

if TYPE_CHECKING:
    from reconciler.planner.compare.assessment import PlanOptions


def held(stack: Stack, neighbors: Iterable[Neighbor], options: PlanOptions) -> Iterator[Problem]:
    """An error for each neighbor that has objects, or open requests, at addresses of the stack.

    `--accept duplicate=ADDRESS` confirms that the object there belongs to another stack.
    """
    asked = [str(address) for address in stack.resources if address.rule is None]
    for neighbor in neighbors:
        other = neighbor.state
        known = set(other.entries) | {intent.address for intent, _ in other.open.values()}
        both = [
            address
            for address in asked
            if address in known and not options.accepts("duplicate", address)
        ]
        if not both:
            continue
        former, name = (neighbor.stack, neighbor.environment), (stack.name, stack.environment)
        title = title_of(*former)
        accepts = " ".join(f"--accept {pasted(f'duplicate={address}')}" for address in both)
        yield error(
            "former-name",
            msg(
                "the state of {former} in {path} contains {addresses}, and no file defines "
                "{former}: as {stack}, every object would be created again",
                former=title,
                path=neighbor.where,
                addresses=listed(both),
                stack=stack.title,
            ),
            hint=msg(
                "if you renamed {former}, rename its state as well:\n{commands}\nor write its name "
                "in the file; if {former} is a different stack, confirm that with:\n"
                "reconciler apply {accepts}",
                former=title,
                commands=_rename_command(former, name),
                accepts=accepts,
            ),
        )


def moved(state: State, stack: Stack) -> Problem:
    """The notice about a state whose folder was renamed."""
    former = title_of(state.stack, state.environment)
    return notice(
        "former-name",
        msg(
            "this folder contains the state of {former}; the next apply renames it to {stack}",
            former=former,
            stack=stack.title,
        ),
    )


def _rename_command(former: tuple[str, str | None], name: tuple[str, str | None]) -> str:
    """The commands that give a state another name, one per line, as hints print them."""
    lines = list[str]()
    if former[0] != name[0]:
        lines.append(f"reconciler state rename-stack {pasted(former[0])} {pasted(name[0])}")
    if former[1] != name[1]:
        lines.append(
            f"reconciler state rename-env {pasted(former[1] or '-')} {pasted(name[1] or '-')}"
        )
    return "\n".join(lines)
