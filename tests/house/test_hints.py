"""Every hint with a command or an option has a situation in which it is printed, pasted and run; a
new one has to be given its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import hints
from tests.house.hint_templates import templates

ROOT = Path(__file__).parents[2]


def test_every_hint_has_a_situation_in_which_it_is_pasted() -> None:
    # Goal: a hint that is printed works as it stands. New: print it by `call` in a test, and name
    # that test in `tests/hints.py`.
    known, found = {**hints.SITUATIONS, **hints.NOT_PASTED}, templates()
    missing = {template: file for template, file in found.items() if template not in known}
    gone = sorted(known.keys() - found.keys())
    assert not missing, "\n".join(f"{file}: {template!r}" for template, file in missing.items())
    assert not gone, f"no hint in the source says {gone}"


@pytest.mark.parametrize("where", sorted(set(hints.SITUATIONS.values())))
def test_the_situation_of_a_hint_is_a_test(where: str) -> None:
    # Goal: the fixture in `tests/conftest.py` proves that the test prints the hint; here, that
    # there is such a test.
    path, _, name = where.partition("::")
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8"), where
