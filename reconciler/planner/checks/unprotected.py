"""Instances without the firewall that the file gives them: after a run that was killed, or because
somebody detached it.

`plan`, `drift` and `doctor` judge by the account, `show` by the state alone. An instance that is
off is not exposed.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.resource import Link, Resource, Stack
from reconciler.model.state import Phase, State
from reconciler.planner.compare.assessment import Assessment, Disposition
from reconciler.resources import instance as instance_kind


def by_account(assessment: Assessment) -> Iterator[Problem]:
    """A warning for each running instance without a firewall. None while a run is at work: it
    attaches them itself.
    """
    if assessment.options.running is not None or assessment.options.destroy:
        return
    for address, item in assessment.items.items():
        live, resource = item.live, item.resource
        wanted = None if resource is None else _firewall(resource)
        if (
            wanted is None
            or live is None
            or live.attributes.get("power") == "off"
            or assessment.firewall_of(live.id) is not None
        ):
            continue
        verb = msg("may have") if item.disposition is Disposition.UNSETTLED else msg("has")
        yield _problem(
            str(address),
            msg("{address} ({id}) {verb} no firewall", address=address, id=live.id, verb=verb),
            wanted,
        )


def by_state(stack: Stack, state: State | None) -> Iterator[Problem]:
    """A warning for each instance that has, or may have, no firewall according to the state."""
    if state is None:
        return
    sent = {intent.address: intent.operation for intent, _ in state.open.values()}
    for address, resource in stack.resources.items():
        text = str(address)
        wanted, entry = _firewall(resource), state.entries.get(text)
        if wanted is None or (entry is None and sent.get(text) != instance_kind.CREATE):
            continue
        if entry is None:
            yield _problem(
                text,
                msg(
                    "{address} may run without a firewall: its create was sent, and nothing after "
                    "it",
                    address=text,
                ),
                wanted,
            )
        elif (
            entry.phase is not Phase.DELETING
            and entry.applied.get(instance_kind.FIREWALL) is None
            and entry.applied.get("power") != "off"
        ):
            yield _problem(
                text,
                msg(
                    "{address} ({id}) {verb} no firewall, according to the state",
                    address=text,
                    id=entry.id,
                    verb=msg("may have") if text in sent else msg("has"),
                ),
                wanted,
            )


def _firewall(resource: Resource) -> Link | None:
    """The firewall that the file gives an instance."""
    field = instance_kind.FIREWALL
    if resource.address.kind != instance_kind.NAME or field in resource.lifecycle.ignore:
        return None
    wanted = resource.attributes.get(field)
    return wanted if isinstance(wanted, Link) else None


def _problem(address: str, message: str, wanted: Link) -> Problem:
    return warning(
        "exposed",
        msg("{message}; the next apply attaches {wanted}", message=message, wanted=wanted),
        address=address,
        hint=msg("reconciler apply"),
    )
