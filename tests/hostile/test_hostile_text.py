"""Invariant 13: no control, bidi or CI-command text from outside reaches a terminal, a log or
Markdown raw, whatever command shows it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.simulator import Fault
from tests.hostile.hostile_inputs import (
    STACK,
    HostileSession,
    add_foreign_objects,
    hostile_session,
    obeyed,
    spoil,
)

CORPUS = {
    "control": "x\x1b[2J\x1b]0;owned\x07\x1b[31m\r\nover\bwritten\x9b1m\x7f\x00end",
    "bidi": "x\u202egnp.exe\u2066\u2069\u200f\u200b\u2060\ufeff\U000e0041\u3164\u00ad end",
    "ci": "x\n::set-output name=a::b\n ::error file=a::b\n##[error]bad\n##vso[task.setvariable "
    "variable=a]b\n##teamcity[x]",
    "markup": "x</details><script>alert(1)</script>```\n# head\n| a | b "
    "|\n[x](javascript:alert(1)) <!-- @everyone `",
    "huge": "가" * 20_000 + "\x1b[31m",
}
READING = (
    ("plan",),
    ("plan", "-v"),
    ("plan", "--unmanaged"),
    ("drift",),
    ("show",),
    ("show", "instances.web"),
    ("show", "instances.web", "--why"),
    ("state", "list"),
    ("output",),
    ("recover",),
    ("doctor",),
    ("graph",),
    ("adopt",),
    ("bill",),
    ("show", "x.plan"),
)


@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS.keys())
def test_every_command_shows_hostile_text_and_never_executes_it(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_session(tmp_path, capsys, monkeypatch) as session:
        assert session("apply", "--yes")[0] == 0
        session.cloud.change(lambda world: add_foreign_objects(world, text))
        session.cloud.change(lambda world: spoil(world, text))
        assert session("plan", "--out", "x.plan")[0] == 0
        for command in READING:
            session(*command)
            if command[0] in (
                "plan",
                "drift",
                "show",
                "state",
                "recover",
                "doctor",
                "output",
                "graph",
            ):
                code, out, err = session(*command, "--format", "json")
                assert json.loads(out or "null") is not None, (command, code, err)
        _, out, _ = session("plan", "--format", "markdown")
        assert "<script" not in out.replace("`", "") or "```" in out
        session.cloud.add_faults(
            Fault("refused_before", method="DELETE", code="CHECK_PARAM", message=text, times=1)
        )
        assert session("apply", "--yes", "--accept", "exposure", "--allow-empty")[0] == 3
        assert (
            session("apply", "--yes", "--accept", "exposure", "--allow-empty", "--format", "json")[
                0
            ]
            == 0
        )
        check(session)


def check(session: HostileSession) -> None:
    """Nothing that was said is obeyed, and no line is without end."""
    for command, out, err in session.said:
        assert not obeyed(out), (command, obeyed(out))
        assert not obeyed(err), (command, obeyed(err))
        if "json" not in command and not command.startswith("adopt"):
            longest = max((len(line) for line in (out + err).splitlines()), default=0)
            assert longest < 30_000, (command, longest)


@pytest.mark.parametrize(
    "text", [CORPUS["control"], CORPUS["bidi"], CORPUS["ci"]], ids=["control", "bidi", "ci"]
)
def test_texts_of_files_variables_and_arguments_are_shown_and_not_obeyed(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_session(tmp_path, capsys, monkeypatch) as session:
        (tmp_path / "stack.yaml").unlink()
        quoted = json.dumps(text.replace("\x00", ""))
        noted = f"variables: {{note: {{type: string, default: {quoted}}}}}"
        session.write(STACK.replace("stack: shop", f"stack: shop\n{quoted}: 1\n{noted}"), "a.yaml")
        session("validate", "a.yaml")
        session("validate", text.replace("\x00", "").replace("/", ""))
        session.write(STACK + f'  note: {{value: "${{vars.note}}"}}\n{noted}\n', "b.yaml")
        session("apply", "b.yaml", "--yes")
        session("output", "--stack", "b.yaml")
        for arguments in (
            ("plan", "b.yaml", "--var", f"{text}=1"),
            ("plan", "b.yaml", "--only", text),
            (text,),
            ("plan", f"--{text}"),
            ("show", text),
        ):
            session(*arguments)
        monkeypatch.setenv("RECONCILER_VAR_note", text.replace("\x00", ""))
        session("plan", "b.yaml")
        check(session)


def test_strange_statuses_and_answers_of_the_cloud_are_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_session(tmp_path, capsys, monkeypatch) as session:
        session.cloud.set_faults(
            [Fault("unknown_status", method="GET", message=CORPUS["control"], times=3)]
        )
        session("apply", "--yes", "-v")
        session.cloud.set_faults(
            [Fault("answer_garbled", method="GET", body=CORPUS["ci"] + CORPUS["control"])]
        )
        assert session("plan", "-v")[0] == 1
        session.cloud.set_faults([Fault("unknown_code", method="GET", message=CORPUS["ci"])])
        session("plan", "-v")
        session.cloud.set_faults([])
        check(session)
