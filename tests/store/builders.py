"""States and records for the tests of the store: say only what matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from reconciler.model.ports import Holder, StateWriter
from reconciler.model.state import (
    Deposed,
    Entry,
    Freeze,
    Intent,
    Note,
    OpenIntent,
    Outcome,
    Override,
    Phase,
    Record,
    State,
    StateChange,
)
from reconciler.store.folder_store import FileStore
from reconciler.store.folder_writer import FileWriter

HOLDER = Holder(
    user="kim",
    host="build-7",
    pid=4121,
    command="reconciler apply shop.yaml",
    since=1_763_870_400.0,
)


def open_writer(
    store: FileStore, *, timeout_seconds: float = 0.0, holder: Holder = HOLDER
) -> FileWriter:
    """A writer of the stack `shop`."""
    return store.open(holder, timeout_seconds=timeout_seconds, stack="shop", environment=None)


def intent(sequence: int, *, index: int = 0, inputs: Mapping[str, Any] | None = None) -> Intent:
    """An intent to create one server."""
    address = f"instances.web[{index}]"
    return Intent(
        sequence=sequence,
        run="run-1",
        step=f"instance.create {address}",
        address=address,
        operation="instance.create",
        target=None,
        inputs={"name": f"웹-{index}"} if inputs is None else inputs,
        nonce="abcdefghij23",
        signed=1_763_870_400,
    )


def created(sequence: int, *, of: int, index: int = 0, size: int = 0) -> Outcome:
    """The outcome that a server was made; `size` makes its entry larger."""
    entry = Entry(
        f"instances.web[{index}]",
        "instances",
        f"i-{index}",
        applied={"name": f"웹-{index}", "description": "x" * size},
    )
    return Outcome(sequence, "run-1", of, "done", (StateChange(put=entry),))


def note(sequence: int, *, name: str = "web_ips", value: Any = ("203.0.113.7",)) -> Note:
    """A note that keeps an output."""
    return Note(sequence, "run-1", "output", (StateChange(output=(name, value, None)),))


FREEZE = Freeze("감사 중", "kim@build-7", 1_763_870_400)


def frozen(sequence: int, freeze: Freeze = FREEZE) -> Note:
    """A note that freezes the stack."""
    return Note(sequence, "run-1", "frozen", (StateChange(freeze=freeze),))


def unfrozen(sequence: int) -> Note:
    """A note that ends the freeze."""
    return Note(sequence, "run-1", "unfrozen", (StateChange(unfreeze="kim@build-7"),))


def add_server(writer: StateWriter, index: int, *, size: int = 0) -> None:
    """Intent and outcome of one server."""
    at = writer.state.sequence
    writer.append(intent(at + 1, index=index))
    writer.append(created(at + 2, of=at + 1, index=index, size=size))


def one_of_each() -> State:
    """A state that uses every member."""
    web = Entry(
        address='instances.web["서울"]',
        kind="instances",
        id="i-1",
        applied={
            "name": "웹 서버",
            "size": 2,
            "on": True,
            "keys": ("a", "b"),
            "none": None,
            "ratio": 0.5,
        },
        lookups={"image": {"os:ubuntu:22.04": "img-1"}},
        depends_on=("firewalls.web",),
        protect=("delete", "replace"),
        phase=Phase.INCOMPLETE,
        nonce="abcdefghij23",
        made=1_763_870_400,
        retain=True,
    )
    rule = Entry(address="firewalls.web.rules.https", kind="rules", id="7", parent="3")
    old = Deposed(
        address="instances.db",
        kind="instances",
        id="i-0",
        nonce="zzzzzzzzzz23",
        phase=Phase.DELETING,
    )
    return State(
        lineage="0123456789abcdef",
        serial=7,
        stack="shop",
        environment="prod",
        account="9f41",
        endpoint="https://api.example",
        entries={web.address: web, rule.address: rule},
        deposed={old.id: old},
        open={11: OpenIntent(intent(11)), 12: OpenIntent(intent(12, index=1), "unknown")},
        outputs={
            "ips": (("203.0.113.7", None), None),
            "later": (None, "instances.web is not there"),
        },
        facts={"attach": "replace"},
        sequence=12,
    )


# --- any state, any record ---

words = st.text(max_size=8)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda below: (
        st.lists(below, max_size=3).map(tuple) | st.dictionaries(words, below, max_size=3)
    ),
    max_leaves=6,
)
members = st.dictionaries(words, plain, max_size=3)
whole = st.integers(min_value=0, max_value=2**63 - 1)
several = st.lists(words, max_size=3).map(tuple)

entries = st.builds(
    Entry,
    address=words,
    kind=words,
    id=words,
    applied=members,
    lookups=st.dictionaries(words, st.dictionaries(words, words, max_size=2), max_size=2),
    depends_on=several,
    parent=st.none() | words,
    protect=several,
    phase=st.sampled_from(Phase),
    nonce=st.none() | words,
    made=st.none() | whole,
    retain=st.booleans(),
    stopped=st.booleans(),
)
deposed = st.builds(
    Deposed,
    address=words,
    kind=words,
    id=words,
    nonce=st.none() | words,
    phase=st.sampled_from(Phase),
)
overrides = st.builds(Override, reason=words, by=words, at=whole)
freezes = st.builds(
    Freeze,
    reason=words,
    by=words,
    at=whole,
    overrides=st.lists(overrides, max_size=2).map(tuple),
)
effects = st.one_of(
    st.builds(StateChange, freeze=freezes),
    st.builds(StateChange, unfreeze=words),
    st.builds(StateChange, put=entries),
    st.builds(StateChange, drop=words),
    st.builds(StateChange, depose=deposed),
    st.builds(StateChange, remove_deposed=words),
    st.builds(StateChange, output=st.tuples(words, plain, st.none() | words)),
    st.builds(StateChange, fact=st.tuples(words, words)),
    st.builds(StateChange, missing_since=st.tuples(words, st.none() | st.integers(0, 2**40))),
)
some_effects = st.lists(effects, max_size=3).map(tuple)
intents = st.builds(
    Intent,
    sequence=st.integers(1, 1000),
    run=words,
    step=words,
    address=words,
    operation=words,
    target=st.none() | words,
    inputs=members,
    nonce=st.none() | words,
    signed=whole,
)
records: st.SearchStrategy[Record] = st.one_of(
    intents,
    st.builds(
        Outcome,
        sequence=whole,
        run=words,
        intent=whole,
        result=st.sampled_from(("accepted", "done", "refused", "failed", "unknown")),
        effects=some_effects,
        code=st.none() | words,
    ),
    st.builds(
        Note,
        sequence=whole,
        run=words,
        reason=words,
        effects=some_effects,
        settles=st.none() | whole,
    ),
)
states = st.builds(
    State,
    lineage=st.text(min_size=1, max_size=8),
    serial=st.integers(1, 2**40),
    stack=words,
    environment=st.none() | words,
    account=st.none() | words,
    endpoint=st.none() | words,
    entries=st.lists(entries, max_size=3).map(
        lambda found: {entry.address: entry for entry in found}
    ),
    deposed=st.lists(deposed, max_size=2).map(lambda found: {old.id: old for old in found}),
    open=st.lists(
        st.tuples(intents, st.sampled_from((None, "accepted", "unknown"))), max_size=2
    ).map(lambda found: {pair[0].sequence: OpenIntent(*pair) for pair in found}),
    outputs=st.dictionaries(words, st.tuples(plain, st.none() | words), max_size=2),
    facts=st.dictionaries(words, words, max_size=2),
    missing_since=st.dictionaries(words, st.integers(0, 2**40), max_size=2),
    frozen=st.none() | freezes,
    sequence=st.integers(1000, 2**40),
)
