"""A field that only a table adds: it is read, checked, planned, applied, adopted, absorbed and
documented without a change to any other file of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler import resources
from reconciler.commands import absorb, adopt
from reconciler.commands.adopt import AdoptSelection
from reconciler.common import decoding
from reconciler.config import loader, reference, schema
from reconciler.importing import adopt_writer
from reconciler.model.plan import Action
from reconciler.model.resource import LiveResource
from reconciler.model.resource_type import Edit, Operation, ResourceType
from reconciler.resources import _fields, _operations
from reconciler.simulator.kinds import registry
from reconciler.simulator.kinds.call import OperationCall, Reply
from reconciler.simulator.kinds.registry import Route
from tests.cloud_harness import CloudHarness
from tests.house import test_language_page
from tests.stackfiles import HEAD, problems, the_problem

LABEL = _fields.text(
    "label",
    Edit.IN_PLACE,
    "The team that owns the instance.",
    examples=("orders",),
    check=lambda value: None if str(value).islower() else "a label is written in lower case",
)

STACK = """\
version: 1
stack: shop
instances:
  web:
    zone: kr1-z01
    image: {os: ubuntu, version: "22.04"}
    flavor: std_2.4-g1
    ssh_keys: [deploy]
    label: orders   # who to call
"""


def labelled(kind: ResourceType) -> ResourceType:
    """The table of a kind with one more field."""

    def decode(row: Mapping[str, Any]) -> LiveResource:
        live = kind.decode(row)
        return replace(
            live, attributes={**live.attributes, "label": decoding.text(row.get("label"))}
        )

    def sending(operation: Operation) -> Operation:
        def encode(target: str | None, inputs: Mapping[str, Any]) -> Any:
            call = operation.encode(target, inputs)
            label = (("label", inputs["label"]),) if "label" in inputs else ()
            return replace(call, form=(*(call.form or ()), *label))

        return replace(operation, encode=encode)

    listing = kind.lists[kind.name]
    update = replace(
        sending(kind.operations["update"]),
        progress=_operations.shows(kind.name, ("name", "description", "label")),
    )
    return replace(
        kind,
        fields={**kind.fields, "label": LABEL},
        attributes=(*kind.attributes, "label"),
        operations={
            **kind.operations,
            "create": sending(kind.operations["create"]),
            "update": update,
        },
        decode=decode,
        lists={
            kind.name: replace(
                listing,
                decode=lambda row, parent: (
                    None if listing.decode(row, parent) is None else decode(row)
                ),
            )
        },
    )


class LabelledCloud:
    """What the local cloud needs for the field. `labels` are the values by instance id."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}

    def route(self, route: Route) -> Route:
        """The route with the field in its requests and answers."""
        handlers: Mapping[str, Callable[[OperationCall], Reply]] = {
            "createInstance": self._create,
            "editInstance": self._edit,
            "listInstances": self._show,
            "getInstance": self._show,
        }
        self._plain = {**getattr(self, "_plain", {}), route.operation: route.handler}
        return replace(route, handler=handlers.get(route.operation, route.handler))

    def _create(self, call: OperationCall) -> Reply:
        reply: Reply = self._plain["createInstance"](call)
        rows: Any = reply.result
        self.labels[rows[0]["instance_id"]] = call.form().get("label", "")
        return reply

    def _edit(self, call: OperationCall) -> Reply:
        form = call.form()
        if "label" in form:
            self.labels[call.ids[0]] = form["label"]
        operation = "editInstance" if form.keys() - {"label"} else "getInstance"
        return self._labelled(self._plain[operation](call))

    def _show(self, call: OperationCall) -> Reply:
        ids = "getInstance" if call.ids else "listInstances"
        return self._labelled(self._plain[ids](call))

    def _labelled(self, reply: Reply) -> Reply:
        rows: Any = reply.result
        return replace(
            reply, result=[{**row, "label": self.labels.get(row["instance_id"])} for row in rows]
        )


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[LabelledCloud]:
    """The field in the table of the instances and in the local cloud."""
    made, kind = LabelledCloud(), registry.KINDS["instance"]
    monkeypatch.setitem(
        registry.KINDS, kind.name, replace(kind, routes=tuple(map(made.route, kind.routes)))
    )
    with resources.extended(labelled(resources.all_kinds()["instances"])):
        yield made


def test_an_added_field_is_checked(cloud: LabelledCloud) -> None:
    text = HEAD + "instances: {{a: {{label: {}}}}}"
    assert the_problem(text.format("[x]")).message == "`label` must be a string, not a list"
    assert the_problem(text.format("Orders")).message == "a label is written in lower case"
    assert problems(text.format("orders")) == ()


def test_an_added_field_is_documented(cloud: LabelledCloud) -> None:
    found = reference.find(("instances", "label"))
    assert found is not None
    assert (found.description, found.examples) == (LABEL.description, LABEL.examples)
    assert found.edit == "changed in place"
    assert "label" in schema.load("stack")["$defs"]["instance"]["properties"]
    assert f"| `label` | text | {LABEL.description}" in test_language_page.page()


def test_an_added_field_is_planned_and_applied(cloud: LabelledCloud, tmp_path: Path) -> None:
    harness = CloudHarness()
    assert harness.apply(harness.stack(STACK, tmp_path)).exit_code == 0
    assert list(cloud.labels.values()) == ["orders"]
    assert harness.plan(harness.stack_in(tmp_path)).steps == ()

    edited = harness.stack(STACK.replace("orders", "billing"), tmp_path)
    plan = harness.plan(edited)
    assert [
        (change.action, [field.path for field in change.fields]) for change in plan.changes
    ] == [(Action.UPDATE, ["label"])]
    assert harness.apply(edited).exit_code == 0
    assert list(cloud.labels.values()) == ["billing"]
    assert harness.plan(edited).steps == ()


def test_drift_of_an_added_field_is_absorbed(cloud: LabelledCloud, tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.apply(harness.stack(STACK, tmp_path))
    cloud.labels = dict.fromkeys(cloud.labels, "billing")
    harness.clock.advance(600)

    def load(texts: Mapping[str, str]) -> loader.Loaded:
        return loader.load_stack(tmp_path / "stack.yaml", environment=None, instead=texts)

    found = absorb.absorb(
        load({}).stack, ("instances.web",), harness.connection(), harness.store, load
    )
    absorb.write(found)
    text = (tmp_path / "stack.yaml").read_text(encoding="utf-8")
    assert text == STACK.replace("label: orders", "label: billing")
    assert harness.plan(load({}).stack).steps == ()


def test_an_added_field_is_adopted(cloud: LabelledCloud, tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.apply(harness.stack(STACK, tmp_path))
    found, account, _ = adopt.adopt(
        harness.connection(), AdoptSelection(everything=True), stack="shop"
    )
    assert "label: orders" in adopt_writer.text(found, account)
