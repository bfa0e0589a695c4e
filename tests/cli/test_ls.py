"""`ls`: what is there, for people and for programs, with one list for each kind."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from reconciler.cli.console import Console
from reconciler.cli.run_context import Session
from reconciler.cli.subcommands import ls_command
from reconciler.model.resource import EMPTY
from reconciler.planner.estimate.resource_list import LIVE, ListedObject
from reconciler.render import escape
from reconciler.render.documents import resource_rows
from reconciler.render.documents.resource_rows import ResourceListing
from reconciler.render.run.screen import Style
from tests.cli.sessions import WEB, Terminal, apply, begin, call, validator, write

AT = ("--stack", "web.yaml")
PLANNED = WEB.replace(
    "outputs:", "block_storages:\n  data: {type: ssd, size: 10, instance: web}\noutputs:"
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def test_planned_live_and_missing_objects_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "ls", "web.yaml")
    assert [cells(line)[:3] for line in out.splitlines()[1:]] == [
        ["firewalls.web", "shop-web", "planned"],
        ["instances.web", "shop-web", "planned"],
    ]
    apply(capsys)
    write(PLANNED)
    code, out, err = call(capsys, "ls", "web.yaml")
    head, *rows = out.splitlines()
    assert code == 0 and cells(head)[-1] == "KRW a month" and "2 API calls" not in out
    assert cells(rows[0])[2] == "planned" and cells(rows[2])[2:6] == [
        "active",
        "on",
        "std_2.4-g1",
        "kr1-z01",
    ]
    assert "26,400 KRW a month" in err and "3 API calls" in err

    call(capsys, "simulator", "do", "delete", "instance", "shop-web", *AT)
    found = json.loads(call(capsys, "status", "web.yaml", "-o", "json")[1])
    validator("resources").validate(found)
    assert {row["address"]: row["condition"] for row in found["objects"]} == {
        "block_storages.data": "planned",
        "firewalls.web": "live",
        "instances.web": "missing",
    }
    assert found["cost"]["monthly"] == 0


def test_the_account_shows_owners_and_needs_no_stack(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    apply(capsys)
    call(capsys, "simulator", "do", "create", "instance", "수동-서버", "zone_id=kr1-z02", *AT)
    rows = json.loads(call(capsys, "ls", "--account", *AT, "-o", "json")[1])["objects"]
    owners = {row["name"]: row["owner"] for row in rows if row["kind"] == "instances"}
    assert owners == {"shop-web": "shop", "수동-서버": None}

    out = call(capsys, "ls", "--account", *AT, "--zone", "KR1-Z02")[1]
    assert len(out.splitlines()) == 2 and "수동-서버" in out
    assert call(capsys, "ls", "--account", *AT, "--address", "instances.*", "-o", "name")[1] == (
        "instances.web\n"
    )
    assert call(capsys, "ls", *AT, "--name", "SHOP-W?B", "-o", "name")[1].count("\n") == 2
    Path("web.yaml").unlink()
    code, out, _ = call(capsys, "ls", "--account", "-o", "json")
    assert code == 0 and json.loads(out)["stack"] is None
    assert call(capsys, "ls")[0] == 1


def test_a_server_that_was_switched_off_outside_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    call(capsys, "simulator", "do", "set", "instance", "shop-web", "status=off", *AT)
    for command in ("ls", "plan", "drift"):
        code, out, err = call(capsys, command, "web.yaml")
        assert code == 0 and "notice[powered-off]  instances.web" in out + err, command

    write(WEB.replace("    firewall: web\n", "    firewall: web\n    power: on\n"))
    assert "powered-off" not in "".join(call(capsys, "plan", "web.yaml")[1:])
    assert apply(capsys)[0] == 0
    address = call(capsys, "output", "ip", *AT)[1].strip()
    shared = ("--accept", "shared=instances.shop_web")
    out = call(capsys, "adopt", address, "--name", "copy", *shared, *AT)[1]
    assert "power: on" in out


def test_yaml_says_the_same_as_json_and_hides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    import yaml

    apply(capsys)
    data = yaml.safe_load(call(capsys, "ls", "web.yaml", "-o", "yaml")[1])
    wanted = json.loads(call(capsys, "ls", "web.yaml", "-o", "json")[1])
    for each in (data, wanted):
        for row in each["objects"]:
            del row["age_seconds"]
    assert data == wanted


ROWS = [
    ListedObject(
        "instances",
        "instances.web",
        "INSTANCE-1",
        LIVE,
        {"name": "웹-서버", "status": "active", "power": "on", "flavor": "std_2.4-g1"}
        | {"zone": "kr1-z01", "public_ip": "203.0.113.10", "private_ip": "10.0.0.1"},
        monthly=26_400,
    ),
    ListedObject("firewalls", "firewalls.web", "FIREWALL-1", LIVE, {"name": "웹"}, monthly=0),
]
LISTING = ResourceListing(ROWS, "shop", None, at=0.0, calls=2)


def titles(width: int | None) -> list[str]:
    head, *rows = resource_rows.table_lines(LISTING, Style(width=width))
    assert all(width is None or escape.width(line.text) < width for line in (head, *rows))
    return cells(head.text)


def test_columns_are_left_out_in_the_documented_order() -> None:
    everything = titles(None)
    for narrow in range(140, 19, -1):
        gone = set(everything) - set(titles(narrow))
        assert gone == set(
            [name for name in resource_rows.LEFT_OUT if name in everything][: len(gone)]
        )
    assert titles(20) == ["address"]
    page = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
    assert ", ".join(resource_rows.LEFT_OUT) in " ".join(page.read_text(encoding="utf-8").split())


def test_a_list_that_lacks_what_a_broken_file_names_is_no_success(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    write(WEB.replace("flavor:", "flavour:"))

    for form in ("text", "json", "name"):
        code, out, err = call(capsys, "ls", "web.yaml", "-o", form)
        assert code == 1 and "instances.web" in out and "flavour" in out + err


def test_hangul_is_as_wide_as_two_letters() -> None:
    head, web, firewall = (line.text for line in resource_rows.table_lines(LISTING, Style()))
    at = head.index("status")
    assert escape.width(web[: web.index("active")]) == at
    assert firewall.startswith(" firewalls.web  웹")


def test_watch_refuses_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "ls", "--watch", *AT)
    assert (code, out) == (64, "") and "needs a terminal" in err


def test_watch_slows_down_to_leave_half_of_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    counts = iter([2, 6, 6])

    def read() -> ResourceListing:
        return ResourceListing(ROWS, "shop", None, at=0.0, calls=next(counts))

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    session = Session(Console(environ=EMPTY), Path("web.yaml"))
    assert ls_command.watch(session, read, 5.0, sleep) == 0
    assert waits == [5.0, 12.0, 12.0]


def test_watch_redraws_and_leaves_the_last_list(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    terminal = Terminal("ls", "web.yaml", "--simulate", "--watch")
    terminal.until("Every 10 s")
    terminal.until("203.0.113.")
    terminal.interrupt()
    assert terminal.end() == 0
    assert "203.0.113." in terminal.text.partition("\x1b[?1049l")[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_watch_leaves_the_screen_as_it_was_if_it_is_terminated(
    capsys: pytest.CaptureFixture[str], number: int
) -> None:
    apply(capsys)
    terminal = Terminal("ls", "web.yaml", "--simulate", "--watch")
    terminal.until("Every 10 s")
    terminal.interrupt(number)
    assert terminal.end() == 130
    assert terminal.text.count("\x1b[?1049h") == terminal.text.count("\x1b[?1049l") == 1
