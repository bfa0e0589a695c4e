"""Every example stack as a newcomer runs it: it validates, comes up on the local cloud, is then
empty to plan, and goes down again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, begin, call

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "stacks"
ENVIRONMENTS = {"environments": ("staging", "prod"), "fleet": ("staging", "prod")}
BEFORE = {"app": ("network",)}
"""Stacks whose outputs an example reads."""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, ROOT)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))


def cases() -> list[tuple[str, str | None]]:
    found = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())
    return [(name, env) for name in found for env in ENVIRONMENTS.get(name, (None,))]


def test_there_are_at_least_six_examples_and_each_is_described() -> None:
    names = {name for name, _ in cases()}
    assert len(names) >= 6
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in names:
        assert (EXAMPLES / name / "README.md").is_file() and f"`{name}`" in readme, name
        first = (EXAMPLES / name / "stack.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=../../../schemas/stack.schema.json"


@pytest.mark.parametrize(("name", "env"), cases(), ids=str)
def test_an_example_comes_up_is_empty_to_plan_and_goes_down(
    capsys: pytest.CaptureFixture[str], name: str, env: str | None
) -> None:
    for before in BEFORE.get(name, ()):
        assert call(capsys, "apply", f"examples/stacks/{before}", "--yes", *SCALE)[0] == 0
    options = (f"examples/stacks/{name}", *(("--env", env) if env is not None else ()))
    assert call(capsys, "validate", *options)[0] == 0
    code, out, err = call(capsys, "plan", *options, "--detailed-exitcode")
    assert code == 2 and "error" not in out, out + err
    code, out, err = call(capsys, "apply", *options, "--yes", *SCALE)
    assert code == 0, out + err
    code, out, _ = call(capsys, "plan", *options, "--detailed-exitcode")
    assert code == 0, out
    code, out, err = call(capsys, "destroy", *options, "--yes", "--accept", "delete", *SCALE)
    assert code == 0, out + err
    assert call(capsys, "plan", *options, "--detailed-exitcode")[0] == 2
