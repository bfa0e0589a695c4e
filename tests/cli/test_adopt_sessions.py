"""`adopt` and `import` of objects by name and IP address, and of objects that another stack owns, at
the command line.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sessions import SCALE, WEB, apply, begin, call

AT = ("--stack", "web.yaml")
BLOG = WEB.replace("stack: shop", "stack: blog").replace("  web:\n    zone", "  b:\n    zone")
BLOG = BLOG.partition("firewalls:")[0] + "instances:" + BLOG.partition("instances:")[2]
BLOG = BLOG.partition("outputs:")[0].replace("    firewall: web\n", "")


@pytest.fixture(autouse=True)
def account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, "blog.yaml": BLOG})
    monkeypatch.setenv("RECONCILER_STATE_DIR", "states")
    assert apply(capsys)[0] == 0
    for name in ("웹서버-1", "웹서버-2"):
        call(capsys, "simulator", "do", "create", "instance", name, *AT)


def address_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The public address of the instance of `shop`."""
    return call(capsys, "output", "ip", *AT)[1].strip()


def test_a_named_object_of_another_stack_needs_consent_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: the file is written on consent, and its apply asks for it again.
    new = ("adopt", address_of(capsys), "--out", "new/stack.yaml")
    code, _, err = call(capsys, *new)
    assert code == 4 and "the state of shop contains it: states/.simulator/shop" in err
    assert "which would lose it" in err and not Path("new").exists()
    accept = ("--accept", "shared=instances.shop_web")
    code, _, err = call(capsys, *new, *accept)
    assert code == 0 and f"reconciler plan new/stack.yaml --simulate {' '.join(accept)}" in err
    text = Path("new/stack.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=stack.schema.json\n")
    assert "also belongs to the stack shop" in text and "firewall: existing.firewalls" in text
    assert call(capsys, "apply", "new", "--yes", *SCALE)[0] == 4
    assert call(capsys, "apply", "new", "--yes", *accept, *SCALE)[0] == 0
    code, out, err = call(capsys, "plan", "web.yaml")
    assert code == 4 and "also belongs to the stack new" in out + err and "to create" in out
    assert "it is protected" not in out


@pytest.mark.parametrize("kind", ["name", "public address", "private address", "id"])
def test_an_object_is_imported_by_what_people_know(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = call(capsys, "ls", "--account", "--name", "웹서버-2", "-o", "wide", *AT)[1]
    words = rows.splitlines()[1].split()
    known = {
        "name": "웹서버-2",
        "public address": next(word for word in words if word.startswith("203.")),
        "private address": next(word for word in words if word.startswith("10.")),
        "id": next(word for word in words if word.startswith("INSTANCE-")),
    }
    code, out, _ = call(capsys, "import", "instances.b", known[kind], "blog.yaml", "--yes")
    assert code == 0 and known["id"] in out and "웹서버-2" in out


def test_what_nothing_is_called_gets_the_nearest_names(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "adopt", "웹서버1", "shop-wbe", *AT)
    assert code == 1 and "did you mean `웹서버-1`?" in err and "did you mean `shop-web`?" in err
    assert "objects in zones that the API does not cover are not listed" in err
    code, _, err = call(capsys, "import", "instances.b", "FIREWALL-x", "blog.yaml", "--yes")
    assert code == 1 and "searched: instances" in err


def test_a_name_whose_state_has_objects_is_not_adopted_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Goal: the new file would plan to delete what the state of that name contains.
    code, _, err = call(capsys, "adopt", "--all", "--name", "shop")
    assert code == 64 and "the stack `shop` already has objects in its state" in err
