"""The lock files say the same versions, and a plain install has no client of a shared place."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENTS = {"obstore", "psycopg", "psycopg-binary"}
"""What the extras `postgres` and `s3` bring."""


def versions(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def test_a_plain_install_is_free_of_the_clients_of_shared_places() -> None:
    plain, stores = versions("run.txt"), versions("stores.txt")
    assert set(stores) - set(plain) == CLIENTS
    assert plain.items() <= stores.items()


def test_the_extra_for_rego_brings_its_library_only() -> None:
    plain, rego = versions("run.txt"), versions("rego.txt")
    assert set(rego) - set(plain) == {"regopy"}
    assert plain.items() <= rego.items() <= versions("dev.txt").items()


def test_the_tests_run_with_the_versions_that_users_get() -> None:
    assert versions("stores.txt").items() <= versions("dev.txt").items()
