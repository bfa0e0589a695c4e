"""The language of a command line, and Korean through the real program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.common.text import joined, msg, replaced, rewritten
from reconciler.locale import choice, language
from reconciler.render import escape, format

ROOT = Path(__file__).parents[2]
STACK = ROOT / "examples" / "stacks" / "web-tier"


@pytest.fixture
def korean() -> Iterator[None]:
    choice.use("ko")
    yield
    choice.use("en")


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ko_KR.UTF-8"}, "ko"),
        ([], {"LANG": "ko"}, "ko"),
        ([], {"LANG": "kok_IN.UTF-8"}, "en"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        ([], {"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko"),
        ([], {"LC_MESSAGES": "ko_KR.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ([], {"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ([], {"LANG": "C", "LANGUAGE": "ko"}, "en"),
        ([], {"LANG": "de_DE.UTF-8", "LANGUAGE": "de:ko:en"}, "ko"),
        ([], {"LANG": "ko_KR.UTF-8", "LANGUAGE": "en:ko"}, "en"),
        ([], {"LANG": "ko_KR.UTF-8", "RECONCILER_LANG": "en"}, "en"),
        ([], {"RECONCILER_LANG": "ko"}, "ko"),
        ([], {"RECONCILER_LANG": "xx", "LANG": "ko_KR.UTF-8"}, "en"),
        (["--lang", "ko", "plan"], {"RECONCILER_LANG": "en"}, "ko"),
        (["--chdir", "x", "--lang=en", "plan"], {"LANG": "ko_KR.UTF-8"}, "en"),
        (["plan", "--lang", "ko"], {}, "en"),
    ],
)
def test_the_option_comes_before_the_variable_before_the_locale(
    arguments: list[str], environ: Mapping[str, str], expected: str
) -> None:
    assert choice.chosen(arguments, environ) == expected


@pytest.mark.parametrize(
    ("word", "object_form", "with_form"),
    [
        ("인스턴스", "인스턴스를", "인스턴스로"),
        ("방화벽", "방화벽을", "방화벽으로"),
        ("파일", "파일을", "파일로"),
        ("web[0]", "web[0]을", "web[0]으로"),
        ("web[1]", "web[1]을", "web[1]로"),
        ("web[2]", "web[2]를", "web[2]로"),
        ("10", "10을", "10으로"),
        ("instances.db", "instances.db를", "instances.db로"),
        ("stack.yaml", "stack.yaml을", "stack.yaml로"),
        ("VM", "VM을", "VM으로"),
        ("zone", "zone을", "zone으로"),
        ("file", "file을", "file로"),
        ("size", "size를", "size로"),
        ("`shop`", "`shop`을", "`shop`으로"),
        ("web", "web을", "web으로"),
        ("staging", "staging을", "staging으로"),
        ("apply", "apply를", "apply로"),
        ("state", "state를", "state로"),
        ("import", "import를", "import로"),
        ('"방화벽"', '"방화벽"을', '"방화벽"으로'),
        ("(존)", "(존)을", "(존)으로"),
        ("", "를", "로"),
    ],
)
def test_a_particle_fits_the_sound_before_it(word: str, object_form: str, with_form: str) -> None:
    assert language.with_particles(word, "을(를)") == object_form
    assert language.with_particles(word, "(으)로") == with_form


def test_a_particle_in_a_value_stays_as_it_is(korean: None) -> None:
    text = msg("{address} is not in the state", address="을(를)")
    assert language.translated(text).startswith("을(를)")


def test_texts_inside_a_text_are_translated(korean: None) -> None:
    inner = msg("the environment")
    assert language.translated(msg("{key}: {x}", key="a", x=inner)) == "a: 환경"
    assert language.translated(joined(", ", ["x", inner])) == "x, 환경"
    assert language.translated(replaced(msg("{name} does not exist", name="a"), "a", "b")) != ""


def test_a_change_of_a_text_is_made_to_its_translation(korean: None) -> None:
    hint = rewritten(
        msg("`reconciler doctor` shows the reason"),
        lambda text: text.replace("reconciler doctor", "reconciler doctor --simulate"),
    )
    assert str(hint) == "`reconciler doctor --simulate` shows the reason"
    assert language.translated(hint) == "`reconciler doctor --simulate`가 이유를 보여 줍니다"


def test_english_is_what_the_code_says() -> None:
    text = msg("{address} is not in the state", address="instances.web")
    assert language.translated(text) == escape.outside(text) == str(text)


def test_dates_and_amounts_are_korean(korean: None) -> None:
    assert format.moment(1_764_478_800) == "11월 30일 14:00 KST"
    assert format.won(117600, signed=True) == "+117,600원"
    assert format.duration(3725) == "1시간 2분"
    assert format.operation("block_storage.create") == "블록 스토리지 생성"


# The program
# ------------------------------------------------------------------------------------------------


FAST = ("--simulate", "--time-scale", "20000")


def run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    names = ("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "RECONCILER_LANG", "COLUMNS")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    home = {"HOME": str(cwd), "XDG_STATE_HOME": str(cwd / "x"), "XDG_CACHE_HOME": str(cwd / "c")}
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=cwd,
        env={**clean, **home, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(STACK, tmp_path / "s", ignore=shutil.ignore_patterns("state"))
    return tmp_path


def test_a_plan_an_apply_and_its_question_are_korean(folder: Path) -> None:
    plan = run("plan", "s", "--simulate", cwd=folder, LANG="ko_KR.UTF-8")
    assert plan.returncode == 0
    assert plan.stdout.startswith("스택 shop의 계획, 로컬 클라우드(시뮬레이션)")
    assert "변경\n  +  block_storages.data  생성: 100 GB, ssd, db에 연결" in plan.stdout
    assert "계획: 생성 6, 변경 0, 교체 0, 삭제 0" in plan.stdout
    assert "  reconciler apply s --simulate\n" in plan.stdout
    asked = run("apply", "s", *FAST, cwd=folder, LANG="ko_KR.UTF-8")
    assert "오류[consent]" in asked.stderr
    done = run(
        *("apply", "s", *FAST, "--yes"),
        cwd=folder,
        LANG="ko_KR.UTF-8",
    )
    assert done.returncode == 0
    assert "적용을 마쳤습니다: 생성 6" in done.stdout + done.stderr


_OF_EACH_RUN = ("read_at", "id", "eta_seconds")
"""Members of a plan that differ by run: the estimate depends on the requests sent just before."""


def test_json_is_the_same_in_both_languages(folder: Path) -> None:
    def plan(code: str) -> object:
        found = run("--lang", code, "plan", "s", *FAST, "--format", "json", cwd=folder)
        document = json.loads(found.stdout)
        return {name: value for name, value in document.items() if name not in _OF_EACH_RUN}

    run("plan", "s", *FAST, cwd=folder)  # later plans use the cached catalog
    assert plan("ko") == plan("en")


def test_help_is_korean_with_the_same_commands(tmp_path: Path) -> None:
    page = run("--help", cwd=tmp_path, RECONCILER_LANG="ko").stdout
    assert "\n주요 명령\n" in page and "\n  plan          계정을 읽고" in page
    command = run("plan", "--help", cwd=tmp_path, RECONCILER_LANG="ko").stdout
    assert command.startswith("사용법: ") and "\n옵션:\n" in command and "\n  예:\n" in command
    assert "reconciler plan " in command


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_help_in_korean_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    page = run("plan", "--help", cwd=tmp_path, RECONCILER_LANG="ko", COLUMNS=str(columns)).stdout

    assert max(map(escape.width, page.splitlines())) <= columns
    assert "\ue000" not in page


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "--foo"], "오류[usage]  '--foo' 옵션이 없습니다."),
        (["plan", "nowhere"], "오류[file-missing]"),
        (["plan", "--accept", "x"], "'x'는 CLASS 또는 CLASS=ADDRESS 형식이 아닙니다"),
    ],
)
def test_errors_are_korean(tmp_path: Path, arguments: list[str], expected: str) -> None:
    found = run("--lang", "ko", *arguments, cwd=tmp_path)
    assert expected in found.stderr and "힌트: " in found.stderr
    assert "Traceback" not in found.stderr


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    found = run("--lang", "fr", "plan", cwd=tmp_path)
    assert found.returncode == 64 and "error[usage]" in found.stderr


def test_english_loads_no_catalogue() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--version']; from reconciler.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'gettext', 'babel', 'typing'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.splitlines()[-1] == "[]"
