"""What a rule opens if its address range is known only during the run: judged as the plan would
have judged it (stack-files#unknown-until-apply).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.common import reachability
from reconciler.common.reachability import Reach
from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, msg
from reconciler.executor.late_values import Known
from reconciler.model.plan import Step
from reconciler.model.resource_type import RULES, acts_on
from reconciler.resources.instance import FIREWALL
from reconciler.resources.rule import SINGULAR as RULE

_COMPARED = ("direction", "protocol", "ports", "cidr")


def exposure(
    step: Step, target: str | None, inputs: Mapping[str, Any], known: Known
) -> Text | None:
    """Why the step may not be sent: it opens a management port to the whole internet on instances
    for which nobody consented. None if it does not.
    """
    if not step.not_to_all:
        return None
    of_rule = acts_on(step.operation, RULE)
    before = _rules(known, inputs.get(FIREWALL) if of_rule else target)
    if of_rule:
        own = {**before.get(target or "", {}), **_compared(inputs)}
        after = [*(rule for id, rule in before.items() if id != target), own]
    else:
        after = [_compared(rule) for rule in inputs.get(RULES) or ()]
    opened = reachability.public_ports(_reach(after)) - reachability.public_ports(
        _reach(before.values())
    )
    if not opened:
        return None
    options = (f"--accept {pasted(f'exposure={address}')}" for address in step.not_to_all)
    return msg(
        "it would open {ports} to 0.0.0.0/0 on {addresses} without consent (add {options});"
        " not sent",
        ports=", ".join(f"tcp/{port}" for port in sorted(opened)),
        addresses=", ".join(step.not_to_all),
        options=" ".join(options),
    )


def _reach(rules: Iterable[Mapping[str, Any]]) -> Reach:
    return reachability.from_rules(rules, False)


def _rules(known: Known, firewall: Any) -> dict[str, dict[str, Any]]:
    """The rules of a firewall: as they were seen last, with what this run has made of them
    since.
    """
    found = {
        id: _compared(live.attributes)
        for id, live in known.seen.get(RULES, {}).items()
        if live.attributes.get(FIREWALL) == firewall
    }
    for entry in known.entries.values():
        if entry.kind == RULES and entry.parent == firewall:
            found[entry.id] = {**found.get(entry.id, {}), **_compared(entry.applied)}
    return found


def _compared(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rule[name] for name in _COMPARED if name in rule}
