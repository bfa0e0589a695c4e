"""Objects move to another stack: nothing is created, changed or deleted by it, and each of the two
stacks goes on with what it has.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.model.ports import RecordFailed
from reconciler.recovery import hand_over
from reconciler.store.folder_writer import FileWriter
from tests.cli.sessions import SCALE, begin, call

HEAD = """\
version: 1
stack: {name}
defaults: {{instances: {{zone: kr1-z01, flavor: std_1.2-g1, image: {{os: ubuntu, version: "22.04"}}, ssh_keys: [deploy]}}}}
"""
WALL = "firewalls: {w: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}}\n"
DISK = "block_storages: {d: {instance: a, size: 10, type: ssd}}\n"
ALL = WALL + DISK + "instances: {a: {firewall: w}, b: {description: user text}}\n"
REST = "instances: {b: {description: user text}}\n"
MOVED = WALL + DISK + "instances: {a: {firewall: w}}\n"
WHAT = ("firewalls.w", "instances.a", "block_storages.d")
RISKS = ("--accept", "delete", "--accept", "data-loss")


def write(file: str, name: str, text: str) -> None:
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(HEAD.format(name=name) + text, encoding="utf-8")


@pytest.fixture(autouse=True)
def applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack `shop`, applied on the local cloud."""
    begin(monkeypatch, tmp_path)
    write("shop.yaml", "shop", ALL)
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code, out, err = call(capsys, *words)
    return code, out + err


def ids() -> set[str]:
    """The ids of all instances, block storages and firewalls of the local cloud."""
    world = json.loads(next(Path().rglob("world.json")).read_text(encoding="utf-8"))
    texts = json.dumps(
        [world[kind] for kind in world if kind in ("instances", "block_storages", "firewalls")]
    )
    return set(re.findall(r'"((?:INSTANCE|BLOCKSTORAGE|FIREWALL)-\w+)"', texts))


def edit_both() -> None:
    write("shop.yaml", "shop", REST)
    write("data.yaml", "data", MOVED)


def test_both_stacks_go_on_with_what_they_have(capsys: pytest.CaptureFixture[str]) -> None:
    before = ids()
    edit_both()
    move = ("state", "move", *WHAT, "--to", "data.yaml", "shop.yaml")
    code, said = run(capsys, *move)
    assert code == 4 and "add --yes to move it" in said
    code, said = run(capsys, *move, "--yes")
    assert code == 0 and "instances.a -> data  instances.a" in said
    code, said = run(capsys, *move, "--yes")
    assert code == 0 and "Nothing to move" in said
    for file in ("shop.yaml", "data.yaml"):
        code, said = run(capsys, "plan", file)
        assert code == 0 and "error" not in said and "warning" not in said
        assert run(capsys, "apply", file, "--yes", *SCALE)[0] == 0
        assert run(capsys, "plan", file, "--detailed-exitcode")[0] == 0
        assert run(capsys, "drift", file, "--detailed-exitcode")[0] == 0
    assert ids() == before
    assert run(capsys, "destroy", "shop.yaml", "--yes", *RISKS, *SCALE)[0] == 0
    assert run(capsys, "plan", "data.yaml", "--detailed-exitcode")[0] == 0
    assert run(capsys, "destroy", "data.yaml", "--yes", *RISKS, *SCALE)[0] == 0
    assert not ids() & before


def test_one_firewall_moves_and_the_other_stack_still_uses_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    used = "existing: {firewalls: {w: {name: shop-w}}}\n" + DISK
    write(
        "shop.yaml",
        "shop",
        used + "instances: {a: {firewall: existing.firewalls.w}, b: {description: user text}}\n",
    )
    write("net.yaml", "net", WALL.replace("{w:", "{wall:"))
    move = ("state", "move", "firewalls.w", "--as", "firewalls.wall", "--to", "net.yaml")
    code, said = run(capsys, *move, "shop.yaml", "--yes")
    assert code == 0 and "instances.a refers to firewalls.w" in said, said
    assert run(capsys, "apply", "net.yaml", "--yes", *SCALE)[0] == 0
    for file in ("shop.yaml", "net.yaml"):
        code, said = run(capsys, "plan", file, "--detailed-exitcode")
        assert code == 0 and "drift" not in said, said


