"""`doctor --contract` and `simulator serve --like` at the command line."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.simulator import Cloud, SimulatorServer
from tests.cli.sessions import SCALE, SCHEMAS, WEB, Terminal, begin, call
from tests.contract.canaries import canaries_in, canary_world

REPORT = "contract-report.json"


@contextmanager
def served(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, time_scale: float = 3000
) -> Iterator[Cloud]:
    """An account of canaries behind a real endpoint, with keys that are canaries too."""
    begin(monkeypatch, folder, {"web.yaml": WEB})
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(folder / name))
    cloud = Cloud(
        canary_world(),
        access_key="canary-key-0123456789",
        secret_key="canary-secret-01234567",
        time_scale=time_scale,
    )
    with SimulatorServer(cloud) as server:
        monkeypatch.delenv("RECONCILER_SIMULATE")
        monkeypatch.setenv("RECONCILER_TIME_SCALE", str(time_scale))
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield cloud


def written(folder: Path) -> str:
    """Every file that a command left, its name included."""
    return "\n".join(
        f"{path.relative_to(folder)}\n{path.read_text(encoding='utf-8', errors='replace')}"
        for path in folder.rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize(
    ("language", "firewall_api", "options"),
    [
        ("en", "security-groups", ("-v",)),
        ("ko", "firewall", ("--format", "json")),
        ("ko", "security-groups", ("--no-catalogue",)),
        ("en", "firewall", ("--write-probe", "--budget", "1000")),
    ],
)
def test_no_canary_reaches_screen_or_disk(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    language: str,
    firewall_api: str,
    options: tuple[str, ...],
) -> None:
    monkeypatch.setenv("RECONCILER_LANG", language)
    monkeypatch.setenv("IWINV_FIREWALL_API", firewall_api)
    with served(monkeypatch, tmp_path):
        code, out, err = call(
            capfd, "doctor", "--contract", "--yes", "--refusals", "--out", "r.json", *options
        )

    assert code == 0
    assert canaries_in(out + err + written(tmp_path)) == []
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    schema = json.loads((SCHEMAS / "contract.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(report)
    assert {"stale_stamp", "wrong_signature"} <= {each["check"] for each in report["checks"]}
    assert ("catalog_code" in json.dumps(report)) == ("--no-catalogue" not in options)


def test_a_report_is_shown_in_full_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    code, out, err = call(capsys, "doctor", "--contract", "--yes")

    text = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert code == 0
    assert text in out
    assert "reads in under two minutes" in err


def test_a_report_never_replaces_a_file_without_a_question(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, REPORT: "mine"})
    code, _, err = call(capsys, "doctor", "--contract", "--yes")

    assert (code, (tmp_path / REPORT).read_text()) == (64, "mine")
    assert "already exists" in err
    assert not list(tmp_path.rglob("world.json"))  # nothing was sent


def test_a_report_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    for name in ("r" * 300, "none/r.json"):
        code, _, err = call(capsys, "doctor", "--contract", "--yes", "--out", name)
        assert code != 0
        assert "Traceback" not in err
    assert not list(tmp_path.glob("*r*.json*"))


def test_nobody_who_could_be_asked_is_no_consent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    code, _, err = call(capsys, "doctor", "--contract")

    assert code == 4
    assert "reconciler doctor --simulate --contract --yes" in err


def test_an_answer_of_no_sends_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    terminal = Terminal("doctor", "--contract")
    terminal.until("or no to cancel:")
    terminal.type("no\n")
    terminal.until("Cancelled. Nothing was sent.")
    assert terminal.end() == 4

    assert not (tmp_path / REPORT).exists()


def test_a_file_that_is_not_a_report_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, "bad.json": "[" * 100_000})
    for name in ("bad.json", "missing.json", "."):
        code, _, err = call(capsys, "doctor", "--contract", "--read", name)
        assert code in (1, 64), err
        assert "Traceback" not in err


def test_a_report_names_the_sections_that_it_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    call(capsys, "doctor", "--contract", "--yes")
    code, out, _ = call(capsys, "doctor", "--contract", "--read", REPORT)

    assert code == 0
    assert "contract#absence  an instance that does not exist" in out
    assert "[live, report " in out


def test_an_endpoint_that_cannot_be_reached_ends_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    monkeypatch.delenv("RECONCILER_SIMULATE")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("IWINV_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("IWINV_ACCESS_KEY", "key")
    monkeypatch.setenv("IWINV_SECRET_KEY", "secret")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    code, _, err = call(capsys, "doctor", "--contract", "--yes")

    assert code == 1
    assert "cannot be reached" in err


def test_a_refused_key_stops_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(monkeypatch, tmp_path) as cloud:
        monkeypatch.setenv("IWINV_SECRET_KEY", "another-secret")
        code, out, _ = call(capsys, "doctor", "--contract", "--yes")
        sent = len(cloud.entries())

    assert (code, out, sent) == (5, "", 1)


def test_options_of_the_contract_need_contract(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    code, _, err = call(capsys, "doctor", "--refusals")

    assert code == 64
    assert "--refusals works only with --contract" in err


def test_a_429_is_provoked_and_described(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(monkeypatch, tmp_path, time_scale=1) as cloud:
        cloud.set_switches({"rate_body": "envelope", "retry_after": "off"})
        code, out, err = call(capsys, "doctor", "--contract", "--yes", "--provoke-429")

    assert code == 0
    report = json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))
    found = next(each for each in report["checks"] if each["check"] == "too_many")
    assert (found["verdict"], found["facts"]["body"]) == ("settles", "envelope")
    assert found["facts"]["retry_after"] is False
    assert canaries_in(out + err) == []


def test_a_local_cloud_resembles_a_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(monkeypatch, tmp_path) as cloud:
        cloud.set_switches({"default_fields": 15, "old_firewall_paths": "off"})
        call(capsys, "doctor", "--contract", "--yes")
    like = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "simulator", "serve", "--like", REPORT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert like.stdout is not None and like.stderr is not None
    try:
        assert like.stdout.readline().startswith("export IWINV_ENDPOINT=")
    finally:
        like.terminate()
        _, shown = like.communicate(timeout=30)

    assert "default_fields=15" in shown
    assert "old_firewall_paths=off" in shown
    assert "Without a switch:" in shown


def test_a_write_probe_asks_for_each_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    terminal = Terminal("doctor", "--contract", "--write-probe", "--budget", "1000", *SCALE)
    for question, answer in (
        ("send these reads, or no to cancel:", "yes"),
        ("one firewall with one rule (free), or no:", "yes"),
        ("a day without VAT) with one block storage of 10 GB, or no:", "no"),
        ("write this to contract-report.json, or no:", "yes"),
    ):
        terminal.until(question)
        terminal.type(f"{answer}\n")

    assert terminal.end() == 0
    report = json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))
    found = {each["check"]: each["verdict"] for each in report["checks"]}
    assert found["probe_firewall"] == found["probe_text"] == "as-documented"
    assert "probe_receipt" not in found


def test_a_server_beyond_the_budget_is_not_created(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    probe = ("doctor", "--contract", "--write-probe", "--budget", "1", "--yes", *SCALE)
    code, _, err = call(capsys, *probe)

    assert code == 4
    assert "allow it with --budget 220" in err
    assert "instances" not in (tmp_path / "reconciler-probe" / "stack.yaml").read_text()
    assert (tmp_path / REPORT).exists()


def test_a_write_probe_without_a_person_needs_yes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    assert call(capsys, "doctor", "--contract", "--write-probe")[0] == 4
    assert call(capsys, "doctor", "--contract", "--budget", "5", "--yes")[0] == 64
    assert not (tmp_path / "reconciler-probe").exists()


def test_a_write_probe_spares_a_folder_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, "reconciler-probe/stack.yaml": WEB})
    code, _, err = call(capsys, "doctor", "--contract", "--write-probe", "--yes")

    assert code == 64
    assert "is not the folder of a probe" in err
    assert (tmp_path / "reconciler-probe" / "stack.yaml").read_text() == WEB
