"""What somebody types in the first week, and what comes of it: the way out that a screen names
works when it is pasted.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.common import paths
from reconciler.simulator import worldfile
from tests.cli.sessions import SCALE, begin, call

STACK = """\
version: 1
stack: shop
instances:
  web:
    for_each: {seoul: 서울, busan: 부산}
    zone: kr1-z01
    flavor: std_1.2-g1
    image: {os: ubuntu, version: "22.04"}
    ssh_keys: [deploy]
    description: ${each.value}
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"stack.yaml": STACK})


def test_a_key_without_its_quotes_is_understood_as_a_shell_leaves_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: `--accept downtime=instances.web["seoul"]` from the screen reaches the program without
    # quotes.
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0
    assert "INSTANCE-" in call(capsys, "show", "instances.web[seoul]")[1]
    assert "replace: " in call(capsys, "plan", *SCALE, "--replace", "instances.web[seoul]")[1]
    Path("stack.yaml").write_text(STACK.replace("std_1.2", "std_2.4"), encoding="utf-8")
    _, out, _ = call(capsys, "plan", *SCALE, "--only", "instances.web[busan]")
    assert 'web["busan"]' in out and "seoul" not in out
    code, _, err = call(
        capsys,
        "apply",
        "--yes",
        *SCALE,
        "--except",
        "instances.web[busan]",
        "--accept",
        "downtime=instances.web[seoul]",
    )
    assert (code, "consent" in err) == (0, False)
    assert call(capsys, "state", "forget", "instances.web[busan]", "--yes")[0] == 0


def test_an_address_without_its_key_names_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0
    for typed in ("instances.web", "instances.web[7]", "instances.web[tokyo]"):
        code, _, err = call(capsys, "show", typed)
        assert (
            code == 1
            and 'hint: use one of `instances.web["busan"]`, `instances.web["seoul"]`' in err
        )
    code, out, _ = call(capsys, "plan", *SCALE, "--only", "instances.wbe")
    assert code == 1 and "hint: did you mean" in out


def test_a_missing_argument_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "catalog")
    assert code == 64 and "Choose from: zones, flavors," in err and "\\t" not in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
@pytest.mark.parametrize("command", ["explain instances", "--version", "plan", "nothing"])
def test_a_closed_stream_causes_no_traceback(closed: str, command: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m reconciler {command} {closed}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env={**os.environ}, check=False
    )
    assert "Traceback" not in done.stderr and "internal" not in done.stderr
    lost = ">&-" in closed.split() and command != "nothing"
    assert done.returncode == (64 if command == "nothing" else 1 if lost else 0)
    if lost and "2>&-" not in closed:
        assert "the result could not be written: it is closed" in done.stderr


def test_doctor_reports_that_nothing_answers_at_the_endpoint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: not `ok  endpoint` above a key that is in doubt.
    monkeypatch.delenv("RECONCILER_SIMULATE")
    for name, value in (
        ("ACCESS_KEY", "a"),
        ("SECRET_KEY", "b"),
        ("ENDPOINT", "http://127.0.0.1:9"),
    ):
        monkeypatch.setenv(f"IWINV_{name}", value)
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    code, out, _ = call(capsys, "doctor")
    assert code == 1 and " !!  endpoint      http://127.0.0.1, no answer" in out
    assert " ok  key           set, not proved" in out and out.count("error[") == 1


def test_doctor_and_the_lists_show_the_contents_of_the_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    firewall = "firewalls: {web: {rules: {ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}}}}\n"
    Path("stack.yaml").write_text(STACK + firewall, encoding="utf-8")
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0
    assert "serial 2, 3 objects, 1 rule\n" in call(capsys, "doctor")[1]
    for command in (("state", "list"), ("show",)):
        assert call(capsys, *command)[1].startswith(" shop    simulated    state ")


def test_a_default_name_that_is_too_long_comes_with_one_that_fits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: the hint can be pasted: under count and for_each the names stay different.
    head = "version: 1\nstack: averyverylongstack\ndefaults: {instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {id: X}}}\n"
    for more in ("", "count: 12", "for_each: [a, seoul-capital]"):
        Path("stack.yaml").write_text(
            f"{head}instances:\n  with_a_long_name_to_use:\n    {more or 'power: on'}\n",
            encoding="utf-8",
        )
        code, out, _ = call(capsys, "validate")
        hint = next(line for line in out.splitlines() if "hint: " in line)
        assert code == 1 and "is not valid" in out
        fix = hint.partition("write `")[2].removesuffix("`")
        with Path("stack.yaml").open("a", encoding="utf-8") as file:
            file.write(f"    {fix}\n")
        assert call(capsys, "validate")[:2] == (0, "averyverylongstack: no errors\n"), fix


def test_a_file_of_variables_is_recognized_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    Path("values.yaml").write_text("n = 3\n", encoding="utf-8")
    for name, says in (
        ("values.yaml", "a file of variables must be a mapping"),
        ("nowhere.yaml", "--var-file needs a file"),
    ):
        code, out, err = call(capsys, "validate", "stack.yaml", "--var-file", name)
        assert code == 1 and says in out + err and "version: 1" not in out + err


def test_a_world_that_cannot_be_saved_is_reported_before_and_after(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: a folder without rights, a full disk: one line and no traceback, for the local cloud
    # too.
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: False)
        code, out, err = call(capsys, "plan", *SCALE)
    assert (
        (code, out) == (1, "")
        and "the local cloud does not start: " in err
        and "cannot be written: Permission denied" in err
    )
    monkeypatch.setattr(worldfile, "save_world", full)
    code, _, err = call(capsys, "plan", *SCALE)
    assert (
        code == 1
        and "changes to the local cloud were lost: " in err
        and "No space left on device" in err
    )


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_stack_that_may_not_be_read_is_one_mistake_of_the_stack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: exit 1 like one that is not there, not a mistake in flags.
    def refuse(path: Path, limit_bytes: int) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(paths, "read_ordinary", refuse)
    code, _, err = call(capsys, "plan", "stack.yaml")
    assert code == 1
    assert err.startswith("error[file-missing]  stack.yaml cannot be read: Permission denied")


def test_blocked_steps_are_reported_again_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    # Goal: the end says why it ends with 4, and offers no command that would do nothing.
    kept = STACK.replace("    description", "    lifecycle: {protect: true}\n    description")
    Path("stack.yaml").write_text(kept, encoding="utf-8")
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0
    fewer = kept.replace("{seoul: 서울, busan: 부산}", "{seoul: 바꿈}")
    Path("stack.yaml").write_text(fewer, encoding="utf-8")
    code, _, err = call(capsys, "apply", "--yes", *SCALE)
    assert (
        code == 4 and "Apply incomplete: 0 created, 1 changed" in err and "To continue" not in err
    )
    assert 'error[protected]  instances.web["busan"] is protected from delete' in err


def test_an_undo_without_changes_compares_with_the_restored_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0
    assert (
        "No changes. 2 resources match the restored state."
        in call(capsys, "plan", "--undo", "2", *SCALE)[1]
    )
