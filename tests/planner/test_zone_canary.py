"""The first server in a zone of ours goes alone: which creates wait for which, until the cloud has
accepted one.
"""

from __future__ import annotations

from tests.builders import Case, nothing, server, settled, step, volume, waits


def alone(case: Case) -> dict[str, tuple[str, ...]]:
    """For each create of a server the creates that must be accepted before, both without
    `instance.create instances.`.
    """
    made = [found for found in case.plan().steps if found.operation == "instance.create"]
    return {
        str(found.address).partition(".")[2]: tuple(
            key.rpartition(".")[2] for key in found.after_accepted
        )
        for found in made
    }


def test_the_others_of_a_new_zone_wait_for_the_first_to_be_accepted() -> None:
    # Goal: one request tells whether the account may make servers there.
    case = nothing(server("a"), server("b"), server("c"), volume("data", on="c"))
    assert alone(case) == {"a": (), "b": ("a",), "c": ("a",)}
    assert "instance.create instances.a" in step(case.plan(), "instance.create instances.c").after


def test_each_new_zone_has_a_first_of_its_own() -> None:
    # Goal: zones do not wait for each other.
    case = nothing(server("a"), server("b", zone="z2"), server("c", zone="z2"), server("d"))
    assert alone(case) == {"a": (), "b": (), "c": ("b",), "d": ("a",)}


def test_a_zone_with_a_managed_server_needs_no_canary() -> None:
    # Goal: a zone that has taken one takes others; also one that this plan removes or replaces has
    # shown it.
    case = settled(server("old", flavor="big", image="rocky")).add(server("a"), server("b"))
    assert alone(case) == {"a": (), "b": ()}
    assert alone(case.leave_out("instances.old")) == {"a": (), "b": ()}


def test_a_strangers_server_shows_nothing() -> None:
    # Goal: what the console may do, the API may not (contract#zones).
    case = nothing(server("a"), server("b")).foreign_object("instances", "i-theirs", zone="z1")
    assert alone(case) == {"a": (), "b": ("a",)}


def test_the_canary_is_a_server_that_waits_for_none_of_the_others() -> None:
    # Goal: no circle with what the file asks for; for one that depends on the first it is not
    # enough that the cloud accepted that.
    case = nothing(server("a", after=("instances.b",)), server("b"), server("c"))
    assert alone(case) == {"b": (), "a": (), "c": ("b",)}
    assert "instance.create instances.b" in waits(case.plan(), "instance.create instances.a")


def test_a_part_of_a_plan_has_its_own_first() -> None:
    # Goal: what was not asked for does not come along for this.
    plan = nothing(server("a"), server("b"), server("c")).plan(only=("instances.b", "instances.c"))
    assert [found.key for found in plan.steps] == [
        "instance.create instances.b",
        "instance.create instances.c",
    ]
    assert plan.steps[1].after_accepted == ("instance.create instances.b",)
