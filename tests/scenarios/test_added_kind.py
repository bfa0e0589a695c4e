"""A kind that only one table and one file of the local cloud add: it goes through a whole life
without a change to any file of the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler import resources
from reconciler.commands import absorb, adopt
from reconciler.commands.adopt import AdoptSelection
from reconciler.config import loader, reference, schema
from reconciler.importing import adopt_writer
from reconciler.model.plan import Action, Plan
from reconciler.render.plan import plan_json, plan_text
from reconciler.render.plan.plan_markdown import plan_markdown
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from reconciler.simulator.kinds import registry
from tests.builders import at
from tests.cloud_harness import CloudHarness
from tests.house import test_language_page
from tests.stackfiles import HEAD, problems, the_problem
from tests.toy import backup, backup_cloud

STACK = """\
version: 1
stack: shop
instances:
  web:
    zone: kr1-z01
    image: {os: ubuntu, version: "22.04"}
    flavor: std_2.4-g1
    ssh_keys: [deploy]
backups:
  nightly:
    instance: web
    tier: hot
    keep_days: 30   # as the law asks
"""


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Backups in the program and in the local cloud."""
    monkeypatch.setitem(registry.KINDS, "backup", backup_cloud.BACKUP)
    with resources.extended(backup.BACKUP):
        yield


def live(harness: CloudHarness) -> list[backup_cloud.Backup]:
    """The backups of the local cloud."""
    return list(harness.cloud.world.table("backup").values())


def actions(plan: Plan) -> list[tuple[str, Action]]:
    """What a plan does, without what stays."""
    found = [(str(change.address), change.action) for change in plan.changes]
    return [each for each in found if each[1] is not Action.NONE]


@pytest.fixture
def harness(tmp_path: Path) -> CloudHarness:
    """An account in which the stack was applied."""
    made = CloudHarness()
    assert made.apply(made.stack(STACK, tmp_path)).exit_code == 0
    return made


def test_an_added_kind_is_checked() -> None:
    text = HEAD + "backups: {{a: {{tier: {}, keep_days: {}}}}}"
    assert problems(text.format("hot", 30)) == ()
    assert "hot" in the_problem(text.format("warm", 30)).message
    assert "365" in the_problem(text.format("hot", 400)).message


def test_an_added_kind_is_documented() -> None:
    found = reference.find(("backup", "keep_days"))
    assert found is not None and found.edit == "changed in place"
    assert "backups" in schema.load("stack")["properties"]
    page = test_language_page.page()
    assert "For how many days the backup is kept." in page


def test_an_added_kind_is_planned_and_applied(harness: CloudHarness, tmp_path: Path) -> None:
    (only,) = live(harness)
    assert (only.tier, only.keep_days) == ("hot", 30)
    assert only.instance_id in harness.cloud.world.instances
    plan = harness.plan(harness.stack_in(tmp_path))
    assert (plan.steps, actions(plan)) == ((), [])


def test_an_added_kind_is_edited_in_place(harness: CloudHarness, tmp_path: Path) -> None:
    stack = harness.stack(STACK.replace("keep_days: 30", "keep_days: 60"), tmp_path)
    assert actions(harness.plan(stack)) == [("backups.nightly", Action.UPDATE)]
    assert harness.apply(stack).exit_code == 0
    assert [each.keep_days for each in live(harness)] == [60]
    assert harness.plan(stack).steps == ()


def test_an_added_kind_is_replaced(harness: CloudHarness, tmp_path: Path) -> None:
    stack = harness.stack(STACK.replace("tier: hot", "tier: cold"), tmp_path)
    plan = harness.plan(stack)
    assert actions(plan) == [("backups.nightly", Action.REPLACE)]
    assert [step.operation for step in plan.steps] == ["backup.create", "backup.delete"]
    before = {each.backup_id for each in live(harness)}
    assert harness.apply(stack).exit_code == 0
    assert [each.tier for each in live(harness)] == ["cold"]
    assert before.isdisjoint(each.backup_id for each in live(harness))


