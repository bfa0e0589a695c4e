"""`policy list` and `policy test`, with the policies of the example project and of a page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.sessions import SCHEMAS, WEB, begin, call

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "project" / "policies"
PROJECT = "version: 1\nproject: shop-infra\npolicies: [policies/*.yaml]\n"
READY = (
    "no-world-ssh", "no-world-database", "firewall-for-every-instance", "keep-production",
    "keep-named-prod", "production-downtime", "budget", "known-prices",
)  # fmt: skip


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB, "reconciler.yaml": PROJECT})
    (tmp_path / ".git").mkdir()
    shutil.copytree(EXAMPLE, tmp_path / "policies")


def document(out: str, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(out)
    assert found["type"] == name
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(found)
    return found


def test_policies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "policy", "list")
    assert code == 0 and all(name in out for name in READY)
    assert "(for */prod)" in out
    code, out, _ = call(capsys, "policy", "list", "--format", "json")
    rows = document(out, "policy_list")["policies"]
    assert isinstance(rows, list)
    assert {row["name"] for row in rows} == set(READY)


def test_the_ready_policies_pass_their_tests(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "policy", "test")
    assert code == 0 and "4 tests passed" in out
    code, out, _ = call(capsys, "policy", "test", "--format", "json")
    tests = document(out, "policy_test")["tests"]
    assert isinstance(tests, list) and all(test["passed"] for test in tests)
    found = {name for test in tests for names in test["found"].values() for name in names}
    assert found == set(READY) - {"no-world-database"}


def test_a_real_plan_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web.yaml").write_text(WEB.replace("443", "20-30"))
    Path("open.json").write_text(call(capsys, "plan", "web.yaml", "--format", "json")[1])
    plan = json.loads(Path("open.json").read_text())
    plan["changes"] = []
    Path("plan.json").write_text(json.dumps(plan))
    code, out, err = call(capsys, "policy", "test", "--plan", "plan.json", "--plan", "open.json")
    assert code == 4 and "plan.json: no policy objects" in out
    assert "`no-world-ssh` denies firewalls.web.rules.https" in err
    arguments = ("policy", "test", "--plan", "open.json", "--format", "json")
    code, out, err = call(capsys, *arguments)
    assert code == 4 and document(out, "policy_test")["exit_code"] == 4


def test_a_test_that_fails_says_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    text = "plan:\n  cost: {after: 3000000}\nexpect: {warn: [budget]}\n"
    Path("policies/tests/office.yaml").write_text(text)
    code, out, _ = call(capsys, "policy", "test")
    assert code == 1 and "1 of 4 tests failed" in out
    assert "expected, but not found: warn budget" in out
    assert "found, but not expected: deny budget" in out


MISTAKES = [
    ("plan: {}\n", "missing-key", "needs `plan` and `expect`"),
    ("plan: {}\nexpect: {deny: [budgte]}\n", "missing-reference", "no policy `budgte`"),
    ("plan: {cots: 1}\nexpect: {}\n", "unknown-key", "a JSON plan has no `cots` here"),
    ("plan: {changes: [{address: a, fiels: []}]}\nexpect: {}\n", "unknown-key", "`fiels`"),
    ("plan: {changes: [3]}\nexpect: {}\n", "bad-format", "not a JSON plan"),
    ("plan: {changes: 3}\nexpect: {}\n", "bad-format", "not a JSON plan"),
    ("plan: [3]\nexpect: {}\n", "wrong-type", "`plan` must be a mapping"),
    ("plan: {}\nexpect: {denied: [budget]}\n", "bad-format", "names of policies by effect"),
    ("plan: ../../web.yaml\nexpect: {}\n", "not-allowed", "in the folder of the test"),
    ("plan: {}\nexpect: {}\ntitel: x\n", "unknown-key", "`titel`"),
    ("- a\n", "wrong-type", "mapping"),
]


@pytest.mark.parametrize(("text", "code", "part"), MISTAKES)
def test_mistakes_in_a_test_are_reported(
    capsys: pytest.CaptureFixture[str], text: str, code: str, part: str
) -> None:
    Path("policies/tests/office.yaml").write_text(text)
    ended, _, err = call(capsys, "policy", "test")
    assert ended == 1 and f"error[{code}]" in err and part in err


def test_files_that_could_harm_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("big.json").write_text(" " * (16 * 1024 * 1024 + 1))
    Path("deep.json").write_text("[" * 100_000)
    Path("other.json").write_text('{"type": "state"}')
    for name, part in (
        ("big.json", "larger than 16 MiB"),
        ("deep.json", "is not JSON"),
        ("other.json", "is not a JSON plan"),
        ("none.json", "cannot be read"),
    ):
        code, _, err = call(capsys, "policy", "test", "--plan", name)
        assert code == 1 and part in err
    laughs = "plan: &a [1, 1]\n" + "".join(
        f"x{n}: &{b} [*{a}, *{a}, *{a}, *{a}]\n"
        for n, (a, b) in enumerate(zip("abcdefghi", "bcdefghij", strict=True))
    )
    Path("policies/tests/office.yaml").write_text(laughs)
    code, _, err = call(capsys, "policy", "test")
    assert code == 1 and "error[yaml-alias]" in err
    Path("policies/tests/office.yaml").unlink()
    secret = tmp_path.parent / f"{tmp_path.name}.yaml"
    secret.write_text("secret: 1\n")
    Path("policies/tests/office.yaml").symlink_to(secret)
    code, _, err = call(capsys, "policy", "test")
    assert code == 1 and "outside the repository" in err and "secret" not in err
    secret.unlink()


def test_a_project_without_policies_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reconciler.yaml").write_text("version: 1\nproject: shop-infra\n")
    code, out, _ = call(capsys, "policy", "list")
    assert code == 0 and "no policies" in out


def test_the_page_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "how-to" / "policies.md").read_text(encoding="utf-8")
    fences = re.findall(r"```yaml\n(.*?)```", page, re.S)
    rules = next(text for text in fences if text.startswith("- name:"))
    example = next(text for text in fences if text.startswith("title:"))
    shutil.rmtree("policies")
    Path("policies/tests").mkdir(parents=True)
    Path("policies/rules.yaml").write_text(rules)
    Path("policies/tests/one.yaml").write_text(example)
    code, out, _ = call(capsys, "policy", "test")
    assert code == 0 and "1 test passed" in out
    expressions = re.findall(r"^\| `((?:plan|change|opened_to)[^`]*)` \|", page, re.M)
    assert len(expressions) == 5
    Path("policies/rules.yaml").write_text(
        "".join(
            f"- name: p{n}\n  warn: |-\n    [{text}].size() > 9\n  each: change\n"
            for n, text in enumerate(expressions)
        )
    )
    Path("policies/tests/one.yaml").unlink()
    assert call(capsys, "policy", "list")[0] == 0


def test_a_mistake_in_a_policy_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text(WEB.replace("stack: shop", "stack: other"))
    Path("policies/wrong.yaml").write_text("- {name: x, deny: plan.nothing > 1}\n")
    for arguments in (("validate", "web.yaml"), ("plan", "web.yaml", "other.yaml", "--simulate")):
        code, out, err = call(capsys, *arguments)
        assert code == 1, arguments
        assert (out + err).count("policies/wrong.yaml:1:") == 1, arguments
        assert "apply" not in out
