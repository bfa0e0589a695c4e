"""What one can write, from the account and from the language; and a first stack out of that, which
works as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.config import reference
from tests.cli.sessions import SCALE, Terminal, begin, call


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path)


def test_the_catalogue_is_filtered_sorted_and_priced(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(
        call(
            capsys,
            "catalog",
            "flavors",
            "--zone",
            "KR1-z01",
            "--sort",
            "-price_month",
            "--format",
            "json",
        )[1]
    )["items"]
    assert rows[0]["id"] == "mio_8.32-g1" and rows[0]["price_month"] == 198_000
    assert all("kr1-z01" in row["zones"] for row in rows)
    _, out, _ = call(capsys, "catalog", "flavors", "--filter", "STD_")
    assert "KRW a month" in out.splitlines()[0] and "mio_" not in out and "26,400" in out


@pytest.mark.parametrize(
    "kind", ["zones", "flavors", "images", "ssh-keys", "scripts", "storage-types"]
)
def test_every_list_of_the_catalogue_is_shown(
    capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    code, out, _ = call(capsys, "catalog", kind)
    assert code == 0 and len(out.splitlines()) > 1 and out.split()[0] == "id"
    assert (
        len(json.loads(call(capsys, "catalog", kind, "--format", "json")[1])["items"])
        == len(out.splitlines()) - 1
    )


CATALOG_WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("flavors", "--sort", "price"), 64, "did you mean `price_month`?"),
    (("flavors", "--zone", "kr1z01"), 1, "did you mean `kr1-z01`?"),
    (("flavor",), 64, "is not one of"),
    (("images", "--filter", "plan9"), 0, "No row matches"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), CATALOG_WRONG)
def test_a_name_that_the_catalogue_lacks_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    found, _, err = call(capsys, "catalog", *arguments)
    assert found == code and says in err


EXPLAINED: list[tuple[tuple[str, ...], list[str]]] = [
    ((), ["a stack file", "instances", "outputs"]),
    (("instances",), ["Instances: virtual servers.", "flavor", "lifecycle"]),
    (("instance.flavor",), ["a resize", "std_1.2-g1"]),
    (("firewalls.rules.cidr",), ["0.0.0.0/0", "changed in place", "required"]),
    (("volumes.size",), ["whole number 1 to 20,000", "a replacement"]),
    (("instances.lifecycle.replace",), ["create_first, delete_first"]),
    (("moved.to",), ["The new address."]),
    (("existing.firewalls.name",), ["must be unique"]),
    (("variables.type",), ["string, integer, number"]),
]


@pytest.mark.parametrize(("arguments", "says"), EXPLAINED)
def test_every_field_is_explained_from_the_schema(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: list[str]
) -> None:
    code, out, _ = call(capsys, "explain", *arguments)
    assert code == 0 and all(text in " ".join(out.split()) for text in says), out
    assert json.loads(call(capsys, "explain", *arguments, "--format", "json")[1])["description"]


def test_an_unknown_field_is_reported_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = call(capsys, "explain", "instances.flavour")
    assert code == 1 and "did you mean `instances.flavor`?" in err


def test_every_field_of_the_schema_can_be_explained() -> None:
    def walk(path: tuple[str, ...]) -> int:
        found = list(reference.below(path))
        for field in found:
            assert field.description, field.name
        return len(found) + sum(walk(field.path) for field in found)

    assert walk(()) > 100


def test_a_first_stack_is_written_and_works_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "init", "my Shop")
    assert (
        code == 0
        and "reconciler plan 'my Shop' --simulate" in out
        and "Anyone may try to log in" in err
    )
    text = Path("my Shop/stack.yaml").read_text(encoding="utf-8")
    assert (
        "stack: my-shop" in text
        and "ssh_keys: [배포용 키]" in text
        and "flavor: std_1.2-g1" in text
    )
    assert call(capsys, "apply", "my Shop", "--yes", *SCALE)[0] == 0
    assert call(capsys, "plan", "my Shop", "--detailed-exitcode")[0] == 0
    assert call(capsys, "init", "my Shop")[0] == 64


def test_options_answer_the_questions_and_without_keys_nothing_is_offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECONCILER_SIMULATE")
    arguments = (
        "--name",
        "x",
        "--zone",
        "z",
        "--flavor",
        "f",
        "--image",
        "rocky:9",
        "--admin",
        "10.0.0.0/8",
    )
    code, _, err = call(capsys, "init", "x", *arguments)
    text = Path("x/stack.yaml").read_text(encoding="utf-8")
    assert code == 0 and "No keys are set" in err
    assert (
        'image: {os: rocky, version: "9"}' in text
        and "default: 10.0.0.0/8" in text
        and "# ssh_keys" in text
    )
    assert call(capsys, "validate", "x")[0] == 0
    assert (
        call(capsys, "init", "y", "--name", "Y")[0]
        == call(capsys, "init", "y", "--image", "ubuntu")[0]
        == 64
    )
    assert call(capsys, "init", "y", "--admin", "10.0.0.1")[0] == 64


def test_at_a_terminal_three_questions_are_asked(tmp_path: Path) -> None:
    terminal = Terminal("init", "shop", "--simulate")
    for question, answer in (
        ("What is the name of the stack?", "\n"),
        ("Which flavor should the instance have?", "std_2.4-g1\n"),
        ("Which SSH key", "\n"),
    ):
        terminal.until(question)
        terminal.type(answer)
    assert terminal.end() == 0 and "26,400 KRW a month" in terminal.text
    text = (tmp_path / "shop" / "stack.yaml").read_text(encoding="utf-8")
    assert "stack: shop" in text and "flavor: std_2.4-g1" in text


def test_an_answer_that_will_not_do_is_asked_for_again(tmp_path: Path) -> None:
    # Goal: a slip at the third question does not throw the first two away, and no server is written
    # that nobody offers.
    terminal = Terminal("init", "my shop", "--simulate")
    for question, answer in (
        ("What is the name of the stack?", "Mein Laden!\n"),
        ("is not a valid stack name", ""),
        ("What is the name of the stack?", "laden\n"),
        ("Which flavor should the instance have?", "std_2.4\n"),
        ("std_2.4 does not exist: did you mean `std_2.4-g1`?", ""),
        ("Which flavor should the instance have?", "std_2.4-g1\n"),
        ("Which SSH key", "nobody\n"),
        ("nobody does not exist", ""),
        ("Which SSH key", "deploy\n"),
    ):
        terminal.until(question)
        terminal.type(answer)
    assert terminal.end() == 0 and "reconciler plan 'my shop' --simulate" in terminal.text
    text = (tmp_path / "my shop" / "stack.yaml").read_text(encoding="utf-8")
    assert "stack: laden" in text and "flavor: std_2.4-g1" in text and "[deploy]" in text
