"""Short texts: templates with optional parts, counts, durations."""

from __future__ import annotations

import pytest

from reconciler.render import format
from reconciler.render.format import phrase


def test_a_part_in_brackets_is_left_out_without_its_value() -> None:
    template = "off[ {reason}] until it is started"

    assert phrase(template, reason="by a power cut") == "off by a power cut until it is started"
    assert phrase(template, reason="") == phrase(template, reason=None) == "off until it is started"


def test_values_of_a_template_are_made_safe_and_never_read_as_a_template() -> None:
    assert phrase("{name} is gone", name="\x1b[2J[{x}]") == "\\x1b[2J[{x}] is gone"


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [format.count(number, "call") for number in (0, 1, 2)] == [
        "0 calls",
        "1 call",
        "2 calls",
    ]
    with pytest.raises(KeyError):
        format.count(1, "unicorn")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (45, "45 s"), (60, "1 min"), (110, "1 min 50 s"), (7500, "2 h 5 min")],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert format.duration(seconds) == text


def test_of_many_names_the_first_are_shown_and_the_rest_counted() -> None:
    assert format.first_of(["a", "b"], ", ", most=2) == "a, b"
    assert format.first_of(["a", "b", "c"], ", ", most=2) == "a, and 2 more"
