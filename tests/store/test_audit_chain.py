"""Whoever changes the audit log is found: each field, a removed, moved, inserted or rewritten
entry. The end of a log can be cut off; only what was noted elsewhere shows that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.common import json_text
from reconciler.model.ports import StateNewer
from reconciler.model.ports.audit_ports import AuditFault, AuditFaultKind
from reconciler.store.place import FolderPlace
from tests.store.audits import entry

ENTRIES = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a log with four entries."""
    for number in range(1, ENTRIES + 1):
        FolderPlace(tmp_path).audit.append(entry(number))
    return tmp_path / ".audit"


def fault(folder: Path) -> AuditFault | None:
    return FolderPlace(folder.parent).audit.entries().fault


def path(folder: Path, position: int) -> Path:
    return folder / f"{position:012d}.json"


def members(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all members of a document."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from members(item, (*at, key))
    else:
        yield at


def other(value: Any) -> Any:
    """Another value of the same form."""
    if value == "applied":
        return "refused"
    if value == "ci":
        return "user"
    if isinstance(value, str):
        return value[:-1] + ("a" if value[-1] != "a" else "b")
    return 1 if value is None else value + 1


def changed(data: bytes, at: tuple[Any, ...], *, seal: bool) -> bytes:
    """A record with one other member; `seal` makes its own checksum right again."""
    document = json.loads(data)
    inside = document
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = other(inside[at[-1]])
    return resealed(document) if seal else json_text.canonical(document).encode()


def resealed(document: dict[str, Any]) -> bytes:
    rest = {key: document[key] for key in document if key != "checksum"}
    return json_text.canonical({**rest, "checksum": json_text.checksum(rest)}).encode()


def test_each_member_is_protected(folder: Path) -> None:
    whole = path(folder, 2).read_bytes()
    places = list(members(json.loads(whole)))
    assert len(places) > 20
    for at in places:
        if at == ("format",):
            continue
        path(folder, 2).write_bytes(changed(whole, at, seal=False))
        found = fault(folder)
        assert found is not None and (found.kind, found.position) == (AuditFaultKind.CHANGED, 2), at
        if at in (("checksum",), ("position",)):
            continue
        path(folder, 2).write_bytes(changed(whole, at, seal=True))
        found = fault(folder)
        assert found is not None and found.kind is AuditFaultKind.REPLACED, at
        assert found.position == (2 if at == ("previous",) else 3), at


def test_the_last_entry_is_protected_by_its_own_checksum(folder: Path) -> None:
    whole = path(folder, ENTRIES).read_bytes()
    path(folder, ENTRIES).write_bytes(changed(whole, ("entry", "title"), seal=False))
    found = fault(folder)
    assert found is not None and (found.kind, found.position) == (AuditFaultKind.CHANGED, ENTRIES)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":1,"a":1}', b"0" * 300_000],
)
def test_what_is_no_record_is_a_changed_entry(folder: Path, text: bytes) -> None:
    path(folder, 3).write_bytes(text)
    found = fault(folder)
    assert found is not None and (found.kind, found.position) == (AuditFaultKind.CHANGED, 3)


def test_another_layout_and_another_member_are_a_change(folder: Path) -> None:
    document = json.loads(path(folder, 3).read_bytes())
    path(folder, 3).write_text(json.dumps(document, indent=2))
    assert (found := fault(folder)) is not None and found.kind is AuditFaultKind.CHANGED
    path(folder, 3).write_bytes(resealed({**document, "note": "looks harmless"}))
    assert (found := fault(folder)) is not None and found.kind is AuditFaultKind.CHANGED


