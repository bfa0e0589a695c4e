"""Commands that take one stack or several: which function is called with what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from reconciler.cli.arguments import piped_arguments
from reconciler.cli.arguments.stack_choice import stack_choice
from reconciler.cli.console import Console
from reconciler.cli.run_context import SESSION_OPTIONS, Session, ends, on_stack


def on_stacks(function: Callable[..., int]) -> Callable[..., int]:
    """As `on_stack`, for a command on all given stacks at once: it receives the console and a
    `Session` for each of them.
    """

    @wraps(function)
    def opened(console: Console, **values: Any) -> int:
        choice = stack_choice(values)
        given = {name: values.pop(name) for name in SESSION_OPTIONS if name in values}
        with piped_arguments.readable(choice.named, given):
            if choice.all or choice.changed_since is not None:
                from reconciler.cli.many.chosen_stacks import sessions_to_check

                sessions = sessions_to_check(console, choice, given)
            else:
                paths = map(piped_arguments.path_of, choice.named or (".",))
                sessions = [Session(console, path, **given) for path in paths]
            return function(console, sessions, **values)

    return ends(opened)


def on_one_or_many(many: Callable[..., int]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """As `on_stack`. With `--all`, `--changed-since` or several stacks, `many` is called instead,
    with all of them as `ChosenStacks`.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        alone = on_stack(function)

        @wraps(function)
        def chosen(**values: Any) -> int:
            choice = stack_choice(values)
            if choice.one is not None:
                return alone(stack=choice.one, **values)
            from reconciler.cli.many.chosen_stacks import on_chosen

            return on_chosen(many, choice, values)

        return chosen

    return decorate
