"""Plans that a database or a bucket keeps: made on one machine, applied on another one."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from reconciler.cli import composition
from reconciler.cli.completion import answer
from reconciler.cli.program import program
from reconciler.model.ports.plan_ports import PLAN_SECONDS
from reconciler.store import shared_place
from reconciler.store.objects import place_url
from reconciler.store.objects.connection import connect
from tests.cli.sessions import WEB, begin, call
from tests.servers import places

PROJECT = "version: 1\nproject: infra\nstate: {}\n"


@places.each("postgres", "moto")
def test_another_machine_applies_a_plan_of_the_place_and_only_once(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    place: places.Place,
) -> None:
    # Goal: two checkouts and two homes share nothing but the place and the cloud.
    begin(monkeypatch, tmp_path, {"cloud/web.yaml": WEB})
    monkeypatch.delenv("RECONCILER_SIMULATE")
    for name in ("one", "two"):
        (tmp_path / name / "shop").mkdir(parents=True)
        shutil.copy("cloud/web.yaml", tmp_path / name / "shop" / "web.yaml")
        (tmp_path / name / ".git").mkdir()
        (tmp_path / name / "reconciler.yaml").write_text(PROJECT.format(place.url))

    def at(name: str) -> None:
        monkeypatch.chdir(tmp_path / name)
        for home in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(home, str(tmp_path / f"{home} of {name}"))

    def saved(*options: str) -> str:
        code, out, err = call(capsys, "plan", "shop", *options, "--save", "--format", "json")
        assert code == 0, err
        return str(json.loads(out)["id"])

    def listed() -> dict[str, str]:
        out = call(capsys, "state", "plans", "shop", "--format", "json")[1]
        return {row["id"]: row["status"] for row in json.loads(out)["plans"]}

    for name, value in {**place.environment, "RECONCILER_TIME_SCALE": "3000"}.items():
        monkeypatch.setenv(name, value)
    objects = connect(place_url.parse(place.url), place.environment)
    old = f"infra/shop/plans/{'a' * 64}.{int(time.time()) - PLAN_SECONDS - 60}"
    assert objects.create(old, b"of last year")
    stack = tmp_path / "cloud" / "web.yaml"
    with composition.local_cloud(stack, {}, time_scale=3000.0) as cloud:
        for name, value in cloud.items():
            monkeypatch.setenv(name, value)
        at("one")
        first = saved("--var", "note=saved")
        assert not objects.read(old), "a plan that has expired is removed by the next one"
        at("two")
        assert listed() == {first: "current"}
        reference = f"plan://{first[:12]}"
        code, out, _ = call(capsys, "show", reference, "--stack", "shop")
        assert code == 0 and f"reconciler apply --plan {reference} shop" in out
        assert saved("--var", "note=saved") == first, "the same plan has the same id everywhere"
        code, _, err = call(capsys, "apply", "--plan", reference, "shop", "--yes")
        assert code == 0 and err.startswith(f"Saved plan {first[:12]}, made "), err
        at("one")
        assert listed() == {first: "stale"}
        code, _, err = call(capsys, "apply", "--plan", reference, "shop", "--yes")
        assert code == 4 and "error[plan-stale]" in err
        assert call(capsys, "state", "plans", "shop", "--remove", reference)[0] == 0
        at("two")
        assert listed() == {}
        code, _, err = call(capsys, "apply", "--plan", reference, "shop", "--yes")
        assert code == 1 and "error[plan-unknown]" in err
        assert "No changes" in call(capsys, "plan", "shop", "--var", "note=saved")[1]
    objects.close()


def test_a_completion_connects_to_no_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Goal: a half-typed line never waits for a database, whatever may be in it.
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    monkeypatch.delenv("RECONCILER_SIMULATE")
    monkeypatch.setenv("RECONCILER_STATE", "postgresql://127.0.0.1:1/infra")
    asked: list[object] = []
    monkeypatch.setattr(shared_place, "connect", lambda *values: asked.append(values))
    lines = (
        "apply --plan", "show", "state plans --remove", "output", "state rm", "plan --env",
        "plan --only", "import", "recover --rebuild",
    )  # fmt: skip
    for line, text in itertools.product(lines, ("", "plan://", "i")):
        question = {answer.SHELL: "zsh", answer.LINE: f"reconciler {line} {text}"}
        answer.answer(program, {**os.environ, **question})
    assert asked == []
