"""What the gates of a stack are asked with: the rules of its project, a clock, and the reason that
lets a run pass a freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.model.state import Override

if TYPE_CHECKING:
    from reconciler.config.project.project import Window
    from reconciler.policies.judgement import PolicyJudgement

Judge: TypeAlias = "Callable[[Mapping[str, Any], str], PolicyJudgement]"
"""Returns what the policies find in the JSON plan of the stack with that title."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the project says about one stack. Without windows an apply may begin at any time."""

    windows: tuple[Window, ...] = ()
    judge: Judge | None = None


def no_rules(title: str) -> GateRules:
    """The rules of a stack without a project."""
    return GateRules()


@dataclass(frozen=True, slots=True)
class Gates:
    """What is asked at each look. `rules` reads the rules of a title again each time, `now` is the
    time in unix seconds. `override` lets the run pass a freeze.
    """

    rules: Callable[[str], GateRules] = no_rules
    now: Callable[[], float] = lambda: 0.0
    override: Override | None = None

    def begun(self) -> Gates:
        """The gates of a run that has begun: a window that closes meanwhile does not stop it."""
        return replace(self, rules=lambda title: replace(self.rules(title), windows=()))


NO_GATES = Gates()
"""No rules and no override: only a freeze holds back an apply."""
