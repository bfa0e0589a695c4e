"""An entry of the audit log has no room for a secret or for a text that a screen would obey."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.common.secret import Secret
from reconciler.model.review.audit_entry import (
    HIDDEN,
    NAME_CHARACTERS_MAX,
    ActorKind,
    AuditActor,
    AuditApproval,
    AuditedPlan,
    AuditedRun,
    AuditedSource,
    classes_of,
    cleaned,
    place_of_run,
)
from reconciler.store.audit.audit_chain import record_of, sealed
from tests.store.audits import entry

TOKENS = (
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11AAAAA",
    "glpat-abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.e30.x",
    "Authorization: Bearer abc",
    "password=hunter2",
    "AKIAIOSFODNN7EXAMPLE",
)


@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_credential_is_not_kept(token: str) -> None:
    assert cleaned(token) == HIDDEN and cleaned(f"kim {token}") == HIDDEN
    assert token not in place_of_run(f"https://git.example/runs/{token}")
    with pytest.raises(ValueError, match="name"):
        AuditActor(ActorKind.CI, token, "build-7")
    with pytest.raises(ValueError, match="title"):
        replace(entry(), title=token)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://git.example/a/b/runs/1", "https://git.example/a/b/runs/1"),
        ("https://kim:secret@git.example:8443/runs/1?token=x#y", "https://git.example:8443/runs/1"),
        ("http://[::1]:3000/runs", "http://[::1]:3000/runs"),
        ("javascript://x/%0aalert(1)", HIDDEN),
        ("https://", HIDDEN),
        ("https://git.example:port/", HIDDEN),
        ("https://git.example/" + "a" * 600, HIDDEN),
        ("build-7", "build-7"),
    ],
)
def test_a_place_has_no_user_and_no_query(url: str, kept: str) -> None:
    assert place_of_run(url) == kept
    AuditActor(ActorKind.CI, "kim", place_of_run(url))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("kim\x1b[31m\n", "kim?[31m?"),
        ("\u202ekim", "?kim"),
        ("  ", "?"),
        ("", "?"),
        ("김 서버", "김 서버"),
        ("\udc80", "?"),
        ("x" * 999, "x" * NAME_CHARACTERS_MAX),
    ],
)
def test_a_name_is_one_short_line(text: str, kept: str) -> None:
    assert cleaned(text) == kept == cleaned(kept)
    AuditActor(ActorKind.USER, cleaned(text), cleaned(text))


def test_no_field_takes_a_free_text() -> None:
    for make in (
        lambda: AuditActor(ActorKind.CI, "kim", "https://kim:secret@git.example/"),
        lambda: AuditApproval("kim\n", "1", 0),
        lambda: AuditApproval("kim", "a comment", 0),
        lambda: AuditApproval("kim", "1", -1),
        lambda: AuditedPlan("not an id"),
        lambda: AuditedPlan(classes=("delete everything",)),
        lambda: AuditedPlan(classes=("delete",) * 101),
        lambda: AuditedRun("a run"),
        lambda: AuditedRun(exit_code=256),
        lambda: AuditedRun(calls=-1),
        lambda: AuditedSource(commit="main"),
        lambda: AuditedSource(pull=-1),
        lambda: replace(entry(), action="ci apply --accept"),
        lambda: replace(entry(), at=1.5),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="form"):
            make()


def test_a_secret_cannot_be_written() -> None:
    with pytest.raises((TypeError, ValueError)):
        made = replace(entry(), title=Secret("hunter2"))  # type: ignore[arg-type]
        sealed(made, 1, None, "token")


def test_a_record_is_ascii_and_read_back_as_it_was() -> None:
    data = sealed(entry(), 7, "ab" * 32, "token")
    assert data.isascii() and b"\n" not in data
    found = record_of(data)
    assert (found.position, found.previous, found.entry) == (7, "ab" * 32, entry())


def test_classes_are_sorted_and_each_once() -> None:
    assert classes_of(["downtime", "delete", "delete"]) == ("delete", "downtime")
