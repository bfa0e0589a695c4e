"""What to do about a refusal of the cloud."""

from __future__ import annotations

import pytest

from reconciler.iwinv.errors import ERRORS
from reconciler.recovery import refusal_hints
from reconciler.resources import all_kinds

KINDS = all_kinds()


@pytest.mark.parametrize(
    ("operation", "code", "says"),
    [
        ("instance.resize", "UNAVAILABLE_COMBINATION", "--replace 'instances.web[1]'"),
        ("instance.create", "UNAVAILABLE_COMBINATION", "catalog images"),
        ("rule.create", "CHECK_PARAM", "equal rule"),
        ("instance.create", "LIMIT_EXCEEDED", "--unmanaged"),
    ],
)
def test_a_refusal_is_reported_with_a_hint_if_one_is_known(
    operation: str, code: str, says: str
) -> None:
    assert says in (refusal_hints.way_out(KINDS, operation, code, "instances.web[1]") or "")


@pytest.mark.parametrize("code", [None, "CHECK_PARAM", "NOT_AN_ERROR"])
def test_an_unknown_refusal_gets_no_hint(code: str | None) -> None:
    assert refusal_hints.way_out(KINDS, "instance.create", code, "instances.web") is None


def test_only_names_of_the_contract_are_spoken_of() -> None:
    operations = [one for kind in KINDS.values() for one in kind.operations.values()]
    named = {*refusal_hints.WAYS_OUT, *(code for one in operations for code in one.refusal_hints)}
    assert named <= set(ERRORS)
