"""An edit in place sends every field that the table edits in place, and waits until it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.model.resource import LiveResource
from reconciler.model.resource_type import UPDATE, Call, Edit, Progress, ValueType, View
from reconciler.resources import FIREWALL_APIS, all_kinds

ID, F = "OBJECT-1", "FIREWALL-1"
IN_PLACE = [
    (api, kind.name, field.name)
    for api in FIREWALL_APIS
    for kind in all_kinds(api).values()
    for field in kind.fields.values()
    if field.edit is Edit.IN_PLACE and UPDATE in kind.operations
]
REQUIRED_BY_AN_EDIT: Mapping[str, dict[str, Any]] = {
    "firewalls": {"name": "n", "rules": ()},
    "rules": {"firewall": F},
}


@pytest.mark.parametrize(("api", "kind", "field"), IN_PLACE)
def test_an_edit_sends_and_awaits_every_field_that_is_edited_in_place(
    api: str, kind: str, field: str
) -> None:
    # A field that is not sent would still be recorded as applied (Step.applies).
    table = all_kinds(api)[kind]
    edit = table.operations[UPDATE]
    boolean = table.fields[field].type is ValueType.BOOLEAN
    old, value = (False, True) if boolean else ("old", "new")
    required = REQUIRED_BY_AN_EDIT.get(kind, {})
    without = {name: found for name, found in required.items() if name != field}
    inputs = {**without, field: value}

    assert sent(edit.encode(ID, inputs)) - sent(edit.encode(ID, {**required, field: old}))
    shown = {name: found for name, found in without.items() if name != "rules"}
    assert edit.progress(ID, inputs, seen(kind, **shown, **{field: old})) is Progress.WAITING
    assert edit.progress(ID, inputs, seen(kind, **shown, **{field: value})) is Progress.DONE


def sent(call: Call) -> set[str]:
    """Every member of the call's body, as text."""
    members = call.form if call.form is not None else (call.json or {}).items()
    return {repr(member) for member in members}


def seen(kind: str, **attributes: Any) -> View:
    """The lists with this object alone."""
    objects: dict[str, dict[str, LiveResource]] = {name: {} for name in all_kinds()}
    objects[kind][ID] = LiveResource(kind, ID, attributes)
    return View(objects)
