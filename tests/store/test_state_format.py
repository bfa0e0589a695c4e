"""The text of states and records: identity there and back, and nothing but a documented refusal for
any other bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.ports import StateDamaged, StateNewer
from reconciler.model.state import Note, Outcome, Record, State, StateChange, fold
from reconciler.store.journal import Header, decode_journal, encode_line
from reconciler.store.state_format import (
    HINT_DAMAGED,
    Moment,
    Snapshot,
    decode_record,
    decode_snapshot,
    encode_record,
    encode_snapshot,
)
from tests import extent
from tests.doubles.memory_store import MemoryDisk, MemoryStore
from tests.store.builders import created, intent, note, one_of_each, records, states

GOLDEN = Path(__file__).parent / "golden"


@settings(max_examples=extent.examples(100), deadline=None)
@given(state=states, moment=st.sampled_from(Moment))
def test_a_state_comes_back_as_it_was(state: State, moment: Moment) -> None:
    data = encode_snapshot(Snapshot(state, moment))
    found = decode_snapshot(data)
    assert found == Snapshot(state, moment)
    assert encode_snapshot(found) == data


@settings(max_examples=extent.examples(100), deadline=None)
@given(record=records)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    data = encode_record(record)
    assert b"\n" not in data and b"\0" not in data
    assert decode_record(data) == record


def test_what_comes_back_is_frozen() -> None:
    found = decode_snapshot(encode_snapshot(Snapshot(one_of_each()))).state
    with pytest.raises(TypeError):
        found.entries["x"] = None  # type: ignore[index]
    with pytest.raises(TypeError):
        found.entries['instances.web["서울"]'].applied["name"] = "x"  # type: ignore[index]


def test_the_same_state_is_the_same_bytes_in_whatever_order_it_was_made() -> None:
    state = one_of_each()
    turned = replace(
        state,
        entries=dict(reversed([*state.entries.items()])),
        open=dict(reversed([*state.open.items()])),
    )
    assert encode_snapshot(Snapshot(turned)) == encode_snapshot(Snapshot(state))


def test_korean_text_is_written_unescaped() -> None:
    assert "웹 서버".encode() in encode_snapshot(Snapshot(one_of_each()))


def test_an_object_is_one_line() -> None:
    lines = encode_snapshot(Snapshot(one_of_each())).decode().splitlines()
    assert sum('"kind":' in line for line in lines) == 3


def test_half_a_character_pair_from_outside_costs_no_record() -> None:
    """Goal: an answer may hold text that UTF-8 cannot; its record must not be lost for that."""
    record = Note(1, "r", "output", (StateChange(output=("a", "x\ud800y", None)),))
    data = encode_record(record)
    assert data.decode("ascii") and decode_record(data) == record
    state = fold(one_of_each(), [replace(record, sequence=13)])
    assert decode_snapshot(encode_snapshot(Snapshot(state))).state == state


def seal(document: dict[str, Any]) -> bytes:
    """A document with a right checksum, so that only its meaning can be wrong."""
    body = json.dumps(document).encode()[:-1] + b",\n"
    return body + b'"checksum": "sha256:' + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


def whole() -> dict[str, Any]:
    """The document of a state that uses every member."""
    found: dict[str, Any] = json.loads(encode_snapshot(Snapshot(one_of_each())))
    del found["checksum"]
    return found


def test_members_of_a_newer_minor_version_are_passed_over() -> None:
    document = whole()
    document["colour"] = {"deep": [1, 2]}
    document["entries"]["firewalls.web.rules.https"]["mood"] = "new"
    assert decode_snapshot(seal(document)).state == one_of_each()


WRONG: list[tuple[str, list[str], Any]] = [
    ("no format", ["format"], None),
    ("a format that never was", ["format"], 0),
    ("a format that is a truth", ["format"], True),
    ("no lineage", ["lineage"], ""),
    ("a serial below one", ["serial"], 0),
    ("a serial beyond counting", ["serial"], 2**80),
    ("a serial with a fraction", ["serial"], 1.5),
    ("an unknown moment", ["moment"], "later"),
    ("entries that are a list", ["entries"], []),
    ("an entry that is a text", ["entries", "firewalls.web.rules.https"], "x"),
    ("an entry without id", ["entries", "firewalls.web.rules.https", "id"], None),
    ("an id that is a number", ["entries", "firewalls.web.rules.https", "id"], 7),
    ("an unknown phase", ["entries", "firewalls.web.rules.https", "phase"], "sleeping"),
    ("a phase that is a list", ["entries", "firewalls.web.rules.https", "phase"], []),
    ("protection that is a text", ["entries", "firewalls.web.rules.https", "protect"], "delete"),
    ("protection of numbers", ["entries", "firewalls.web.rules.https", "protect"], [1]),
    (
        "a lookup that gave a number",
        ["entries", "firewalls.web.rules.https", "lookups"],
        {"image": {"a": 1}},
    ),
    ("applied values that are a list", ["entries", "firewalls.web.rules.https", "applied"], []),
    ("a birth before time", ["entries", "firewalls.web.rules.https", "made"], -1),
    ("a deposed object that is null", ["deposed", "i-0"], None),
    ("an open intent under another number", ["open", "10"], {"intent": {}, "last": None}),
    ("an open intent that is settled", ["open", "11", "last"], "done"),
    ("an open intent that is a note", ["open", "11", "intent", "type"], "note"),
    ("a sequence before its open intents", ["sequence"], 1),
    ("an output without reason", ["outputs", "ips"], ["x"]),
    ("a fact that is a number", ["facts", "attach"], 1),
    ("a look without a time", ["looks"], {"i-1": "yesterday"}),
    ("an endpoint that is a list", ["endpoint"], []),
]


@pytest.mark.parametrize(
    ("path", "value"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_state_with_a_wrong_meaning_is_damage(path: list[str], value: Any) -> None:
    document = whole()
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(StateDamaged) as caught:
        decode_snapshot(seal(document), name="state.json")
    assert "state.json" in str(caught.value) and caught.value.hint == HINT_DAMAGED


BYTES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("zeros", bytes(1000)),
    ("not UTF-8", b"\xff\xfe{}"),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
    ("a list", b"[]"),
    ("a number", b"7"),
    ("nested without end", b"[" * 200_000),
    ("objects without end", b'{"a":' * 200_000),
    ("a number without end", b'{"format":' + b"9" * 100_000 + b"}"),
    ("not a JSON number", b'{"format":NaN}'),
    ("a number out of range", b'{"format":1e999}'),
    ("no checksum", b'{"format":1}'),
]


@pytest.mark.parametrize("data", [row[1] for row in BYTES], ids=[row[0] for row in BYTES])
def test_bytes_that_are_not_a_state_are_damage(data: bytes) -> None:
    with pytest.raises(StateDamaged):
        decode_snapshot(data)
    with pytest.raises(StateDamaged):
        decode_record(data)
    with pytest.raises(StateDamaged):
        decode_journal(data)
    with pytest.raises(StateDamaged):
        decode_journal(encode_line(data))


def test_values_nested_deeper_than_any_of_ours_are_damage() -> None:
    document = whole()
    for _ in range(100):
        document["outputs"]["ips"] = [document["outputs"]["ips"], None]
    with pytest.raises(StateDamaged, match="deep"):
        decode_snapshot(seal(document))


def test_a_single_changed_byte_never_passes() -> None:
    """Goal: bit rot and hands in the file are seen, wherever they strike."""
    data = encode_snapshot(Snapshot(one_of_each()))
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x01
        try:
            found = decode_snapshot(bytes(changed))
        except (StateDamaged, StateNewer):
            continue
        raise AssertionError(f"byte {place} changed and {found} was read")


@settings(max_examples=extent.examples(150), deadline=None)
@given(data=st.binary(max_size=200), place=st.integers(0, 2000), document=st.booleans())
def test_any_bytes_give_a_value_or_a_documented_refusal(
    data: bytes, place: int, document: bool
) -> None:
    base = encode_snapshot(Snapshot(one_of_each())) if document else golden_journal()
    base = base[:place] + data + base[place + len(data) :]
    for decode in (decode_snapshot, decode_record, decode_journal):
        for candidate in (base, data, encode_line(data)):
            try:
                decode(candidate)
            except (StateDamaged, StateNewer) as error:
                assert error.hint


plain_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(("intent", "note", "outcome", "done")),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(sorted(whole())), below, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=extent.examples(150), deadline=None)
@given(member=st.sampled_from(sorted(whole())), value=plain_json)
def test_any_value_in_any_member_gives_a_state_or_a_refusal(member: str, value: object) -> None:
    document = whole()
    document[member] = value
    try:
        found = decode_snapshot(seal(document))
    except (StateDamaged, StateNewer):
        return
    assert decode_snapshot(encode_snapshot(found)) == found


# --- format 1, kept for the versions to come ---


def golden_state() -> Snapshot:
    """What golden/state-1.json holds."""
    return Snapshot(one_of_each(), Moment.START)


def golden_records() -> tuple[Record, ...]:
    """What golden/journal-1 holds."""
    effects = (
        StateChange(drop="instances.old"),
        StateChange(remove_deposed="i-0"),
        StateChange(fact=("marker", "unproved")),
    )
    return (
        intent(13, index=2),
        Outcome(14, "run-1", 13, "accepted"),
        created(15, of=13, index=2),
        Outcome(16, "run-1", 12, "refused", code="IN_USE"),
        note(17),
        Note(18, "run-1", "settled by evidence", effects, settles=11),
    )


def golden_journal() -> bytes:
    """The bytes of golden/journal-1: as a writer leaves them, without the room behind."""
    state = one_of_each()
    header = {
        "format": 1,
        "lineage": state.lineage,
        "serial": state.serial,
        "sequence": state.sequence,
    }
    lines = [
        json.dumps(header, separators=(",", ":"), sort_keys=True).encode(),
        *map(encode_record, golden_records()),
    ]
    return b"".join(map(encode_line, lines))


def test_the_kept_files_of_format_one_are_read() -> None:
    """Goal: a file that once was written is read for ever. Never renew these files: add new ones
    beside them.
    """
    assert decode_snapshot((GOLDEN / "state-1.json").read_bytes()) == golden_state()
    journal = decode_journal((GOLDEN / "journal-1").read_bytes())
    assert journal.header == Header("0123456789abcdef", 7, 12)
    assert journal.records == golden_records() and not journal.torn


def test_this_version_writes_format_one_to_the_byte() -> None:
    """Goal: a change of the format is a decision. Within format 1 a new member may change these
    bytes: then say so here.

    Since `effects` of intents: `state-1-effects.json` and `journal-1-effects`, beside the files
    without them.
    """
    assert encode_snapshot(golden_state()) == (GOLDEN / "state-1-effects.json").read_bytes()
    assert golden_journal() == (GOLDEN / "journal-1-effects").read_bytes()


def test_the_kept_files_make_one_state() -> None:
    disk = MemoryDisk()
    store = MemoryStore(disk)
    disk.put(store.folder / "state.json", (GOLDEN / "state-1.json").read_bytes())
    disk.put(store.folder / "journal", (GOLDEN / "journal-1").read_bytes() + bytes(500))
    assert store.read() == fold(one_of_each(), golden_records())


GIT = {
    "conflict": (
        b"<<<<<<< HEAD\n%s\n=======\n%s\n>>>>>>> theirs\n",
        "conflict markers",
        "git checkout --ours -- state/shop",
    ),
    "line endings": (None, "Windows line endings", "sed -i 's/\\r$//' state/shop/"),
}


@pytest.mark.parametrize(("frame", "why", "hint"), GIT.values(), ids=GIT.keys())
def test_what_git_did_to_a_state_or_journal_is_named_with_the_way_back(
    frame: bytes | None, why: str, hint: str
) -> None:
    state = encode_snapshot(Snapshot(one_of_each()))
    journal = encode_line(b'{"format": 1, "lineage": "x", "serial": 1, "sequence": 0}')
    for decode, data, name in (
        (decode_snapshot, state, "state.json"),
        (decode_journal, journal, "journal"),
    ):
        broken = data.replace(b"\n", b"\r\n") if frame is None else frame % (data, data)
        with pytest.raises(StateDamaged) as found:
            decode(broken, name=f"state/shop/{name}")
        assert why in str(found.value) and hint in (found.value.hint or "")
