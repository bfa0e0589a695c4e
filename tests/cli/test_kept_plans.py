"""Plans that the store keeps: made on one machine, applied on another one, exactly or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.common import json_text
from reconciler.model.ports.plan_ports import PLAN_SECONDS
from tests.cli.sessions import SCALE, WEB, begin, call

PROD = WEB + "environments: {prod: {}, test: {}}\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})


def save(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The id of a plan that was saved."""
    code, out, _ = call(capsys, "plan", *arguments, "--save", "--format", "json")
    assert code == 0
    return str(json.loads(out)["id"])


def kept(stack: str = "shop") -> list[Path]:
    return [path for path in Path("state/.simulator", stack).glob("plans/*") if path.suffix[1:]]


def world(capsys: pytest.CaptureFixture[str], stack: str = "web.yaml") -> str:
    """What the account has."""
    out = call(capsys, "simulator", "world", "--stack", stack)[1]
    return "".join(line for line in out.splitlines() if not line.startswith("time:"))


def test_another_machine_applies_it_and_only_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Goal: two checkouts in different folders, two homes, one store.
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "store"))
    for name in ("one", "two"):
        (tmp_path / name / "shop").mkdir(parents=True)
        shutil.copy("web.yaml", tmp_path / name / "shop" / "web.yaml")

    def at(name: str) -> None:
        monkeypatch.chdir(tmp_path / name)
        for home in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(home, str(tmp_path / f"{home} of {name}"))

    at("one")
    code, out, err = call(capsys, "plan", "shop", "--var", "note=saved", "--save")
    assert code == 0 and "Saved as plan " in err
    command = err.splitlines()[-1].split()
    assert command[1:3] == ["apply", "--plan"] and " ".join(command) in out
    at("two")
    elsewhere = str(tmp_path / "two" / "shop" / "web.yaml")
    planned = save(capsys, elsewhere, "--var", "note=saved")
    assert command[3] == f"plan://{planned[:12]}", "the same plan has the same id everywhere"
    code, _, err = call(capsys, "apply", "--plan", command[3], elsewhere, "--yes", *SCALE)
    assert code == 0 and err.startswith(f"Saved plan {planned[:12]}, made "), err
    assert "웹 서버 saved" in world(capsys, elsewhere)
    at("one")
    code, _, err = call(capsys, "apply", "--plan", f"plan://{planned}", "shop", "--yes")
    assert code == 4 and "error[plan-stale]" in err


def test_a_list_shows_what_is_kept_and_what_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No saved plans of shop" in call(capsys, "state", "plans")[1]
    first = save(capsys)
    assert call(capsys, "apply", "--yes", *SCALE)[0] == 0
    second = save(capsys, "--var", "note=second")
    out = call(capsys, "state", "plans")[1]
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert " stale: the state has changed " in lines[first[:12]]
    assert " current " in lines[second[:12]] and "1 to change" in lines[second[:12]]

    shown = call(capsys, "show", f"plan://{second[:8]}", "--stack", "web.yaml")[1]
    assert shown.startswith(f"Saved plan plan://{second[:12]} for stack shop, ")
    assert f"reconciler apply --plan plan://{second[:12]} web.yaml --simulate" in shown
    document = json.loads(call(capsys, "show", f"plan://{second}", "--format", "json")[1])
    assert document["id"] == second
    assert call(capsys, "state", "plans", "--remove", f"plan://{first[:12]}")[0] == 0
    rows = json.loads(call(capsys, "state", "plans", "--format", "json")[1])["plans"]
    assert [(row["id"], row["status"]) for row in rows] == [(second, "current")]


