"""One policy, as its file has it, and what it finds in a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.config.cel_syntax import ExpressionError
from reconciler.model.diagnostics import Place
from reconciler.model.plan import RiskClass
from reconciler.policies.rule_compiler import CompiledRule


class Effect(Enum):
    """What a policy does if its expression is true."""

    DENY = "deny"
    WARN = "warn"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Condition:
    """The expression of a policy. `each_change`: it judges one change at a time."""

    source: str
    rule: CompiledRule
    place: Place
    each_change: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. `pattern` is for titles of stacks, `risk` the class of consent of one that asks,
    `text` what it shows to people.
    """

    name: str
    effect: Effect
    condition: Condition
    place: Place
    pattern: str = "*"
    risk: RiskClass = RiskClass.POLICY
    text: str | None = None

    def found(self, plan: Mapping[str, Any], steps: list[int]) -> Iterator[str | None]:
        """The address of each change for which the expression is true, or None once if it judges
        the plan as a whole. Raises `NotEvaluated`.
        """
        rule = self.condition.rule
        if not self.condition.each_change:
            if self._is_true(rule, None, steps, plan):
                yield None
            return
        for change in plan["changes"]:
            address = str(change["address"])
            if self._is_true(rule, address, steps, plan, change):
                yield address

    def _is_true(
        self, rule: CompiledRule, address: str | None, steps: list[int], *roots: Any
    ) -> bool:
        try:
            return rule.is_true(steps, *roots)
        except ExpressionError as failure:
            raise NotEvaluated(failure, address) from None


class NotEvaluated(Exception):
    """The expression of a policy has no value, over the change with that address if it has one."""

    def __init__(self, failure: ExpressionError, address: str | None) -> None:
        super().__init__(failure.message)
        self.failure, self.address = failure, address