def test_what_would_be_created_twice_or_deleted_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("data.yaml", "data", REST)
    write("far/data.yaml", "data", MOVED)
    before = {path: path.read_bytes() for path in Path("state").rglob("state.json")}
    refused = (
        (("instances.a", "--to", "data.yaml"), 1, "the file of shop still contains instances.a"),
        (("instances.a", "--to", "shop.yaml"), 64, "names the same state"),
        (("instances.a", "--to", "missing.yaml"), 1, "missing.yaml"),
        (("instances.a", "--to", "far/data.yaml"), 1, "a local cloud of its own"),
        (("firewalls.w.rules.https", "--to", "data.yaml"), 64, "a rule stays in its firewall"),
        (("instances.a", "--as", "firewalls.a", "--to", "data.yaml"), 64, "the kind must be"),
        ((*WHAT, "--as", "instances.x", "--to", "data.yaml"), 64, "exactly one ADDRESS"),
    )
    for words, exit_code, text in refused:
        code, said = run(capsys, "state", "move", *words, "shop.yaml", "--yes")
        assert (code, text in said) == (exit_code, True), (words, said)
    write("shop.yaml", "shop", REST)
    code, said = run(capsys, "state", "move", *WHAT, "--to", "data.yaml", "shop.yaml", "--yes")
    assert code == 1 and "the file of data does not contain instances.a" in said
    assert {path: path.read_bytes() for path in Path("state").rglob("state.json")} == before


@pytest.mark.parametrize("record", [1, 2, 3, 4, 5])
def test_an_interrupted_move_stops_what_would_duplicate_and_is_completed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, record: int
) -> None:
    edit_both()
    move = ("state", "move", *WHAT, "--to", "data.yaml", "shop.yaml", "--yes")
    counted = []
    append = FileWriter.append

    def failing(self: FileWriter, note: object) -> None:
        counted.append(note)
        if len(counted) > record:
            raise RecordFailed("stopped here")
        append(self, note)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(FileWriter, "append", failing)
        code, _ = run(capsys, *move)
    assert code == (0 if record == 5 else 7)
    for words in (("plan", "data.yaml"), ("apply", "data.yaml", "--yes", *SCALE)):
        code, said = run(capsys, *words)
        if record == 1:
            assert code == 4 and "error[hand-over]" in said and "shop still has it" in said
        else:
            assert code == 0 and "+" not in said.partition("Changes")[2].partition("\n\n")[0]
    assert run(capsys, "plan", "shop.yaml", "--detailed-exitcode")[0] == (2 if record == 1 else 0)
    assert run(capsys, *move)[0] == 0
    assert run(capsys, "apply", "data.yaml", "--yes", *SCALE)[0] == 0
    for file in ("shop.yaml", "data.yaml"):
        assert run(capsys, "plan", file, "--detailed-exitcode")[0] == 0
    states = [path.read_text(encoding="utf-8") for path in Path("state").rglob("state.json")]
    assert not any(hand_over.INCOMING in text or hand_over.OUTGOING in text for text in states)


def test_a_move_that_did_not_happen_can_be_forgotten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_both()
    append = FileWriter.append

    def failing(self: FileWriter, note: object) -> None:
        if self.state.stack == "shop":
            raise RecordFailed("stopped here")
        append(self, note)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(FileWriter, "append", failing)
        assert (
            run(capsys, "state", "move", *WHAT, "--to", "data.yaml", "shop.yaml", "--yes")[0] == 7
        )
    assert run(capsys, "state", "rename-stack", "data", "base", "data.yaml")[0] == 4
    assert run(capsys, "state", "forget", "instances.a", "data.yaml", "--yes")[0] == 0
    write("shop.yaml", "shop", ALL)
    write("data.yaml", "data", "")
    assert run(capsys, "plan", "shop.yaml", "--detailed-exitcode")[0] == 0
