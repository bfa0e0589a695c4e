"""`state`, `doctor`, `recover` and the options that narrow a plan or keep passwords, from the
command line on the local cloud.
"""

from __future__ import annotations

import contextlib
import json
import stat
from pathlib import Path

import pytest

from reconciler.cli import composition
from reconciler.store.folder_store import FileStore
from tests.cli.sessions import SCALE, begin, call
from tests.stackfiles import WEB_HEAD

STACK = (
    WEB_HEAD
    + """\
  spare: {icmp: false}
instances:
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    firewall: web
"""
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"stack.yaml": STACK})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def write(text: str) -> None:
    Path("stack.yaml").write_text(text, encoding="utf-8")


def apply(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    return call(capsys, "apply", "--yes", *SCALE, *options)


def store() -> FileStore:
    return FileStore(Path("state/.simulator/shop"))


# state
# ---------------------------------------------------------------------------------------------------------------------------------


def test_mv_to_the_same_address_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(capsys)[0] == 0
    code, out, err = call(capsys, "state", "mv", "instances.web", "instances.web", "--yes")
    assert (code, out) == (1, "") and "instances.web has that address already" in err
    state = store().read()
    assert state is not None and "instances.web" in state.entries
    assert call(capsys, "plan", "--detailed-exitcode")[0] == 0


def test_the_state_is_listed_for_people_and_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "state", "list")
    assert code == 0 and "the state is empty" in out
    assert apply(capsys)[0] == 0
    code, out, _ = call(capsys, "state", "list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()[1:]] == [
        "firewalls.spare",
        "firewalls.web",
        "firewalls.web.rules.https",
        "instances.web",
    ]
    rows = json.loads(call(capsys, "state", "list", "--format", "json")[1])["entries"]
    assert [sorted(row) for row in rows] == [
        ["address", "deposed", "id", "kind", "phase", "protected"]
    ] * 4


def test_a_command_that_waits_for_the_lock_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    holder = composition.holder("reconciler apply", "r1")
    writer = store().open(holder, timeout_seconds=0.0, stack="shop", environment=None)
    with contextlib.closing(writer):
        code, _, err = call(
            capsys, "state", "forget", "firewalls.web", "--yes", "--lock-timeout", "0.01"
        )
    assert code == 6 and "waiting for the lock, at most " in err and "`reconciler apply`" in err


