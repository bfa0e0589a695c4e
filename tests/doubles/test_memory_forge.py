"""What `MemoryForge` has beside the contract: faults, listeners and many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.model.ports.forge_ports import (
    COMMENT_CHARACTERS_MAX,
    Forge,
    ForgeError,
    Person,
)
from tests.doubles.memory_forge import MemoryForge


def test_operation_fails_without_effect_and_then_works() -> None:
    forge = MemoryForge()
    number = forge.world.open_pull().number
    forge.fail("add_comment")
    with pytest.raises(ForgeError):
        forge.add_comment(number, "one")
    assert forge.comments(number) == ()
    forge.add_comment(number, "two")
    assert [one.body for one in forge.comments(number)] == ["two"]


def test_operation_takes_effect_and_then_fails() -> None:
    forge: MemoryForge = MemoryForge()
    number = forge.world.open_pull().number
    forge.fail("add_comment", times=2, is_done=True)
    for body in ("one", "two"):
        with pytest.raises(ForgeError):
            forge.as_("bob").add_comment(number, body)
    assert [one.body for one in forge.comments(number)] == ["one", "two"]


def test_other_account_may_not_change_a_comment() -> None:
    forge = MemoryForge()
    number = forge.world.open_pull().number
    made = forge.add_comment(number, "one")
    bob: Forge = forge.as_(Person("bob"))
    with pytest.raises(ForgeError):
        bob.edit_comment(number, made.id, "two")
    with pytest.raises(ForgeError):
        bob.remove_comment(number, made.id)
    assert [one.body for one in bob.comments(number)] == ["one"]


def test_listener_acts_between_two_operations() -> None:
    forge = MemoryForge()
    number = forge.world.open_pull().number
    seen: list[str] = []

    def push(account: str, operation: str) -> None:
        if operation == "add_comment":
            seen.append(forge.world.push(number))

    forge.listen(push)
    forge.add_comment(number, "one")
    assert [forge.pull(number).head] == seen
    assert forge.calls == [("reconciler[bot]", "add_comment"), ("reconciler[bot]", "pull")]


def test_text_that_is_too_long_is_refused() -> None:
    forge = MemoryForge()
    number = forge.world.open_pull().number
    with pytest.raises(ForgeError):
        forge.add_comment(number, "x" * (COMMENT_CHARACTERS_MAX + 1))


def test_many_threads_lose_nothing() -> None:
    forge = MemoryForge()
    number = forge.world.open_pull().number
    with ThreadPoolExecutor(8) as threads:
        made = list(
            threads.map(lambda i: forge.as_(f"p{i % 5}").add_comment(number, f"{i}"), range(200))
        )
    assert len({one.id for one in made}) == len(forge.comments(number)) == 200