def rewrite(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Changes a saved plan as somebody would who knows its format."""
    body = json.loads(path.read_text())
    del body["checksum"]
    change(body)
    path.write_text(json_text.canonical({**body, "checksum": json_text.checksum(body)}))


def tampered(path: Path) -> None:
    rewrite(path, lambda body: body["plan"].update(serial=7))  # type: ignore[attr-defined]


def newer(path: Path) -> None:
    rewrite(path, lambda body: body.update(format=99))


def under_another_id(path: Path) -> None:
    path.rename(path.with_name("f" * 16 + path.name[16:]))


def of_long_ago(path: Path) -> None:
    id, second = path.name.split(".")
    path.rename(path.with_name(f"{id}.{int(second) - PLAN_SECONDS - 60}"))


def twice(path: Path) -> None:
    id, second = path.name.split(".")
    shutil.copy(path, path.with_name(f"{id[:12]}{'0' * 52}.{second}"))


@pytest.mark.parametrize(
    ("name", "break_it", "named", "code", "text"),
    [
        ("unknown", Path.unlink, 12, 1, "error[plan-unknown]"),
        ("cut", lambda path: path.write_bytes(path.read_bytes()[:99]), 12, 1, "is not JSON"),
        ("no text", lambda path: path.write_bytes(b"\xff"), 12, 1, "not a saved plan"),
        ("tampered", tampered, 12, 1, "its content does not match its id"),
        ("newer", newer, 12, 1, "it has format 99, and this version reads format 4"),
        ("under another id", under_another_id, 0, 1, "its content does not match its id"),
        ("old", of_long_ago, 12, 4, "has expired: plans are kept for 30 days"),
        ("twice", twice, 12, 64, "write more letters"),
        ("short", lambda path: None, 7, 64, "at least 8 letters"),
    ],
)
def test_what_cannot_be_applied_is_refused_and_nothing_is_sent(
    name: str,
    break_it: Callable[[Path], object],
    named: int,
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    id, before = save(capsys), world(capsys)
    (path,) = kept()
    break_it(path)
    reference = "plan://" + (id[:named] if named else "f" * 16 + id[16:])
    for command in (["apply", "--plan", reference, "--yes"], ["show", reference]):
        found, _, err = call(capsys, *command)
        assert (found, text in err) == (code, True), err
    listed, out, err = call(capsys, "state", "plans")
    assert listed == 0 and (code != 1 or name == "unknown" or "damaged: " in out), err
    assert world(capsys) == before


def test_near_ids_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    id = save(capsys)
    wrong = id[:11] + ("0" if id[11] != "0" else "1")
    err = call(capsys, "apply", "--plan", f"plan://{wrong}")[2]
    assert f"did you mean `plan://{id[:12]}`?" in err


def test_the_environment_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web.yaml").write_text(PROD, encoding="utf-8")
    id = save(capsys, "--env", "prod")
    code, _, err = call(capsys, "apply", "--plan", f"plan://{id}", "--env", "test", "--yes")
    assert code == 1 and "is kept for `shop/test`" in err
    assert call(capsys, "apply", "--plan", f"plan://{id}", "--yes", *SCALE)[0] == 0
    assert "instances.web" in call(capsys, "state", "list", "--env", "prod")[1]

    test = save(capsys, "--env", "test")
    (path,) = [path for path in kept("shop.test") if path.name.startswith(test)]
    path.rename(Path("state/.simulator/shop.prod/plans", path.name))
    code, _, err = call(capsys, "apply", "--plan", f"plan://{test}", "--yes")
    assert code == 4 and "is a plan of shop/test, not of shop/prod" in err


def test_a_plan_of_the_local_cloud_is_found_without_the_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id = save(capsys)
    monkeypatch.delenv("RECONCILER_SIMULATE")
    code, _, err = call(capsys, "apply", "--plan", f"plan://{id}", "--yes", *SCALE)
    assert code == 0, err


def test_a_file_and_the_store_have_the_same_plan(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "plan", "--save", "--out", "x.plan", "--format", "markdown")
    (path,) = kept()
    assert code == 0 and Path("x.plan").read_bytes() == path.read_bytes()
    assert f"Saved in x.plan, as plan {path.name[:12]}." in err
    assert f"apply --plan plan://{path.name[:12]} --simulate" in out
    err = call(capsys, "apply", "--plan", "x.plan", "--yes", *SCALE)[2]
    assert err.startswith(f"Saved plan {path.name[:12]}, made ")


def test_a_plan_to_go_back_is_applied_from_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    for note in ("first", "second"):
        assert call(capsys, "apply", "--var", f"note={note}", "--yes", *SCALE)[0] == 0
    id = save(capsys, "--undo")
    assert call(capsys, "apply", "--plan", f"plan://{id}", "--yes", *SCALE)[0] == 0
    assert "웹 서버 first" in world(capsys)


def test_each_of_several_stacks_gets_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("blog.yaml").write_text(WEB.replace("stack: shop", "stack: blog"), encoding="utf-8")
    for option in (("--save",), ("--out", "plan://")):
        code, _, err = call(capsys, "plan", "web.yaml", "blog.yaml", *option)
        assert code == 0 and err.count("Saved as plan ") == 2
    assert len(kept("shop")) == len(kept("blog")) == 1


def test_a_plan_with_errors_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web.yaml").write_text(WEB.replace("std_2.4-g1", "std_9.9"), encoding="utf-8")
    code, out, _ = call(capsys, "plan", "--save", "--format", "json")
    assert code == 1 and not kept() and json.loads(out.partition("\n}\n")[0] + "}")["type"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("plan", "--out", "plan://abc"), "its id is made from its content"),
        (("apply", "plan://8fa3c1d20b77"), "is a saved plan, not a stack"),
        (("show", "plan://8fa3c1d20b77", "--why"), "--why needs an address"),
        (("apply", "--plan", "plan://8fa3c1d20b77", "--var", "note=x"), "--var cannot be used"),
    ],
)
def test_usage(arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, *arguments)
    assert code == 64 and text in err