def rename(*steps: tuple[int, int]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        texts = {to: path(folder, start).read_bytes() for start, to in steps}
        for position, text in texts.items():
            path(folder, position).write_bytes(text)

    return change


def without(*positions: int) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        for position in positions:
            path(folder, position).unlink()

    return change


def shifted(folder: Path) -> None:
    """Entry 2 is removed, and the later ones close the gap."""
    rename((3, 2), (4, 3))(folder)
    path(folder, 4).unlink()


def shifted_with_numbers(folder: Path) -> None:
    """The same, with the positions in the records corrected."""
    for position in (3, 4):
        document = json.loads(path(folder, position).read_bytes())
        text = resealed({**document, "position": position - 1})
        path(folder, position - 1).write_bytes(text)
    path(folder, 4).unlink()


def beheaded(folder: Path) -> None:
    """The first entry is removed, and the later ones close the gap with corrected positions."""
    for position in (2, 3, 4):
        document = json.loads(path(folder, position).read_bytes())
        path(folder, position - 1).write_bytes(resealed({**document, "position": position - 1}))
    path(folder, 4).unlink()


@pytest.mark.parametrize(
    ("change", "kind", "position"),
    [
        (without(2), AuditFaultKind.MISSING, 2),
        (without(1), AuditFaultKind.MISSING, 1),
        (without(1, 2, 3), AuditFaultKind.MISSING, 1),
        (rename((2, 3), (3, 2)), AuditFaultKind.MOVED, 2),
        (rename((2, 2), (2, 3), (3, 4), (4, 5)), AuditFaultKind.MOVED, 3),
        (rename((1, 5)), AuditFaultKind.MOVED, 5),
        (shifted, AuditFaultKind.MOVED, 2),
        (shifted_with_numbers, AuditFaultKind.REPLACED, 2),
        (beheaded, AuditFaultKind.REPLACED, 1),
    ],
    ids=["removed", "first", "many", "swapped", "inserted", "copied", "gap closed", "renumbered",
         "beheaded"],
)  # fmt: skip
def test_removing_moving_and_inserting_is_found(
    folder: Path, change: Callable[[Path], object], kind: AuditFaultKind, position: int
) -> None:
    change(folder)
    found = fault(folder)
    assert found is not None and (found.kind, found.position) == (kind, position)
    assert str(position) in found.message


def test_a_file_that_is_no_entry_is_named(folder: Path) -> None:
    (folder / "2b.json").write_text("{}")
    found = fault(folder)
    assert found is not None and found.kind is AuditFaultKind.FOREIGN
    assert "2b.json" in found.message


def test_the_first_fault_is_named(folder: Path) -> None:
    (folder / "note.txt").write_text("")
    path(folder, 4).write_bytes(b"")
    path(folder, 2).unlink()
    found = fault(folder)
    assert found is not None and (found.kind, found.position) == (AuditFaultKind.MISSING, 2)


def test_a_cut_end_shows_only_what_was_noted_elsewhere(folder: Path) -> None:
    log = FolderPlace(folder.parent).audit
    before = log.entries()
    last = before.last
    assert last is not None and before.missing_from(last.position, last.hash) is None
    path(folder, 4).unlink()
    after = log.entries()
    assert after.fault is None  # nothing in the log itself can show it
    cut = after.missing_from(last.position, last.hash)
    assert cut is not None and cut.kind is AuditFaultKind.CUT
    log.append(entry(9))
    again = log.entries().missing_from(last.position, last.hash)
    assert again is not None and again.kind is AuditFaultKind.OTHER


def test_a_log_with_a_fault_can_still_be_continued(folder: Path) -> None:
    path(folder, 2).unlink()
    path(folder, 4).write_bytes(b"not a record")
    written = FolderPlace(folder.parent).audit.append(entry(9))
    assert written.position == 5
    trail = FolderPlace(folder.parent).audit.entries()
    assert [record.position for record in trail.records] == [1, 3, 5]
    assert trail.fault is not None and trail.fault.position == 2


def test_a_log_of_a_newer_version_is_not_judged(folder: Path) -> None:
    document = json.loads(path(folder, 4).read_bytes())
    path(folder, 4).write_bytes(resealed({**document, "format": 2, "more": True}))
    with pytest.raises(StateNewer):
        fault(folder)
