"""A state as a whole: copied out and in, its history, and moved to another place."""

from __future__ import annotations

import io
import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli import composition
from reconciler.model.ports import Arrival, Locked
from reconciler.model.state import Note, State, StateChange
from reconciler.store.folder_store import FileStore
from tests.cli.sessions import begin, call, validator
from tests.store.builders import HOLDER, add_server, intent

STACK = "version: 1\nstack: shop\n"
ENVIRONMENTS = STACK + "environments: {prod: {}, staging: {}}\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"shop.yaml": STACK})
    monkeypatch.delenv("RECONCILER_SIMULATE")


def store(place: str = "state", environment: str | None = None) -> FileStore:
    name = "shop" if environment is None else f"shop.{environment}"
    return FileStore(Path(place) / name)


def put(index: int = 0, *, environment: str | None = None, lasting: bool = True) -> None:
    """Adds a server to the state; without `lasting`, its request stays open."""
    writer = store(environment=environment).open(
        HOLDER, timeout_seconds=0.0, stack="shop", environment=environment
    )
    if lasting:
        add_server(writer, index)
    else:
        writer.append(intent(writer.state.sequence + 1, index=index))
    writer.commit()
    writer.close()


def state(place: str = "state", environment: str | None = None) -> State:
    found = store(place, environment).read()
    assert found is not None
    return found


def test_a_pulled_copy_is_the_state_and_brings_it_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call(capsys, "state", "pull")
    assert (code, out) == (1, "") and "shop has no state in state/shop" in err
    put()
    put(1, lasting=False)
    code, out, err = call(capsys, "state", "pull")
    assert (code, err) == (0, "") and out.encode() == composition.state_text(state())
    assert composition.state_of(out.encode(), "out") == state()
    Path("shop.json").write_text(out, encoding="utf-8")
    before = state()
    Path("state").rename("lost")
    assert call(capsys, "state", "push", "shop.json")[0] == 4
    code, out, _ = call(capsys, "state", "push", "shop.json", "--yes")
    assert code == 0 and "+  instances.web[0]: managed from now on" in out
    assert state().serial == before.serial + 1 and state().open == before.open
    assert "has this content" in call(capsys, "state", "push", "shop.json")[1]
    data = Path("shop.json").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert "has this content" in call(capsys, "state", "push", "-")[1]


def other(**members: object) -> bytes:
    """A copy of the state that differs in these members."""
    return composition.state_text(replace(state(), **members))  # type: ignore[arg-type]


def test_a_copy_that_does_not_continue_the_state_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put()
    put(1, lasting=False)
    now = state().serial
    copies: Mapping[str, tuple[bytes, str]] = {
        "lineage": (other(lineage="x" * 24, serial=99), "its lineage is another one"),
        "stack": (other(stack="store", serial=99), "is the state of store"),
        "environment": (other(environment="prod", serial=99), "is the state of shop/prod"),
        "older": (other(serial=now - 1, outputs={"a": (1, None)}), "the file is older"),
        "equal": (other(outputs={"a": (1, None)}), "but other content"),
        "open": (other(open={}, serial=99), "requests without a known outcome"),
        "damaged": (other(serial=99).replace(b"web", b"wob"), "the checksum does not match"),
        "newer": (other().replace(b'"format": 1', b'"format": 9'), "is of format 9"),
        "text": (b"hello", "cannot be read"),
    }
    for name, (data, text) in copies.items():
        Path("copy.json").write_bytes(data)
        code, out, err = call(capsys, "state", "push", "copy.json", "--yes")
        assert code in (1, 4) and out == "" and text in err, (name, err)
    assert call(capsys, "state", "push", "none.json", "--yes")[0] == 1
    Path("copy.json").write_bytes(other(serial=99, entries={}))
    before = state()
    code, out, _ = call(capsys, "state", "push", "copy.json", "--yes")
    assert code == 0 and "x  instances.web[0]: no longer managed" in out
    assert state().serial == 100 and state().open == before.open
    undone = store().before_last_run()
    assert undone is not None and undone.entries == before.entries


def test_a_push_waits_for_nobody_who_works(capsys: pytest.CaptureFixture[str]) -> None:
    put()
    Path("copy.json").write_bytes(other(serial=99))
    writer = store().open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
    try:
        code, _, err = call(capsys, "state", "push", "copy.json", "--yes")
    finally:
        writer.close()
    assert code == 6 and "kim on build-7" in err


def test_kept_states_are_listed_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no state is kept" in call(capsys, "state", "history")[1]
    put()
    put(1)
    code, out, _ = call(capsys, "state", "history")
    rows = [line.split()[0] for line in out.splitlines()[1:]]
    assert code == 0 and rows == ["4", "3", "2", "1"] and "KST" in out
    document = json.loads(call(capsys, "state", "history", "--format", "json")[1])
    validator("history").validate(document)
    assert [row["serial"] for row in document["states"]] == [4, 3, 2, 1]


# state move --to PLACE
# ---------------------------------------------------------------------------------------------------------------------------------


