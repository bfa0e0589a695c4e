"""Imports: objects of the account that a file binds to its addresses, and what is refused before
anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import session
from reconciler.model.diagnostics import Problem
from reconciler.model.exit_codes import ERROR, REFUSED
from reconciler.model.plan import Action
from reconciler.model.state import State
from reconciler.planner.checks import lost_state
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.planner.compare.classify import classify
from reconciler.planner.compare.refresh_scope import refresh_scope
from tests.cloud_harness import EVERYTHING, CloudHarness, said
from tests.doubles.memory_store import MemoryStore
from tests.scenarios.world import SHOP, world_of
from tests.stackfiles import problems

ONE = SHOP + "instances:\n  a: {firewall: web}\n"


def applied(tmp: Path, text: str = ONE) -> CloudHarness:
    """A cloud harness in which that stack stands."""
    harness = CloudHarness()
    assert harness.apply(harness.stack(text, tmp / "first")).exit_code == 0
    return harness


def id_of(harness: CloudHarness, address: str) -> str:
    assert harness.state is not None
    return harness.state.entries[address].id


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
def test_an_import_that_the_account_does_not_show_leaves_no_plan(
    line: str, hint: str, tmp_path: Path
) -> None:
    # Goal: an attach with an empty id left the machine, and two open requests blocked later runs.
    harness = applied(tmp_path)
    line = line.replace("FIREWALL", id_of(harness, "firewalls.web")).replace(
        "typo", id_of(harness, "instances.a").removeprefix("INSTANCE-")[:-1]
    )
    before, writes = (
        world_of(harness.cloud),
        len([1 for _, request in harness.sends if request.method != "GET"]),
    )
    result = harness.apply(harness.stack(ONE + f"  {line}\n", tmp_path))
    problem = next(problem for problem in result.problems if problem.code == "lookup")
    assert result.exit_code == ERROR and not harness.plans[-1].plan.steps
    assert (
        problem.address in ("instances.b", "instances.b[0]")
        and "of this account has the id" in problem.message
    )
    assert hint in (problem.hint or "")
    assert (
        world_of(harness.cloud),
        len([1 for _, request in harness.sends if request.method != "GET"]),
    ) == (before, writes)
    assert harness.state is not None and not harness.state.open


def test_an_import_line_whose_object_is_gone_is_reported_with_a_hint(
    tmp_path: Path,
) -> None:
    harness = CloudHarness()
    plan = harness.plan(
        harness.stack(SHOP + "instances:\n  a: {import: INSTANCE-gone, firewall: web}\n", tmp_path)
    )
    assert not plan.steps and "remove the `import` line" in said(plan.problems)


def test_a_firewall_that_the_account_does_not_show_is_not_imported_with_its_rules(
    tmp_path: Path,
) -> None:
    harness = CloudHarness()
    plan = harness.plan(
        harness.stack(SHOP.replace("  web:\n", "  web:\n    import: FIREWALL-gone\n"), tmp_path)
    )
    assert (
        not plan.steps
        and not plan.records
        and "firewalls.web cannot be imported" in said(plan.problems)
    )


@pytest.mark.parametrize(
    "text",
    [
        "instances:\n  a: {import: ' INSTANCE-1 '}\n",
        "existing:\n  firewalls: {o: {id: 'INSTANCE-1 '}}\n",
    ],
)
def test_blanks_around_an_id_are_reported(text: str) -> None:
    # Goal: an id becomes part of a path, which cannot hold blanks.
    assert "has spaces around the id: use INSTANCE-1" in said(problems(SHOP + text))


# An object of another stack
# ---------------------------------------------------------------------------------------------------------


def beside(harness: CloudHarness, name: str) -> CloudHarness:
    """Another stack on the same account; its state lies in the same place."""
    other = CloudHarness(store=MemoryStore(harness.store.disk, folder=Path(f"/state/{name}")))
    other.cloud, other.clock, other._numbers = harness.cloud, harness.clock, harness._numbers
    return other


def elsewhere(harness: CloudHarness, name: str) -> CloudHarness:
    """Another stack on the same account, whose state lies in another place."""
    other = CloudHarness(store=MemoryStore(folder=Path(f"/state/{name}")))
    other.cloud, other.clock, other._numbers = harness.cloud, harness.clock, harness._numbers
    return other


def importing(harness: CloudHarness, id: str, line: str = "") -> str:
    """The text of the stack `blog`, which imports a server."""
    return (
        SHOP.replace("stack: shop", "stack: blog").partition("firewalls:")[0]
        + f"instances:\n  b: {{import: {id}{line}}}\n"
    )


DESCRIBED = ONE.replace("{firewall: web}", "{firewall: web, description: mine}")


@pytest.mark.parametrize(
    ("place", "text", "proof"),
    [
        (beside, ONE, "the state of shop contains it"),
        (beside, DESCRIBED, "the state of shop contains it"),
        (elsewhere, ONE, "its marker names shop"),
    ],
    ids=["its state", "a text of the user", "its marker"],
)
def test_an_object_of_another_stack_is_imported_with_consent_alone(
    place: Callable[[CloudHarness, str], CloudHarness], text: str, proof: str, tmp_path: Path
) -> None:
    # Goal: two stacks owned one server, and either `destroy` deleted it.
    shop = applied(tmp_path, text)
    blog = place(shop, "blog")
    stack = blog.stack(
        importing(shop, id_of(shop, "instances.a"), ", description: ours"), tmp_path / "blog"
    )
    before = world_of(shop.cloud)
    refused = blog.apply(stack)
    assert (
        refused.exit_code == REFUSED
        and proof in said(refused.problems)
        and "--accept shared=instances.b" in said(refused.problems)
    )
    assert world_of(shop.cloud) == before and (blog.state is None or not blog.state.entries)
    assert [c.action for c in blog.plan(stack).changes] == [Action.BLOCKED]

    assert blog.apply(stack, accept=(*EVERYTHING, "shared=instances.b")).exit_code == 0
    assert id_of(blog, "instances.b") == id_of(shop, "instances.a")
    assert blog.apply(stack).exit_code == 0  # the state keeps the consent
    assert not blog.plan(stack).changes or {c.action for c in blog.plan(stack).changes} == {
        Action.NONE
    }


def test_what_another_stack_let_go_is_imported_without_a_question(tmp_path: Path) -> None:
    # Goal: handing an object over stays as it was: `removed` with `keep` in one stack, `import` in
    # the other.
    shop = applied(tmp_path)
    id = id_of(shop, "instances.a")
    shop.apply(
        shop.stack(SHOP + "removed: [{from: instances.a, keep: true}]\n", tmp_path / "first")
    )
    blog = beside(shop, "blog")
    assert blog.apply(blog.stack(importing(shop, id), tmp_path / "blog")).exit_code == 0
    assert id_of(blog, "instances.b") == id


def test_an_old_copy_of_a_state_neither_changes_nor_deletes_what_another_stack_owns_now(
    tmp_path: Path,
) -> None:
    shop = applied(tmp_path)
    id, files = (
        id_of(shop, "instances.a"),
        [Path("/state/shop") / name for name in ("state.json", "journal")],
    )
    old = {
        path: body for path in files if (body := shop.store.disk.read(path, 1 << 20)) is not None
    }
    shop.apply(
        shop.stack(SHOP + "removed: [{from: instances.a, keep: true}]\n", tmp_path / "first")
    )
    blog = beside(shop, "blog")
    blog.apply(blog.stack(importing(shop, id), tmp_path / "blog"))
    for path in files:
        shop.store.disk.put(path, old[path]) if path in old else shop.store.disk.remove(path)
    stack = shop.stack(
        ONE.replace("{firewall: web}", "{firewall: web, flavor: std_4.8-g1}"), tmp_path / "first"
    )
    for destroy in (False, True):
        result = shop.apply(stack, destroy=destroy)
        assert result.exit_code == REFUSED and "the state of blog contains it" in said(
            result.problems
        )
        assert (
            id in shop.cloud.snapshot().instances
            and "std_2.4-g1" in world_of(shop.cloud)["instances"]["shop-a"]
        )
    assert (
        shop.apply(stack, destroy=True, accept=(*EVERYTHING, "shared=instances.a")).exit_code == 0
    )
    assert id not in shop.cloud.snapshot().instances


def test_a_shared_firewall_is_held_back_with_its_rules_and_the_rest_is_done(tmp_path: Path) -> None:
    shop = applied(tmp_path)
    blog = beside(shop, "blog")
    text = SHOP.replace("stack: shop", "stack: blog").replace(
        "  web:\n", f"  gate:\n    import: {id_of(shop, 'firewalls.web')}\n"
    )
    before = world_of(shop.cloud)["firewalls"]
    result = blog.apply(
        blog.stack(
            text.replace("443", "8443") + "instances:\n  free: {}\n  behind: {firewall: gate}\n",
            tmp_path / "blog",
        )
    )
    assert result.exit_code == REFUSED and world_of(shop.cloud)["firewalls"] == before
    assert {"blog-free"} <= set(world_of(shop.cloud)["instances"]) and blog.state is not None
    assert not [text for text in blog.state.entries if text.startswith("firewalls.")]


def test_a_rebuilt_state_does_not_take_what_another_state_holds(tmp_path: Path) -> None:
    # Goal: `recover --rebuild` and `--adopt` bind objects as `import` does.
    shop = applied(tmp_path, DESCRIBED)
    id, blog = id_of(shop, "instances.a"), beside(shop, "blog")
    stack = blog.stack(
        importing(shop, "X").replace("{import: X}", "{name: shop-a}"), tmp_path / "blog"
    )
    options = PlanOptions(elsewhere=session.elsewhere(blog.store))
    state = State("lineage", 0, "blog", None)
    account = session.read_account(blog.connection(), refresh_scope(stack, state, options))
    seen = classify(stack=stack, state=state, account=account, kinds=blog.kinds, options=options)
    assert not lost_state.propose(seen)
    wrong = lost_state.adoptable(seen, "instances.b", id)
    assert isinstance(wrong, Problem) and wrong.code == "shared"
    assert lost_state.propose(replace(seen, options=PlanOptions()))
