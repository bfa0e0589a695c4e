"""What a rule opens whose range is known only now: judged as the plan would have, had it known
(stack-files#unknown-until-apply).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common.suggestions import pasted
from reconciler.executor.late_values import Known
from reconciler.model.plan import Step
from reconciler.model.resource_type import acts_on
from reconciler.planner.firewall import reachability
from reconciler.planner.firewall.reachability import Reach

_MEANT = ("direction", "protocol", "ports", "cidr")


def exposure(step: Step, target: str | None, inputs: Mapping[str, Any], known: Known) -> str | None:
    """Why the step may not be sent: it opens a management port to the whole internet on servers for
    which nobody said yes. None where it does not.
    """
    if not step.not_to_all:
        return None
    there = _rules(known, inputs.get("firewall") if acts_on(step.operation, "rule") else target)
    if acts_on(step.operation, "rule"):
        own = {**there.get(target or "", {}), **_meant(inputs)}
        after = [*(rule for id, rule in there.items() if id != target), own]
    else:
        after = [_meant(rule) for rule in inputs.get("rules") or ()]
    opened = reachability.public_ports(_of(after)) - reachability.public_ports(_of(there.values()))
    if not opened:
        return None
    ports = ", ".join(f"tcp/{port}" for port in sorted(opened))
    options = " ".join(f"--accept {pasted(f'exposure={address}')}" for address in step.not_to_all)
    return f"it would open {ports} to 0.0.0.0/0 on {', '.join(step.not_to_all)} without consent (add {options}); not sent"


def _of(rules: Any) -> Reach:
    return reachability.of_rules(rules, False)


def _rules(known: Known, firewall: Any) -> dict[str, dict[str, Any]]:
    """The rules of a group: as they were seen last, with what this run has made of them since."""
    seen = known.seen.get("rules", {}).items()
    found = {
        id: _meant(live.attributes)
        for id, live in seen
        if live.attributes.get("firewall") == firewall
    }
    for entry in known.entries.values():
        if entry.kind == "rules" and entry.parent == firewall:
            found[entry.id] = {**found.get(entry.id, {}), **_meant(entry.applied)}
    return found


def _meant(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rule[name] for name in _MEANT if name in rule}