def test_an_added_kind_costs_what_its_table_says(harness: CloudHarness, tmp_path: Path) -> None:
    stack = harness.stack(STACK.replace("keep_days: 30", "keep_days: 60"), tmp_path)
    costs = {part.address: (part.before, part.after) for part in harness.plan(stack).cost.parts}
    assert costs["backups.nightly"] == (300, 600)


def test_drift_of_an_added_kind_is_shown_and_absorbed(
    harness: CloudHarness, tmp_path: Path
) -> None:
    (only,) = live(harness)
    harness.cloud.world.put(replace(only, keep_days=90))
    harness.clock.advance(600)
    drift = harness.plan(harness.stack_in(tmp_path)).drift
    assert [(str(each.address), [field.path for field in each.fields]) for each in drift] == [
        ("backups.nightly", ["keep_days"])
    ]

    def load(texts: Mapping[str, str]) -> loader.Loaded:
        return loader.load_stack(tmp_path / "stack.yaml", environment=None, instead=texts)

    address = at("backups.nightly")
    found = absorb.absorb(
        load({}).stack, (str(address),), harness.connection(), harness.store, load
    )
    absorb.write(found)
    text = (tmp_path / "stack.yaml").read_text(encoding="utf-8")
    assert text == STACK.replace("keep_days: 30", "keep_days: 90")
    assert harness.plan(load({}).stack).steps == ()


def test_an_object_of_an_added_kind_is_imported(harness: CloudHarness, tmp_path: Path) -> None:
    (only,) = live(harness)
    other = replace(only, backup_id="BACKUP-other", name="by-hand", description=None)
    harness.cloud.world.put(other)
    harness.clock.advance(600)
    more = (
        "  manual: {instance: web, tier: hot, keep_days: 30, name: by-hand, import: BACKUP-other}\n"
    )
    stack = harness.stack(STACK + more, tmp_path)
    assert actions(harness.plan(stack)) == [("backups.manual", Action.IMPORT)]
    assert harness.apply(stack).exit_code == 0
    assert harness.state is not None
    assert harness.state.entries["backups.manual"].id == "BACKUP-other"
    assert harness.plan(stack).steps == ()


def test_an_object_of_an_added_kind_is_adopted(harness: CloudHarness, tmp_path: Path) -> None:
    found, account, _ = adopt.adopt(
        harness.connection(), AdoptSelection(everything=True), stack="shop"
    )
    text = adopt_writer.text(found, account)
    assert "backups:" in text and "keep_days: 30" in text
    other = CloudHarness()
    other.cloud, other.clock = harness.cloud, harness.clock
    stack = other.stack(text, tmp_path / "adopted")
    plan = other.plan(stack)
    assert {action for _, action in actions(plan)} == {Action.IMPORT} and plan.steps == ()


def test_an_added_kind_is_destroyed_before_what_it_refers_to(
    harness: CloudHarness, tmp_path: Path
) -> None:
    stack = harness.stack_in(tmp_path)
    plan = harness.plan(stack, destroy=True)
    assert [step.operation for step in plan.steps] == ["backup.delete", "instance.delete"]
    assert harness.apply(stack, destroy=True).exit_code == 0
    assert not live(harness) and not harness.cloud.world.instances


def test_an_added_kind_is_shown_in_every_view(tmp_path: Path) -> None:
    harness = CloudHarness()
    plan = harness.plan(harness.stack(STACK, tmp_path))
    header, style = (
        PlanHeader(key_suffix="9f41", state="state", at=0),
        Style(width=120, verbose=True),
    )
    shown = screen.text(plan_text.plan_lines(plan, header, style), style)
    assert "backups.nightly" in shown and "create backup nightly" in shown
    assert "backups.nightly" in plan_markdown(plan, header, None)
    document = plan_json.plan_document(plan)
    assert [row["address"] for row in document["changes"]] == ["backups.nightly", "instances.web"]


def test_an_unmanaged_object_of_an_added_kind_is_listed(
    harness: CloudHarness, tmp_path: Path
) -> None:
    (only,) = live(harness)
    other = replace(only, backup_id="BACKUP-other", name="by-hand", description=None)
    harness.cloud.world.put(other)
    plan = harness.plan(harness.stack_in(tmp_path))
    assert plan.unmanaged == (1, 300)
