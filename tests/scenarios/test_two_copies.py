"""Two copies of one state: what one of them does not know is named by its next plan, nothing is
created a second time, and the ways out work as printed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, begin, call

HEAD = """\
version: 1
stack: shop
defaults: {instances: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy]}}
"""
LONG = "front_of_the_house_north"
"""A name that a marker cuts."""

RISKS = ("delete", "data-loss", "address-change", "downtime", "exposure", "detach")
CONSENT = tuple(word for risk in RISKS for word in ("--accept", risk))
FOLDER = Path("state/.simulator/shop")
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    begin(monkeypatch, tmp_path)

    def command(*words: str) -> tuple[int, str]:
        code, out, err = call(capsys, *words)
        return code, out + err

    return command


def apply(run: Run, text: str, *words: str) -> tuple[int, str]:
    """Writes the file and applies it, with consent to everything."""
    Path("shop.yaml").write_text(HEAD + text, encoding="utf-8")
    return run("apply", "shop.yaml", "--yes", *CONSENT, *SCALE, *words)


def plan(run: Run, text: str) -> tuple[int, str]:
    Path("shop.yaml").write_text(HEAD + text, encoding="utf-8")
    return run("plan", "shop.yaml", "--detailed-exitcode")


def keep_copy(name: str = "copy") -> None:
    shutil.copytree(FOLDER, name)


def put_back(name: str = "copy") -> None:
    shutil.rmtree(FOLDER)
    shutil.copytree(name, FOLDER)


def in_the_account() -> set[str]:
    """The ids of all objects."""
    world = json.loads(next(Path().rglob("world.json")).read_text(encoding="utf-8"))
    names = {
        "instances": "instance_id",
        "block_storages": "block_storage_id",
        "firewalls": "firewall_id",
    }
    return {row[name] for kind, name in names.items() for row in world[kind]}


def in_the_state() -> set[str]:
    state = json.loads((FOLDER / "state.json").read_text(encoding="utf-8"))
    return {e["id"] for e in state["entries"].values() if not e.get("parent")}


def pasted(run: Run, printed: str, begins: str) -> tuple[int, str]:
    """Runs each command of the hints that begins so, as a person pastes them."""
    found = re.findall(rf"(reconciler {begins}[^`\n;]*)", printed)
    assert found, printed
    code, text = 0, ""
    for line in dict.fromkeys(found):
        words = shlex.split(line)[1:]
        yes = () if "--adopt" in words else ("--yes",)
        code, more = run(*words, *yes)
        text += more
    return code, text


@dataclass(frozen=True)
class Case:
    """`first` is applied and its state copied. The other copy then applies `other`, with `more`
    words. The older copy plans `file`.
    """

    first: str
    other: str
    file: str
    more: tuple[str, ...] = ()


TWO = "instances: {a: {}, b: {}}"
OWN_TEXT = "instances: {a: {}, b: {description: of the user}}"
STOPS = {
    "a new address": Case("instances: {a: {}}", TWO, TWO),
    "under another name": Case(
        "instances: {a: {}}", "instances: {a: {}, b: {}}", "instances: {a: {}, b: {name: other}}"
    ),
    "at an address that moved": Case(
        "instances: {a: {}}",
        "instances: {a: {}, b: {}}",
        "moved: [{from: instances.b, to: instances.c}]\ninstances: {a: {}, c: {}}",
    ),
    "counted and keyed": Case(
        "instances: {a: {count: 1}, k: {for_each: [x]}}",
        "instances: {a: {count: 2}, k: {for_each: [x, y]}}",
        "instances: {a: {count: 2, name: 'q${count.index}'}, k: {for_each: [x, y], name: 'r${each.key}'}}",
    ),
    "counted and moved": Case(
        "instances: {a: {count: 1}}",
        "instances: {a: {count: 2}}",
        "moved: [{from: instances.a, to: instances.m}]\ninstances: {m: {count: 2}}",
    ),
    "with a name that the marker cuts": Case(
        "instances: {a: {}}",
        f"instances: {{a: {{}}, {LONG}: {{for_each: [keyofsixteen-aaa], name: one}}}}",
        f"instances: {{a: {{}}, {LONG}: {{for_each: [keyofsixteen-aaa], name: two}}}}",
    ),
    "of each kind": Case(
        "instances: {a: {}}",
        "instances: {a: {}}\nblock_storages: {d: {instance: a, size: 10, type: ssd, name: one}}\n"
        "firewalls: {w: {name: wall-one, rules: {r: {direction: in, protocol: tcp, ports: 80, cidr: 10.0.0.0/8}}}}",
        "instances: {a: {}}\nblock_storages: {d: {instance: a, size: 10, type: ssd, name: two}}\n"
        "firewalls: {w: {name: wall-two, rules: {r: {direction: in, protocol: tcp, ports: 80, cidr: 10.0.0.0/8}}}}",
    ),
    "the user's text": Case("instances: {a: {}}", OWN_TEXT, OWN_TEXT),
    "replaced": Case(
        TWO, TWO, TWO, more=("--replace", "instances.a")
    ),
    "replaced, all of them": Case(
        TWO, TWO, TWO,
        more=("--replace", "instances.a", "--replace", "instances.b"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STOPS.values(), ids=STOPS.keys())
def test_an_older_copy_creates_nothing_twice_and_is_completed_from_the_account(
    case: Case, run: Run
) -> None:
    assert apply(run, case.first)[0] == 0
    keep_copy()
    assert apply(run, case.other, *case.more)[0] == 0
    newer, account = in_the_state(), in_the_account()
    put_back()
    unknown = newer - in_the_state()
    code, printed = plan(run, case.file)
    assert unknown and all(id in printed for id in unknown), printed
    assert code in (3, 4) and "recover" in printed
    assert apply(run, case.file)[0] == code
    assert in_the_account() == account, "nothing was created"
    code, text = pasted(run, printed, "recover")
    assert code == 0 and f"{len(unknown)} object" in text, text
    assert in_the_state() == newer
    assert apply(run, case.file)[0] == 0
    assert plan(run, case.file)[0] == 0
    assert in_the_account() == account == in_the_state()


def test_a_second_set_is_bound_by_the_hints_and_deleted_with_consent(run: Run) -> None:
    text = (
        "firewalls: {w: {rules: {r: {direction: in, protocol: tcp, ports: 80, cidr: 10.0.0.0/8}}}}\n"
        "instances: {a: {firewall: w}, k: {for_each: [x]}, z: {}}\n"
        "block_storages: {d: {instance: a, size: 10, type: ssd}}"
    )
    assert apply(run, "instances: {z: {}}")[0] == 0
    keep_copy("older")
    assert apply(run, text)[0] == 0
    keep_copy("winner")
    put_back("older")
    printed = plan(run, text)[1]
    accepted = re.findall(r"--accept ('?duplicate=\S+)", printed)
    assert len(accepted) == 4
    words = [word for one in accepted for word in ("--accept", *shlex.split(one))]
    assert apply(run, text, *words)[0] == 0
    put_back("winner")
    second = in_the_account() - in_the_state()
    code, printed = plan(run, text)
    assert code == 3 and len(second) == 4 and all(id in printed for id in second), printed
    assert printed.count("so there are two") == 4 and "(created 20" in printed
    assert "instances.a_2=" in printed and "instances.k_2=" in printed
    code, told = pasted(run, printed, "recover")
    assert code == 0, told
    code, printed = plan(run, text)
    assert code == 2 and "untracked" not in printed and printed.count(" -  ") >= 4, printed
    code, printed = run("apply", "shop.yaml", "--yes", *SCALE)
    assert code == 4 and "delete" in printed, "nothing is deleted without consent"
    assert apply(run, text, "--allow-empty")[0] == 0
    assert in_the_account() == in_the_state() and len(in_the_account()) == 5
    assert not in_the_account() & second
    assert plan(run, text)[0] == 0


def test_what_an_older_file_and_copy_do_not_name_is_kept_or_deleted_as_the_hint_says(
    run: Run,
) -> None:
    older, newer = "instances: {a: {}}", "instances: {a: {}, b: {}}"
    assert apply(run, older)[0] == 0
    keep_copy()
    assert apply(run, newer)[0] == 0
    put_back()
    code, printed = plan(run, older)
    assert code == 3 and "instances.b=" in printed
    assert pasted(run, printed, "recover")[0] == 0
    assert plan(run, newer)[0] == 0, "with the newer file it stays"
    assert apply(run, older)[0] == 0, "with this file it is deleted"
    assert in_the_account() == in_the_state() and len(in_the_account()) == 1


def test_an_emptied_store_is_rebuilt_also_for_objects_that_the_file_does_not_name(
    run: Run,
) -> None:
    text = "instances: {a: {}}"
    assert apply(run, "instances: {a: {}, b: {}}")[0] == 0
    shutil.rmtree(FOLDER)
    code, printed = plan(run, text)
    assert code == 4 and printed.count("error[state-missing]") == 2, printed
    assert pasted(run, printed, "recover")[0] == 0
    assert apply(run, text)[0] == 0
    assert plan(run, text)[0] == 0
    assert in_the_account() == in_the_state() and len(in_the_account()) == 1


def test_a_person_decides_what_a_rebuild_cannot_prove(run: Run) -> None:
    assert apply(run, "instances: {a: {}}")[0] == 0
    shutil.rmtree(FOLDER)
    text = "instances: {a: {flavor: std_2.4-g1, zone: kr1-z02}}"
    code, printed = plan(run, text)
    assert code == 4
    code, printed = pasted(run, printed, "recover")
    assert code == 4 and "--adopt instances.a=" in printed, printed
    assert pasted(run, printed, "recover")[0] == 0
    assert len(in_the_state()) == 1 == len(in_the_account())


def test_objects_of_others_and_forgotten_ones_are_not_reported(run: Run) -> None:
    Path("other").mkdir()
    other = HEAD.replace("stack: shop", "stack: other") + "instances: {a: {name: same}}\n"
    Path("other/stack.yaml").write_text(other, encoding="utf-8")
    assert run("apply", "other", "--yes", *SCALE)[0] == 0
    assert apply(run, "instances: {a: {}, b: {}}")[0] == 0
    code, printed = plan(run, "instances: {a: {}, b: {}}")
    assert code == 0 and "untracked" not in printed and "state-missing" not in printed
    assert run("state", "forget", "instances.b", "--stack", "shop.yaml", "--yes")[0] == 0
    code, printed = plan(run, "instances: {a: {}}")
    assert code == 0, printed
    code, printed = plan(run, "instances: {a: {}, b: {name: new}}")
    assert code == 2 and "state-missing" not in printed, printed


def test_an_object_that_another_stack_took_over_is_not_reported_by_an_older_copy(
    run: Run,
) -> None:
    data = HEAD.replace("stack: shop", "stack: data") + "instances: {b: {}}\n"
    assert apply(run, "instances: {a: {}, b: {}}")[0] == 0
    Path("shop.yaml").write_text(HEAD + "instances: {a: {}}\n", encoding="utf-8")
    Path("data.yaml").write_text(data, encoding="utf-8")
    move = ("state", "move", "instances.b", "--to", "data.yaml", "shop.yaml", "--yes")
    assert run(*move)[0] == 0
    assert plan(run, "instances: {a: {}}")[0] == 0
    shutil.rmtree(FOLDER)
    code, printed = plan(run, "instances: {a: {}}")
    assert code == 4 and printed.count("error[state-missing]") == 1, printed
    assert pasted(run, printed, "recover")[0] == 0
    code, printed = plan(run, "instances: {a: {}}")
    assert code == 0 and "untracked" not in printed, printed
