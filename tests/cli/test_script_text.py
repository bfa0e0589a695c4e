"""The text of a script in a stack file is refused, and no part of it is printed or kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import sessions

CANARY = "hunter2"
HEAD = """\
version: 1
stack: shop
variables:
  script: {type: string, default: "#!/bin/sh hunter2"}
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, flavor: std_2.4-g1}
instances:
  web:
"""
FORMS = {
    "several lines": "|\n      #!/bin/sh\n      echo hunter2 ${PASS:-hunter2}\n",
    "an expression in it": '"#!/bin/sh ${hunter2.x}"\n',
    "cloud-config": '"#cloud-config hunter2: x"\n',
    "folded": ">\n      echo\n\n      hunter2\n",
    "an id": '{id: "#!hunter2"}\n',
    "another key": '{text: "#!hunter2"}\n',
    "without a mark": "\n      echo hunter2: abc\n",
    "a list": '["#!hunter2", "hunter2"]\n',
    "a variable": '"${vars.script}"\n',
    "quoted over lines": '"#!/bin/sh\n\n      hunter2"\n',
    "mime": '"Content-Type: multipart/mixed hunter2"\n',
    "not valid": "|\n      #!/bin/sh\n     hunter2: hunter2: hunter2\n",
}
COMMANDS = [
    *(("validate", "--format", name) for name in ("text", "json", "github", "sarif", "junit")),
    ("plan", "-v"),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown"),
    ("apply", "--yes"),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_text_of_a_script_is_refused_and_never_shown(
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = HEAD + "    user_script: " + FORMS[form]
    sessions.begin(monkeypatch, tmp_path, {"stack.yaml": text})
    refused = ""
    for command in COMMANDS:
        code, out, err = sessions._run(capsys, command)
        assert code == 1
        assert CANARY not in out + err
        refused += out + err
    if form not in ("another key", "without a mark", "a list", "not valid"):
        assert "`user_script` is the name or id of a script, not its text" in refused
        assert "save the script in the iwinv console" in refused
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "stack.yaml":
            assert CANARY not in path.read_text(errors="replace")


def test_a_script_is_answered_with_the_way_to_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = HEAD + "    user_script: " + FORMS["several lines"]
    sessions.begin(monkeypatch, tmp_path, {"stack.yaml": text})
    code, out, err = sessions.call(capsys, "plan")
    assert code == 1
    assert "`reconciler catalog scripts --simulate` lists them" in out + err


@pytest.mark.parametrize("name", ["setup", "#1 setup", "12", "{id: setup-1}"])
def test_a_name_or_an_id_is_read_as_before(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    quoted = name if name.startswith("{") else f'"{name}"'
    sessions.begin(monkeypatch, tmp_path, {"stack.yaml": f"{HEAD}    user_script: {quoted}\n"})
    assert sessions.call(capsys, "validate")[0] == 0
