"""The command line before anything is sent: flags, keys, help, and an end without a traceback
whatever happens.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli import program
from reconciler.cli.help import HELP
from reconciler.version import VERSION

STACK = """\
version: 1
stack: shop
instances:
  web: {zone: kr1-z01, flavor: std_2.4-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}
outputs:
  ip: {value: "${instances.web.public_ip}"}
"""
ENVIRONMENTS = STACK + "environments:\n  prod: {}\n  staging: {}\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    for name in (
        "IWINV_ACCESS_KEY",
        "IWINV_SECRET_KEY",
        "IWINV_ENDPOINT",
        "RECONCILER_SIMULATE",
        "RECONCILER_TIME_SCALE",
        "IWINV_FIREWALL_API",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "states"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / "envs.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    yield tmp_path


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = program.run(arguments)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paln"], "did you mean plan?"),
        (["plan", "--bogus"], "--bogus"),
        (["doctor", "one", "two"], "two"),
        (["plan", "--lang", "ko"], "write it before the command: reconciler --lang"),
        (["--lang", "en", "plan", "--bogus"], "--bogus"),
        (["plan", "web.yaml", "--var", "count"], "NAME=VALUE"),
        (["apply", "web.yaml", "--accept", "everything"], "classes are"),
        (["apply", "web.yaml", "--accept", "lockout"], "lockout=ADDRESS"),
        (["apply", "web.yaml", "--replace", "web server"], "is not an address"),
        (
            ["apply", "web.yaml", "--plan", "x.plan", "--var", "a=b"],
            "--var cannot be used with --plan",
        ),
        (
            ["apply", "web.yaml", "--plan", "x.plan", "--env", "prod"],
            "--env cannot be used with --plan",
        ),
        (["plan", "web.yaml", "--format", "xml"], "xml"),
        (["plan", "web.yaml", "--time-scale", "0"], "time-scale"),
        (["show", "web server", "--stack", "web.yaml"], "neither an address nor"),
        (["plan", "envs.yaml"], "--env"),
        (["plan", "envs.yaml", "--env", "dev"], "dev"),
        (["output", "--stack", "envs.yaml"], "--env"),
        (["--chdir", "nowhere", "plan"], "nowhere"),
        (["completion", "tcsh"], "tcsh"),
    ],
)
def test_a_usage_error_exits_64_and_names_the_mistake(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, *arguments)

    assert (code, out) == (64, "") and said in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("environ", "code", "said"),
    [
        ({}, 5, "IWINV_ACCESS_KEY and IWINV_SECRET_KEY are not set"),
        ({"IWINV_ACCESS_KEY": "key"}, 5, "IWINV_SECRET_KEY is not set"),
        (
            {
                "IWINV_ACCESS_KEY": "key",
                "IWINV_SECRET_KEY": "secret",
                "IWINV_ENDPOINT": "http://api.example",
            },
            5,
            "must be https",
        ),
        ({"IWINV_ACCESS_KEY": "a\nb", "IWINV_SECRET_KEY": "hidden-value"}, 5, "access key"),
        (
            {
                "IWINV_ACCESS_KEY": "key",
                "IWINV_SECRET_KEY": "secret",
                "IWINV_FIREWALL_API": "guess",
            },
            64,
            "IWINV_FIREWALL_API",
        ),
        (
            {"RECONCILER_SIMULATE": "1", "RECONCILER_TIME_SCALE": "fast"},
            64,
            "RECONCILER_TIME_SCALE",
        ),
    ],
)
def test_keys_and_endpoint_are_checked_before_anything_is_sent(
    environ: dict[str, str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)

    found, out, err = call(capsys, "plan", "web.yaml")

    assert (found, out) == (code, "") and said in err and "hidden-value" not in err


def test_a_time_scale_is_refused_for_the_real_cloud(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IWINV_ACCESS_KEY", "key")
    monkeypatch.setenv("IWINV_SECRET_KEY", "secret")

    code, _, err = call(capsys, "plan", "web.yaml", "--time-scale", "5")

    assert code == 64 and "--time-scale" in err


def test_with_json_an_error_before_the_plan_is_a_document_with_the_problems(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = call(capsys, "plan", "web.yaml", "--format", "json")
    found = json.loads(out)

    assert (code, found["exit_code"], err) == (5, 5, "")
    assert [problem["code"] for problem in found["problems"]] == ["credentials"]
    assert found["type"] == "error"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["web.yaml"], 5),
        (["missing.yaml"], 1),
        (["envs.yaml"], 64),
        (["--plan", "none.plan", "web.yaml"], 1),
    ],
)
def test_with_json_an_apply_that_cannot_begin_is_a_stream_that_ends_in_a_summary(
    arguments: list[str], wanted: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "apply", *arguments, "--format", "json", "--yes")
    lines = [json.loads(line) for line in out.splitlines()]

    assert [line["type"] for line in lines] == ["version", "problem", "summary"]
    assert (code, lines[-1]["exit_code"]) == (wanted, wanted)


@pytest.mark.parametrize("name", ["missing.yaml", "empty"])
def test_a_missing_stack_is_a_mistake_with_its_name(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()

    code, _, err = call(capsys, "plan", name, "--simulate")

    assert code == 1 and "file-missing" in err and name in err


def test_validate_lists_all_mistakes_with_their_places(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(
        STACK.replace("flavor:", "flavour:").replace("zone: kr1-z01", "zone: [1]"), encoding="utf-8"
    )

    code, out, _ = call(capsys, "validate", "bad.yaml")
    _, data, _ = call(capsys, "validate", "bad.yaml", "--format", "json")

    assert code == 1 and out.count("bad.yaml:4:") >= 2 and "flavor" in out
    assert len(json.loads(data)["problems"]) >= 2


def test_validate_checks_every_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "validate", "envs.yaml") == (
        0,
        "shop/prod, shop/staging: no errors\n",
        "",
    )


def test_show_and_output_of_an_empty_state_need_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "show", "--stack", "web.yaml")[:2][0] == 0
    code, out, _ = call(capsys, "show", "--stack", "web.yaml", "--format", "json")
    assert (code, json.loads(out)["entries"]) == (0, [])
    code, out, _ = call(capsys, "output", "--stack", "web.yaml", "--format", "json")
    assert (code, json.loads(out)["outputs"]) == (0, {})
    assert call(capsys, "output", "ip", "--stack", "web.yaml")[0] == 1
    assert call(capsys, "show", "instances.web", "--stack", "web.yaml")[0] == 1


def test_a_file_that_is_not_a_saved_plan_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "x.plan").write_bytes(b"\xff\x00")

    for arguments in (
        ["show", "x.plan"],
        ["show", "none.plan"],
        ["apply", "--plan", "x.plan", "web.yaml", "--yes"],
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 1 and "plan-unreadable" in err


def test_an_internal_error_ends_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("boom \x1b[2J")

    monkeypatch.setattr("reconciler.config.loader.load_stack", fail)
    code, _, err = call(capsys, "plan", "web.yaml")
    verbose = call(capsys, "plan", "web.yaml", "-v")[2]

    assert (
        code == 1
        and err.startswith("error[internal]  RuntimeError: boom \\x1b[2J\n")
        and "Traceback" not in err + verbose
    )
    assert "cause:" in verbose and "cause:" not in err


def test_ctrl_c_before_anything_is_done_exits_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.config.loader.load_stack", interrupt)

    assert call(capsys, "plan", "web.yaml")[0] == 130


def test_the_first_page_of_help_names_every_command_and_fits_the_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (
        "validate",
        "plan",
        "apply",
        "destroy",
        "drift",
        "show",
        "output",
        "simulator",
        "completion",
    ):
        assert re.search(rf"^  {name} ", HELP, re.MULTILINE)
        code, out, _ = call(capsys, name, "--help")
        assert code == 0 and ("Examples:" in out or name == "simulator")
    assert call(capsys, "--help") == (0, HELP, "")
    assert max(map(len, HELP.splitlines())) <= 88


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == VERSION
    code, out, err = call(capsys, "--version")
    assert (code, err) == (0, "") and out.startswith(f"reconciler {VERSION}, Python 3.")
    assert out.endswith(f" on {platform.system()} {platform.machine()}\n")


def test_help_and_version_load_nothing_that_takes_time() -> None:
    code = (
        "import sys; sys.argv = ['reconciler', sys.argv[1]]\n"
        "from reconciler.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'click', 'rich', 'requests', 'jsonschema', 'networkx', 'deepdiff', 'yaml', 'lark', 'typing'} & set(sys.modules)\n"
        "print(sorted(heavy - {'typing'}), file=sys.stderr)\n"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, option], capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "[]" and "reconciler" in done.stdout


def test_the_commands_themselves_load_nothing_heavy_until_they_run() -> None:
    code = (
        "import sys, reconciler.cli.program, reconciler.cli.subcommands.stack_commands, "
        "reconciler.cli.subcommands.show_command\n"
        "print(sorted({'requests', 'jsonschema', 'networkx', 'deepdiff', 'yaml', 'lark'} & "
        "set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "completion", shell)

    assert code == 0 and "_RECONCILER_COMPLETE" in out


def test_a_reader_that_goes_away_is_not_an_error() -> None:
    command = f"{sys.executable} -m reconciler plan --help | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.stderr == "" and done.returncode in (0, 64, 1) and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["graph", "validate"])
def test_every_command_takes_the_stack_by_option_too(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    by_argument = call(capsys, command, "web.yaml")
    assert by_argument[0] == 0 and call(capsys, command, "--stack", "web.yaml") == by_argument
    code, _, err = call(capsys, command, "--stack", "web.yaml", "envs.yaml")
    assert code == 64 and "the stack is given twice" in err