def test_all_environments_move_and_the_way_there_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("shop.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    put(environment="prod")
    put(1, environment="staging")
    before = {each: state(environment=each) for each in ("prod", "staging")}
    assert call(capsys, "state", "move", "--to", "there")[0] == 4
    code, out, _ = call(capsys, "state", "move", "--to", "there", "--yes")
    line = next(line for line in out.splitlines() if "export" in line)
    assert code == 0 and shlex.split(line) == ["export", f"RECONCILER_STATE={tmp_path / 'there'}"]
    for name, found in before.items():
        assert state("there", name).entries == found.entries
        assert state("there", name).serial == found.serial + 1
        code, _, err = call(capsys, "state", "list", "--env", name)
        assert code == 4 and f"RECONCILER_STATE={tmp_path / 'there'}" in err
    assert "Nothing to move" in call(capsys, "state", "move", "--to", "./there/", "--yes")[1]
    monkeypatch.setenv("RECONCILER_STATE", str(tmp_path / "there"))
    assert "instances.web[0]" in call(capsys, "state", "list", "--env", "prod")[1]
    code, out, _ = call(capsys, "state", "move", "--to", "state", "--env", "prod", "--yes")
    assert code == 0 and "Still in" in out and "staging" in out
    assert state(environment="prod").serial == before["prod"].serial + 2


def test_what_cannot_be_moved_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = call(capsys, "state", "move", "--to", "there", "--yes")
    assert code == 1 and "shop has no state in state" in err
    put()
    usage = (
        (("--to", "state"), "already in"),
        (("--to", "shop.yaml"), "is a stack"),
        (("--to", "there", "--simulate"), "stays with it"),
        (("--to", "there", "--as", "instances.x"), "need an ADDRESS"),
    )
    for words, text in usage:
        code, _, err = call(capsys, "state", "move", *words)
        assert code == 64 and text in err, err
    writer = store("there").open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
    writer.append(Note(1, "run", "x", (StateChange(output=("a", 1, None)),)))
    writer.commit()
    writer.close()
    code, _, err = call(capsys, "state", "move", "--to", "there", "--yes")
    assert code == 4 and "has another state of shop" in err
    Path("copied").mkdir()
    Path("copied/shop").mkdir()
    Path("copied/shop/state.json").write_bytes(Path("state/shop/state.json").read_bytes())
    code, _, err = call(capsys, "state", "move", "--to", "copied", "--yes")
    assert code == 4 and "already has this state" in err
    with pytest.raises(Locked):
        holding = store().open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
        try:
            code, _, err = call(capsys, "state", "move", "--to", "new", "--yes")
            assert code == 6 and "kim on build-7" in err
            store().open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
        finally:
            holding.close()


def test_an_interrupted_move_is_completed_by_the_command_that_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put()
    monkeypatch.setattr(
        FileStore, "complete", lambda *words: (_ for _ in ()).throw(Locked("x", holder=None))
    )
    assert call(capsys, "state", "move", "--to", "there", "--yes")[0] == 6
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_STATE", str(tmp_path / "there"))
    code, _, err = call(capsys, "state", "list")
    assert code == 4 and "being moved here" in err
    words = shlex.split(err.partition("run that command again: ")[2])
    name, _, place = words[0].partition("=")
    monkeypatch.setenv(name, place)
    assert words[1] == "reconciler" and call(capsys, *words[2:], "--yes")[0] == 0
    assert state("there").entries.keys() == {"instances.web[0]"}


def test_every_command_says_where_a_state_went(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put()
    assert call(capsys, "state", "move", "--to", "there", "--yes")[0] == 0
    commands = (
        "state list|state pull|state unlock --yes|state move --to elsewhere --yes|output|"
        "show instances.web[0]|state forget instances.web[0] --yes|recover|plan|state history"
    )
    for command in commands.split("|"):
        code, out, err = call(capsys, *command.split())
        assert code in ((0,) if command == "state history" else (4, 5)), (command, out, err)
        if code != 5:  # without a key, the account comes first
            assert f"export RECONCILER_STATE={tmp_path / 'there'}" in out + err, (command, err)


def test_a_state_whose_origin_is_lost_is_used_with_consent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put()
    now, origin = state(), str(tmp_path / "state")
    arrival = Arrival(replace(now, serial=now.serial + 1), origin)
    store("there").receive(arrival, HOLDER, instead_of=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECONCILER_STATE", str(tmp_path / "there"))
        for words in (("state", "list"), ("state", "unlock", "--yes")):
            code, _, err = call(capsys, *words)
            assert code == 4 and f"RECONCILER_STATE={origin} reconciler state move --to" in err
        assert "reconciler state unlock" in err and "--origin-lost" in err
        code, _, err = call(capsys, "state", "unlock", "--origin-lost", "--yes")
        assert code == 4 and "is not lost" in err and f"RECONCILER_STATE={origin}" in err
        json_of_state = Path("state/shop/state.json")
        before = json_of_state.read_bytes()
        json_of_state.write_bytes(b"{")
        code, _, err = call(capsys, "state", "unlock", "--origin-lost", "--yes")
        assert code == 4 and "cannot be read" in err and store("there").transit() == arrival
        json_of_state.write_bytes(before)
        shutil.copytree("state", "copy")
        with pytest.MonkeyPatch.context() as elsewhere:
            elsewhere.setenv("RECONCILER_STATE", origin)
            assert call(capsys, "state", "move", "--to", "third", "--yes")[0] == 0
        code, _, err = call(capsys, "state", "unlock", "--origin-lost", "--yes")
        assert code == 4 and "the state was moved to" in err and "third" in err
        shutil.rmtree("state")
        Path("copy").rename("state")
        Path("state").rename("gone")
        code, out, err = call(capsys, "state", "unlock", "--origin-lost")
        assert code == 4 and "there are two states" in out and store("there").transit() == arrival
        code, out, _ = call(capsys, "state", "unlock", "--origin-lost", "--yes")
        assert code == 0 and state("there") == arrival.state
        code, out, _ = call(capsys, "state", "unlock", "--origin-lost", "--yes")
        assert code == 0 and "no move to this place is incomplete" in out
    Path("gone").rename("state")
    code, _, err = call(capsys, "state", "move", "--to", "there", "--yes")
    assert code == 4 and "already has this state" in err