def test_an_object_is_forgotten_on_a_yes_and_stays_in_the_cloud(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    code, out, err = call(capsys, "state", "forget", "firewalls.web")
    assert code == 4 and "with 1 rule" in out and "--yes" in err
    code, out, _ = call(capsys, "state", "forget", "firewalls.web", "--yes")
    assert code == 0 and "Forgotten: firewalls.web" in out
    found = store().read()
    assert found is not None and sorted(found.entries) == ["firewalls.spare", "instances.web"]
    assert "shop-web" in call(capsys, "simulator", "world", "--stack", ".")[1]
    code, _, err = call(capsys, "state", "forget", "firewalls.wed", "--yes")
    assert code == 1 and "firewalls.wed is not in the state" in err
    assert call(capsys, "plan")[0] == 4  # what would be made twice is found by its marker


def test_what_is_asked_of_a_stack_with_environments_names_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(STACK + "environments:\n  prod: {}\n")
    for arguments in (
        ("state", "list"),
        ("state", "forget", "instances.web"),
        ("state", "unlock"),
        ("recover",),
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 64 and "prod" in err, arguments
    assert call(capsys, "state", "list", "--env", "prod")[0] == 0


# doctor
# --------------------------------------------------------------------------------------------------------------------------------


def test_the_doctor_reports_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    code, out, _ = call(capsys, "doctor")
    assert code == 0
    names = [line.split()[1] for line in out.splitlines() if line.startswith(" ok")]
    assert names == [
        "program",
        "place",
        "endpoint",
        "key",
        "clock",
        "quota",
        "stack",
        "state",
        "lock",
        "account",
        "open",
        "marker",
        "objects",
    ]
    assert "accepted" in out and "3 objects" in out and "simulated" in out
    document = json.loads(call(capsys, "doctor", "--format", "json")[1])
    assert document["exit_code"] == 0 and all(
        check["problem"] is None for check in document["checks"]
    )


def test_the_doctor_works_with_nothing_and_without_a_stack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("stack.yaml").unlink()
    monkeypatch.delenv("RECONCILER_SIMULATE")
    code, out, _ = call(capsys, "doctor")
    assert code == 5 and "error[credentials]" in out and "none here" in out


@pytest.mark.parametrize(
    ("name", "variables", "wanted", "code"),
    [
        (
            "an endpoint that keys may not be sent to",
            {"IWINV_ENDPOINT": "http://example.org"},
            "error[endpoint]",
            5,
        ),
        ("a key with a line break", {"IWINV_ACCESS_KEY": "a\nb"}, "error[credentials]", 5),
        ("nobody at home", {"IWINV_ENDPOINT": "http://127.0.0.1:9"}, "error[cloud]", 1),
        (
            "a word for the firewall API that is none",
            {"IWINV_FIREWALL_API": "walls"},
            "error[usage]",
            64,
        ),
    ],
)
def test_the_doctor_finds_what_is_wrong(
    name: str,
    variables: dict[str, str],
    wanted: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RECONCILER_SIMULATE")
    for key, value in {
        "IWINV_ACCESS_KEY": "k" * 20,
        "IWINV_SECRET_KEY": "s" * 20,
        "RECONCILER_TIME_SCALE": "5000",
        **variables,
    }.items():
        monkeypatch.setenv(key, value)
    found = call(capsys, "doctor")
    assert wanted in found[1] and found[0] == code, name
    assert "state/shop" in found[1], "it goes on with what it can look at"


def test_the_doctor_reports_an_unreadable_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    (store().folder / "state.json").write_text("{}")
    code, out, _ = call(capsys, "doctor")
    assert code == 1 and "error[state-damaged]" in out and "accepted" in out


# recover
# -------------------------------------------------------------------------------------------------------------------------------


def test_a_lost_state_is_rebuilt_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    for file in store().folder.iterdir():
        if file.is_file():
            file.unlink()
    code, out, _ = call(capsys, "recover", "--rebuild", "--yes")
    assert code == 0 and out.count(" =  ") == 3 and "3 objects bound." in out
    assert apply(capsys)[0] == 0
    assert call(capsys, "plan", "--detailed-exitcode")[0] == 0


def test_recover_without_open_requests_reports_it_in_both_formats(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "Nothing is unsettled" in call(capsys, "recover")[1]
    document = json.loads(call(capsys, "recover", "--format", "json")[1])
    assert document == {
        "format_version": "1.0",
        "type": "recovery",
        "stack": "shop",
        "environment": None,
        "settled": [],
        "open": [],
        "bound": [],
        "problems": [],
        "exit_code": 0,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--adopt", "instances.web"),
        ("--adopt", "=INSTANCE-1"),
        ("--adopt", "web=INSTANCE-1"),
        ("--not-created", "web"),
        ("--adopt", "instances.web=A", "--adopt", "instances.web=B"),
        ("--adopt", "instances.web=A", "--not-created", "instances.web"),
    ],
)
def test_invalid_decisions_are_usage_errors(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "recover", *arguments)[0] == 64


# narrowed plans
# ------------------------------------------------------------------------------------------------------------------------


def test_a_plan_is_narrowed_and_what_comes_along_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "plan", "--only", "instances.web", "--format", "json")
    plan = json.loads(out)
    assert (
        code == 0
        and plan["partial"]
        and "firewalls.spare" not in {change["address"] for change in plan["changes"]}
    )
    assert any(
        one["code"] == "joined" and one["address"] == "firewalls.web" for one in plan["problems"]
    )
    code, out, _ = call(capsys, "plan", "--except", "firewalls.web", "--format", "json")
    assert [change["address"] for change in json.loads(out)["changes"]] == ["firewalls.spare"]
    assert call(capsys, "plan", "--only", "firewalls.*", "--except", "firewalls.web")[0] == 64
    code, _, _ = call(capsys, "plan", "--only", "instances.wed")
    assert code == 1


def test_a_saved_plan_remembers_what_it_was_narrowed_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "plan", "--only", "firewalls.spare", "--out", "x.plan")[0] == 0
    assert call(capsys, "apply", "--plan", "x.plan", "--only", "firewalls.spare")[0] == 64
    assert call(capsys, "apply", "--plan", "x.plan", "--yes", *SCALE)[0] == 0
    found = store().read()
    assert found is not None and sorted(found.entries) == ["firewalls.spare"]


def test_a_part_is_destroyed_with_what_depends_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    code, _, _ = call(
        capsys,
        "destroy",
        "--only",
        "firewalls.web",
        "--yes",
        "--accept",
        "delete",
        "--accept",
        "exposure",
        *SCALE,
    )
    assert code == 0
    found = store().read()
    assert (
        found is not None
        and "firewalls.web" not in found.entries
        and "firewalls.spare" in found.entries
    )


# first passwords
# -----------------------------------------------------------------------------------------------------------------------


def test_a_server_without_a_key_is_warned_about_and_its_password_kept_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "warning[no-login]" in "".join(call(capsys, "plan")[1:])
    code, out, err = apply(capsys, "--first-passwords", "first.jsonl")
    assert (
        code == 0
        and "no-login" not in out + err
        and "1 first password written to first.jsonl" in err
    )
    file = Path("first.jsonl")
    (row,) = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert (
        sorted(row) == ["address", "id", "password", "username"]
        and row["address"] == "instances.web"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert row["password"] not in out + err
    assert not [
        path
        for path in Path().rglob("*")
        if path.is_file() and path != file and row["password"] in path.read_text("utf-8", "replace")
    ]


def test_a_file_of_passwords_is_only_ever_a_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    Path("first.jsonl").write_text("mine", encoding="utf-8")
    code, _, err = apply(capsys, "--first-passwords", "first.jsonl")
    assert code == 64 and "already exists" in err and store().read() is None
    Path("link.jsonl").symlink_to("nowhere")
    assert (
        apply(capsys, "--first-passwords", "link.jsonl")[0] == 64 and not Path("nowhere").exists()
    )
    assert apply(capsys, "--first-passwords", "no/folder.jsonl")[0] == 7
    assert Path("first.jsonl").read_text(encoding="utf-8") == "mine"


def test_a_password_file_is_removed_if_no_server_was_created(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)
    assert apply(capsys, "--first-passwords", "first.jsonl")[0] == 0
    assert not Path("first.jsonl").exists()
