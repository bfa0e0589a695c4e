"""What one can write, from the account and from the language; and a first stack out of that, which
works as it is.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from reconciler.config import reference
from reconciler.render import escape
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
    (("flavors", "--sort", "prise_month"), 64, "did you mean `price_month`?"),
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


FLAVORS: list[tuple[tuple[str, ...], set[str]]] = [
    (("--gpu",), {"gpu_8.32_a", "gpu_16.64_b"}),
    (("--gpu", "2"), {"gpu_16.64_b"}),
    (("--min-memory", "4G", "--max-price", "33000"), {"std_2.4-g1", "hpa_2.4-g2"}),
    (("--min-vcpu", "16", "--max-price", "300000"), {"hpa_16.32-g2"}),
    (("--min-memory", "32768MB", "--filter", "mio"), {"mio_8.32-g1"}),
]


@pytest.mark.parametrize(("options", "ids"), FLAVORS)
def test_flavors_are_chosen_by_what_they_have_and_cost(
    options: tuple[str, ...], ids: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(call(capsys, "catalog", "flavors", *options, "--format", "json")[1])["items"]
    assert {row["id"] for row in rows} == ids
    assert all(row["price_day"] and row["type"] and row["network_gbps"] for row in rows)


def test_a_limit_of_flavors_is_not_for_other_lists(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "catalog", "images", "--gpu")
    assert code == 64 and "are for flavors" in err
    assert call(capsys, "catalog", "flavors", "--min-memory", "four")[0] == 64


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 200])
def test_the_catalogue_fits_the_screen(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for kind, shown in (("flavors", "KRW a month"), ("zones", "notes"), ("ssh-keys", "created")):
        out = call(capsys, "catalog", kind)[1]
        fits = all(escape.width(line) <= columns for line in out.splitlines())
        assert shown in out.splitlines()[0] and (fits or columns < 80)
    assert "신규 생성 불가" in call(capsys, "catalog", "zones")[1].replace("\n", " ")


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
    code, out, _ = call(capsys, "init", "my Shop", "--ssh-key", "배포용 키", "--admin", "0.0.0.0/0")
    assert code == 0 and "reconciler plan 'my Shop' --simulate" in out
    text = Path("my Shop/stack.yaml").read_text(encoding="utf-8")
    assert (
        "stack: my-shop" in text
        and "ssh_keys: [배포용 키]" in text
        and "flavor: std_1.2-g1" in text
    )
    assert call(capsys, "apply", "my Shop", "--yes", *SCALE)[0] == 0
    assert call(capsys, "plan", "my Shop", "--detailed-exitcode")[0] == 0
    assert call(capsys, "init", "my Shop")[0] == 64


def test_without_a_terminal_no_key_is_chosen_and_ssh_stays_closed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = call(capsys, "init", "shop")
    assert code == 0
    assert "No address can reach SSH" in err and "No SSH key is set" in err
    text = Path("shop/stack.yaml").read_text(encoding="utf-8")
    rules = yaml.safe_load(text)["firewalls"]["web"]["rules"]
    assert set(rules) == {"https"} and "\n    # ssh_keys" in text
    assert call(capsys, "apply", "shop", "--yes", *SCALE)[0] == 0
    _, _, err = call(capsys, "init", "open", "--admin", "0.0.0.0/0")
    assert "Anyone may try to log in" in err


def test_an_editor_finds_the_schema_and_git_ignores_state_and_plans(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(capsys, "init", "shop", "--admin", "10.0.0.0/8")[0] == 0
    shop = tmp_path / "shop"
    text = (shop / "stack.yaml").read_text(encoding="utf-8")
    line = "# yaml-language-server: $schema="
    assert text.startswith(line)
    schema = json.loads((shop / text.splitlines()[0].removeprefix(line)).read_text("utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema)
    assert call(capsys, "plan", "shop", "--out", "shop/a.plan")[0] == 0
    assert call(capsys, "apply", "shop", "--yes", *SCALE)[0] == 0
    git = ("git", "-C", str(shop))
    subprocess.run([*git, "init", "--quiet"], check=True)
    listed = subprocess.run(
        [*git, "status", "--short", "-uall"], check=True, capture_output=True, text=True
    ).stdout
    assert sorted(row[3:] for row in listed.splitlines()) == [
        ".gitignore",
        "stack.schema.json",
        "stack.yaml",
    ]


def test_an_empty_folder_is_no_place_in_a_file_and_the_hint_begins_a_stack(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "my shop").mkdir()
    code, _, err = call(capsys, "plan", "--simulate")
    assert code == 1
    assert err.startswith("error[file-missing]  this folder contains no stack: no *.yaml file\n")
    assert "`reconciler init` writes a first stack" in err
    _, _, err = call(capsys, "plan", "my shop", "--simulate")
    assert "`reconciler init 'my shop' --example web-tier` writes an example" in err
    document = json.loads(call(capsys, "plan", "--simulate", "--format", "json")[1])
    assert document["problems"][0]["place"] is None


def test_nothing_is_overwritten_and_nothing_is_half_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, text in ((".gitignore", "mine\n"), ("README.md", "mine\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    code, _, err = call(capsys, "init", "--example", "single")
    assert code == 64 and "README.md already exists" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", "README.md"]
    (tmp_path / "README.md").unlink()
    code, _, err = call(capsys, "init", "--example", "single")
    assert code == 0 and ".gitignore was left as it is: add `state/` and `*.plan` to it." in err
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"
    (tmp_path / "taken").write_text("", encoding="utf-8")
    code, _, err = call(capsys, "init", "taken/below")
    assert code != 0 and "taken" in err
    assert call(capsys, "init", "new", "--example", "app", "--name", "x")[0] == 64
    assert not (tmp_path / "new").exists()


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


def test_at_a_terminal_four_questions_are_asked(tmp_path: Path) -> None:
    terminal = Terminal("init", "shop", "--simulate")
    for question, answer in (
        ("What is the name of the stack?", "\n"),
        ("Which flavor should the instance have?", "std_2.4-g1\n"),
        ("Which SSH key", "\n"),
        ("Which address range may reach SSH", "\n"),
    ):
        terminal.until(question)
        terminal.type(answer)
    assert terminal.end() == 0 and "26,400 KRW a month" in terminal.text
    text = (tmp_path / "shop" / "stack.yaml").read_text(encoding="utf-8")
    assert "stack: shop" in text and "flavor: std_2.4-g1" in text and "# ssh: {" in text


def test_an_answer_that_will_not_do_is_asked_for_again(tmp_path: Path) -> None:
    # Goal: a slip at the third question does not throw the first two away, and no server is written
    # that nobody offers.
    terminal = Terminal("init", "my shop", "--simulate")
    for question, answer in (
        ("What is the name of the stack?", "Mein Laden!\n"),
        ("is not a valid name", ""),
        ("What is the name of the stack?", "laden\n"),
        ("Which flavor should the instance have?", "std_2.4\n"),
        ("std_2.4 does not exist: did you mean `std_2.4-g1`?", ""),
        ("Which flavor should the instance have?", "std_2.4-g1\n"),
        ("Which SSH key", "nobody\n"),
        ("nobody does not exist", ""),
        ("Which SSH key", "deploy\n"),
        ("Which address range may reach SSH", "203.0.113.7\n"),
        ("203.0.113.7/32", ""),
        ("Which address range may reach SSH", "203.0.113.7/32\n"),
    ):
        terminal.until(question)
        terminal.type(answer)
    assert terminal.end() == 0 and "reconciler plan 'my shop' --simulate" in terminal.text
    text = (tmp_path / "my shop" / "stack.yaml").read_text(encoding="utf-8")
    assert "stack: laden" in text and "flavor: std_2.4-g1" in text and "[deploy]" in text
    assert "default: 203.0.113.7/32" in text
