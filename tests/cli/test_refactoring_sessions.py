"""Taking over and renaming at the command line, on the local cloud: import, state mv, moved and
removed lines.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, begin, call, validator

STACK = """\
version: 1
stack: shop
firewalls:
  web: {rules: {https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}}}
instances:
  web: {zone: kr1-z01, flavor: std_1.2-g1, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], firewall: web}
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"shop.yaml": STACK})


def write(text: str) -> None:
    Path("shop.yaml").write_text(text, encoding="utf-8")


def planned(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    code, out, _ = call(capsys, "plan", "shop.yaml", "--format", "json")
    document = json.loads(out)
    return {row["address"]: row["action"] for row in document["changes"]} | {"exit": code}


def ids(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    found = json.loads(call(capsys, "state", "list", "--stack", "shop.yaml", "--format", "json")[1])
    return {row["address"]: row["id"] for row in found["entries"]}


def test_what_was_made_is_forgotten_imported_again_and_renamed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    before = ids(capsys)

    assert call(capsys, "state", "forget", "instances.web", "--stack", "shop.yaml", "--yes")[0] == 0
    code, _, err = call(
        capsys, "import", "instances.web", before["instances.web"], "--stack", "shop.yaml"
    )
    assert code == 4 and "--yes" in err
    code, out, _ = call(
        capsys, "import", "instances.web", before["instances.web"], "--stack", "shop.yaml", "--yes"
    )
    assert code == 0 and before["instances.web"] in out and "reconciler plan shop.yaml" in out
    assert ids(capsys) == before
    assert planned(capsys) == {"exit": 0}

    write(STACK.replace("instances:\n  web:", "instances:\n  app:"))
    assert planned(capsys)["exit"] == 4
    code, out, _ = call(capsys, "plan", "shop.yaml")
    assert "moved: [{from: instances.web, to: instances.app}]" in out
    code, out, _ = call(
        capsys, "state", "mv", "instances.web", "instances.app", "--stack", "shop.yaml", "--yes"
    )
    assert code == 0 and "instances.web -> instances.app" in out
    assert planned(capsys) == {"exit": 0}
    assert ids(capsys)["instances.app"] == before["instances.web"]


def test_moved_and_removed_lines_change_the_state_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    before = ids(capsys)
    write(
        STACK.replace("  web: {rules", "  front: {rules").replace(
            "firewall: web}", "firewall: front}"
        )
        + "moved: [{from: firewalls.web, to: firewalls.front}]\n"
    )
    assert planned(capsys) == {"firewalls.front": "move", "exit": 0}
    document = json.loads(call(capsys, "plan", "shop.yaml", "--format", "json")[1])
    validator("plan").validate(document)
    assert [row["operation"] for row in document["steps"]] == ["state.move", "state.move"]
    assert call(capsys, "plan", "shop.yaml", "--out", "x.plan")[0] == 0
    assert "moved from firewalls.web" in call(capsys, "show", "x.plan")[1]
    assert call(capsys, "plan", "shop.yaml", "--detailed-exitcode")[0] == 2
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    assert planned(capsys) == {"exit": 0}
    assert ids(capsys)["firewalls.front"] == before["firewalls.web"]

    write(
        "version: 1\nstack: shop\nremoved: [{from: instances.web, keep: true}, "
        "{from: firewalls.front, keep: true}]\n"
    )
    assert planned(capsys) == {"instances.web": "forget", "firewalls.front": "forget", "exit": 0}
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    assert ids(capsys) == {}
    assert "shop-web" in call(capsys, "simulator", "world", "--stack", "shop.yaml")[1]


WRONG: list[tuple[str, tuple[str, ...], int, str]] = [
    (
        "an id that is nowhere",
        ("import", "instances.web", "INSTANCE-nowhere"),
        1,
        "IP address 'INSTANCE-nowhere' (searched: instances)",
    ),
    (
        "an id with a blank",
        ("import", "instances.web", "INSTANCE-x "),
        1,
        "has spaces around the id: use INSTANCE-x",
    ),
    ("a path", ("import", "firewalls.web", "../instances"), 1, "name or IP address '../instances'"),
    (
        "an address that the file does not have",
        ("import", "instances.wbe", "INSTANCE-x"),
        1,
        "did you mean `instances.web`?",
    ),
    (
        "a rule",
        ("import", "firewalls.web.rules.https", "1"),
        1,
        "its rules are bound with it",
    ),
    (
        "nothing to move",
        ("state", "mv", "instances.web", "instances.app"),
        1,
        "instances.web is not in the state",
    ),
    (
        "to another kind",
        ("state", "mv", "instances.web", "firewalls.web"),
        1,
        "the kind must be the same",
    ),
    ("no address", ("import", "web", "INSTANCE-x"), 64, "is not an address"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "says"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_an_impossible_bind_or_move_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    found, _, err = call(capsys, *arguments, "--stack", "shop.yaml", "--yes")
    assert found == code and says in err


def test_an_object_of_another_stack_is_imported_with_the_option_that_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: refused with the other stack's name, and the option that is printed works when pasted.
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    Path("blog.yaml").write_text(
        STACK.replace("stack: shop", "stack: blog").replace("  web: {zone", "  b: {zone"),
        encoding="utf-8",
    )
    bound = ("instances.b", ids(capsys)["instances.web"], "--stack", "blog.yaml", "--yes")
    code, _, err = call(capsys, "import", *bound)
    assert (
        code == 4
        and "error[shared]" in err
        and "belongs to the stack shop (the state of shop contains it: state/.simulator/shop), "
        "which would lose it"
        in err
    )
    assert "`removed: [{from: instances.web, keep: true}]`" in err
    option = err.partition("own it: ")[2].split("\n")[0]
    assert option == "--accept shared=instances.b"
    assert call(capsys, "import", *bound, *option.split())[0] == 0


def test_an_account_made_by_hand_becomes_a_stack(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: adopt, plan of binds, apply, empty plan, at the command line and on a local cloud.
    monkeypatch.setenv("RECONCILER_STATE_DIR", "states")
    assert call(capsys, "apply", "shop.yaml", "--yes", *SCALE)[0] == 0
    for address in ("instances.web", "firewalls.web"):
        assert call(capsys, "state", "forget", address, "--stack", "shop.yaml", "--yes")[0] == 0
    assert (
        call(
            capsys,
            "simulator",
            "do",
            "set",
            "instance",
            "shop-web",
            "description=손으로",
            "--stack",
            "shop.yaml",
        )[0]
        == 0
    )
    assert (
        call(
            capsys,
            "simulator",
            "do",
            "set",
            "firewall",
            "shop-web",
            "content=by hand",
            "--stack",
            "shop.yaml",
        )[0]
        == 0
    )

    code, out, err = call(
        capsys, "adopt", "--all", "--stack", "shop.yaml", "--out", "taken/stack.yaml"
    )
    assert (
        (code, out) == (0, "")
        and "KR1-Z01: 1 instance" in err
        and "reconciler plan taken/stack.yaml" in err
    )
    text = Path("taken/stack.yaml").read_text(encoding="utf-8")
    assert "stack: taken" in text and "description: 손으로" in text
    assert (
        call(capsys, "adopt", "--all", "--stack", "shop.yaml", "--out", "taken/stack.yaml")[0] == 64
    )
    code, _, err = call(capsys, "adopt", "shop-web", "--stack", "shop.yaml", "--name", "two")
    assert code == 1 and "'shop-web' names 2 objects of the account" in err
    lines = [line for line in err.splitlines() if "reconciler adopt" in line]
    assert [line.split()[0] for line in lines] == ["firewall", "instance"]
    words = shlex.split(lines[1].partition("`reconciler ")[2].strip("`"))
    assert words[2:] == ["--name", "two", "--stack", "shop.yaml", "--simulate"]
    out = call(capsys, *words)[1]
    assert "stack: two" in out and out.count("import:") == 1 and "existing:" in out

    document = json.loads(call(capsys, "plan", "taken", "--format", "json")[1])
    assert {row["action"] for row in document["changes"]} == {"import"} and document["steps"] == []
    assert call(capsys, "apply", "taken", "--yes", *SCALE)[0] == 0
    assert call(capsys, "plan", "taken", "--detailed-exitcode")[0] == 0


def test_adopted_objects_with_korean_names_get_keys_that_spell_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for kind, name in (("instance", "쇼핑몰 웹-1"), ("firewall", "웹 방화벽")):
        call(capsys, "simulator", "do", "create", kind, name, "--stack", "shop.yaml")
    out = call(capsys, "adopt", "--all", "--stack", "shop.yaml")[1]
    assert "  syopingmol_web_1:  # 쇼핑몰 웹-1\n    name: 쇼핑몰 웹-1\n" in out
    assert "  web_banghwabyeog:  # 웹 방화벽\n    name: 웹 방화벽\n" in out


ADOPT_WRONG: list[tuple[str, tuple[str, ...], int, str]] = [
    ("nothing said", (), 64, "use --all"),
    ("both", ("--all", "web"), 64, "use --all"),
    (
        "a name that is nowhere",
        ("nobody",),
        1,
        "name or IP address 'nobody'",
    ),
    ("a zone that is nowhere", ("--all", "--zone", "kr9"), 1, "the zone kr9 does not exist"),
    (
        "a name that cannot be a stack's",
        ("--all", "--name", "Über"),
        64,
        "is not a valid stack name",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [row[1:] for row in ADOPT_WRONG],
    ids=[row[0] for row in ADOPT_WRONG],
)
def test_an_impossible_adoption_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    found, _, err = call(capsys, "adopt", *arguments, "--stack", "shop.yaml")
    assert found == code and says in err


def test_an_account_that_shows_nothing_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "adopt", "--all", "--stack", "shop.yaml")
    assert (
        code == 0
        and "the API lists no instance" in err
        and "zones that the API covers" in err
        and "stack: adopted" in out
    )


INFRA = "version: 1\nstack: infra\n"


@pytest.mark.parametrize(
    "texts",
    [
        {"stack.yaml": INFRA},
        {"web.yaml": INFRA},
        {"a.yaml": INFRA, "b.yaml": "locals: {a: 1}\n"},
        {"broken.yaml": INFRA + "instances: {\n"},
    ],
    ids=["a folder", "a file", "parts", "a mistake"],
)
def test_adopt_writes_no_file_into_the_folder_of_another_stack(
    texts: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Goal: all *.yaml files of a folder are one stack, which a second `stack:` breaks.
    for name, text in texts.items():
        (tmp_path / "infra").mkdir(exist_ok=True)
        (tmp_path / "infra" / name).write_text(text, encoding="utf-8")
    adopt = ("adopt", "--all", "--stack", "shop.yaml", "--out")
    code, _, err = call(capsys, *adopt, "infra/more.yaml")
    assert code == 64 and "infra already contains stack `infra`" in err
    assert {path.name for path in (tmp_path / "infra").glob("*.*")} == set(texts)
    where = err.partition("--out ")[2].strip()
    assert where == "infra/more/stack.yaml" and call(capsys, *adopt, where)[0] == 0


def test_adopt_beside_files_that_are_each_a_stack_is_allowed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "many").mkdir()
    for name in ("web", "db"):
        text = f"version: 1\nstack: {name}\n"
        (tmp_path / "many" / f"{name}.yaml").write_text(text, encoding="utf-8")
    arguments = ("--stack", "shop.yaml", "--out", "many/more.yaml")
    assert call(capsys, "adopt", "--all", *arguments)[0] == 0
