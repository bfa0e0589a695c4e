"""`audit`: the log as people see it, its check, and where it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli import state_places
from reconciler.model.ports.audit_ports import AuditLog, AuditRecord
from reconciler.model.review.audit_entry import ActorKind, AuditActor, AuditedPlan, AuditedRun
from tests.cli.sessions import WEB, begin, call, validator
from tests.store.audits import entry

PROJECT = """\
version: 1
project: shop-infra
stacks:
  shop: {path: shop, environments: [prod, test]}
  web: {path: web.yaml}
"""
SHOP = WEB + "environments: {prod: {}, test: {}}\n"
FIRST = "state/.simulator/.audit/000000000001.json"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    web = WEB.replace("stack: shop", "stack: web")
    begin(
        monkeypatch,
        tmp_path,
        {"reconciler.yaml": PROJECT, "web.yaml": web, "shop/stack.yaml": SHOP},
    )
    (tmp_path / ".git").mkdir()


def log(stack: str = ".", *, simulated: bool = True) -> AuditLog:
    return state_places.audit_log(Path(stack), {}, simulated=simulated)


def fill() -> list[AuditRecord]:
    """Four entries, of two stacks."""
    by_hand = replace(
        entry(3, title="web"),
        actor=AuditActor(ActorKind.USER, "말", "build-7"),
        plan=AuditedPlan(),
        run=AuditedRun(),
    )
    entries = (entry(1), entry(2, title="shop/test"), by_hand, entry(4))
    return [log().append(each) for each in entries]


def test_an_empty_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "audit")[:2] == (0, " The audit log has no entries.\n")
    assert call(capsys, "audit", "--verify")[0] == 0
    code, out, _ = call(capsys, "audit", "--format", "json")
    document = json.loads(out)
    assert code == 0 and document["entries"] == [] and document["last"] is None


def test_the_table_has_the_newest_entry_last(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    code, out, err = call(capsys, "audit")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0 and err == "" and [row[0] for row in rows] == ["NO", "1", "2", "3", "4"]
    assert "shop/prod" in out and "lee, 박" in out and "4f4f4f4f4f4f " in out
    assert "ci apply" in out and "applied" in out and "kim" in out


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    fill()

    def numbers(*arguments: str) -> list[int]:
        code, out, _ = call(capsys, "audit", *arguments, "--format", "json")
        assert code == 0
        return [row["position"] for row in json.loads(out)["entries"]]

    assert numbers() == [1, 2, 3, 4]
    assert numbers("shop") == numbers("shop/stack.yaml") == [1, 2, 4]
    assert numbers("web.yaml", "shop") == [1, 2, 3, 4]
    assert numbers("--env", "prod") == [1, 4]
    assert numbers("shop", "--env", "test") == [2]
    assert numbers("--last", "2") == [3, 4]
    code, out, _ = call(capsys, "audit", "--last", "1")
    assert code == 0 and "3 other entries are not shown." in out


def test_details_have_everything(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    _, out, _ = call(capsys, "audit", "-v", "--env", "prod", "--last", "1")
    for text in (
        "4  shop/prod: ci apply, applied",
        "https://git.example/acme/infra/actions/runs/412",
        "4f" * 32,
        "lee, comment 2871, ",
        "delete, downtime",
        "kim-4, exit code 0, 12 API calls",
        "pull request 41, commit abababababab",
    ):
        assert text in out


def test_the_document_has_whole_entries(capsys: pytest.CaptureFixture[str]) -> None:
    records = fill()
    code, out, _ = call(capsys, "audit", "--format", "json")
    document = json.loads(out)
    validator("audit").validate(document)
    assert code == document["exit_code"] == 0 and document["fault"] is None
    assert document["last"] == {"position": 4, "hash": records[3].hash}
    assert [row["hash"] for row in document["entries"]] == [each.hash for each in records]
    first = document["entries"][0]
    assert first["previous"] is None and first["plan"]["approvals"][1]["person"] == "박"
    assert first["run"] == {"id": "kim-1", "exit_code": 0, "calls": 12}
    assert document["entries"][2]["actor"] == {"kind": "user", "name": "말", "place": "build-7"}


def test_a_whole_log_passes(capsys: pytest.CaptureFixture[str]) -> None:
    last = fill()[-1]
    code, out, err = call(capsys, "audit", "--verify")
    again = f"reconciler audit --verify --expect 4:{last.hash} --simulate"
    assert code == 0 and err == "" and "4 entries" in out and again in out
    assert call(capsys, *again.split()[1:])[0] == 0


def test_a_log_without_entries_is_not_called_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "audit", "--verify")
    assert code == 0 and "The audit log has no entries." in out and "whole" not in out


def test_a_changed_entry_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    path = Path(FIRST)
    path.write_bytes(path.read_bytes().replace(b'"lee"', b'"ann"'))
    code, out, err = call(capsys, "audit", "--verify")
    assert code == 1 and out == ""
    assert "error[audit]" in err and "entry 1 was changed" in err and ".audit" in err
    code, out, _ = call(capsys, "audit", "--verify", "--format", "json")
    document = json.loads(out)
    validator("audit").validate(document)
    assert code == document["exit_code"] == 1
    assert (document["fault"]["kind"], document["fault"]["position"]) == ("changed", 1)
    code, out, err = call(capsys, "audit")
    assert code == 0 and "warning[audit]" in err and "shop/test" in out


def test_a_cut_end_is_found_by_what_was_noted(capsys: pytest.CaptureFixture[str]) -> None:
    last = fill()[-1]
    Path(FIRST.replace("01", "04")).unlink()
    assert call(capsys, "audit", "--verify")[0] == 0
    code, _, err = call(capsys, "audit", "--verify", "--expect", f"4:{last.hash}")
    assert code == 1 and "entry 4 is missing: the end of the log was cut off" in err
    log().append(entry(9))
    code, _, err = call(capsys, "audit", "--verify", "--expect", f"4:{last.hash}")
    assert code == 1 and "entry 4 has another hash" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--expect", f"1:{'0' * 64}"),
        ("--verify", "--expect", "1"),
        ("--verify", "--expect", f"0:{'0' * 64}"),
        ("--verify", "--expect", "1:12"),
        ("--last", "0"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, _, err = call(capsys, "audit", *arguments)
    assert code == 64 and "error[usage]" in err


def test_what_an_entry_spells_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    log().append(replace(entry(1), actor=AuditActor(ActorKind.CI, "::error::x", "a<b>")))
    for arguments in ((), ("-v",)):
        _, out, _ = call(capsys, "audit", *arguments)
        assert "::error::" not in out and "error" in out


def test_there_is_one_log_for_a_project(tmp_path: Path) -> None:
    here = str(tmp_path / "state" / ".audit")
    assert log(".", simulated=False).location == "state/.audit" or (
        str(Path(log(".", simulated=False).location).resolve()) == here
    )
    for stack in ("shop", "shop/stack.yaml", "web.yaml"):
        assert str(Path(log(stack, simulated=False).location).resolve()) == here


def test_a_stack_alone_has_its_log_beside_its_state(tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "reconciler.yaml").write_text("version: 1\nproject: alone\n")
    (alone / "stack.yaml").write_text(WEB)
    found = log("alone/stack.yaml", simulated=False).location
    assert Path(found).resolve() == alone / "state" / ".audit"
    environ = {"RECONCILER_STATE": str(tmp_path / "elsewhere")}
    moved = state_places.audit_log(Path("web.yaml"), environ, simulated=False)
    assert moved.location == str(tmp_path / "elsewhere" / ".audit")
