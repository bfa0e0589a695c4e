"""Imports: objects of the account that a file binds to its addresses, and what is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.exits import ERROR
from tests.lab import Lab, said
from tests.scenarios.world import SHOP, world_of
from tests.stackfiles import problems

ONE = SHOP + "instances:\n  a: {firewall: web}\n"


def applied(tmp: Path, text: str = ONE) -> Lab:
    """A laboratory in which that stack stands."""
    lab = Lab()
    assert lab.apply(lab.stack(text, tmp / "first")).exit_code == 0
    return lab


def id_of(lab: Lab, address: str) -> str:
    assert lab.state is not None
    return lab.state.entries[address].id


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("b: {import: INSTANCE-typo, firewall: web, description: hello}", "did you mean"),
        ("b: {count: 2, import: {0: INSTANCE-typo}, description: x}", "did you mean"),
        ("b: {import: INSTANCE-typo, power: off, flavor: std_4.8-g1}", "did you mean"),
        ("b: {import: FIREWALL, firewall: web}", "is an id of `firewalls`: write it there"),
        ("b: {import: shop-a, firewall: web}", "`shop-a` is a name; write the id: `INSTANCE"),
    ],
    ids=["typo", "counted", "off", "another kind", "a name"],
)
def test_an_import_that_the_account_does_not_show_leaves_no_plan(line: str, hint: str, tmp_path: Path) -> None:
    # Goal: an attach with an empty id left the machine, and two open requests blocked later runs.
    lab = applied(tmp_path)
    line = line.replace("FIREWALL", id_of(lab, "firewalls.web")).replace("typo", id_of(lab, "instances.a").removeprefix("INSTANCE-")[:-1])
    before, writes = world_of(lab.cloud), len([1 for _, request in lab.sends if request.method != "GET"])
    result = lab.apply(lab.stack(ONE + f"  {line}\n", tmp_path))
    problem = next(problem for problem in result.problems if problem.code == "lookup")
    assert result.exit_code == ERROR and not lab.plans[-1].plan.steps
    assert problem.address in ("instances.b", "instances.b[0]") and "of this account has the id" in problem.message
    assert hint in (problem.hint or "")
    assert (world_of(lab.cloud), len([1 for _, request in lab.sends if request.method != "GET"])) == (before, writes)
    assert lab.state is not None and not lab.state.open


def test_an_import_line_that_was_kept_says_how_to_go_on_when_its_object_is_gone(tmp_path: Path) -> None:
    lab = Lab()
    plan = lab.plan(lab.stack(SHOP + "instances:\n  a: {import: INSTANCE-gone, firewall: web}\n", tmp_path))
    assert not plan.steps and "remove the `import` line" in said(plan.problems)


def test_a_firewall_that_the_account_does_not_show_is_not_imported_with_its_rules(tmp_path: Path) -> None:
    lab = Lab()
    plan = lab.plan(lab.stack(SHOP.replace("  web:\n", "  web:\n    import: FIREWALL-gone\n"), tmp_path))
    assert not plan.steps and not plan.records and "firewalls.web cannot be imported" in said(plan.problems)


@pytest.mark.parametrize("text", ["instances:\n  a: {import: ' INSTANCE-1 '}\n", "existing:\n  firewalls: {o: {id: 'INSTANCE-1 '}}\n"])
def test_blanks_around_an_id_are_told(text: str) -> None:
    # Goal: an id becomes part of a path, which cannot hold blanks.
    assert "has blanks around the id: write INSTANCE-1" in said(problems(SHOP + text))
