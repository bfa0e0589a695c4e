"""`reconciler.yaml`: where it is found, what it says, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import loader
from reconciler.config.project import project_file, selection
from reconciler.config.project.project import (
    ApplyMode,
    Drift,
    DriftAnswer,
    Project,
    Prune,
    QuotaKind,
    QuotaSharing,
    Settings,
    Window,
)
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import RiskClass
from reconciler.policies import policy_set

GOOD = "version: 1\nproject: shop-infra\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, in which the command is run."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "stacks" / "web").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def problems(text: str | bytes) -> list[Problem]:
    """The mistakes of a file with that text in the current folder."""
    file = Path("reconciler.yaml")
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(Abort) as stop:
        project_file.load(Path())
    return list(stop.value.problems)


def test_the_file_is_found_upwards_as_far_as_the_repository(root: Path) -> None:
    stack = Path("stacks/web")
    (root.parent / "reconciler.yaml").write_text(GOOD)
    assert project_file.load(stack) == Project()

    (root / "reconciler.yaml").write_text(GOOD)
    (root / "stacks" / "web" / "stack.yaml").touch()
    for path in (stack, stack / "stack.yaml", Path(), Path("stacks/none.yaml")):
        assert project_file.load(path) == Project("shop-infra", Path("reconciler.yaml"))

    (root / "stacks" / "reconciler.yaml").write_text(GOOD + "state: ../states\n")
    found = project_file.load(stack)
    assert found.file == Path("stacks/reconciler.yaml")
    assert found.state is not None and found.state.place is not None
    assert found.state.text == "../states"
    assert (found.state.place.line, found.state.place.column) == (3, 8)


MISTAKES = [
    ("nothing", "", ["missing-key"], "`version` and `project`", "project: NAME"),
    ("a list", "- a\n", ["wrong-type"], "must be a mapping", "project: NAME"),
    ("a typing error", GOOD + "stat: x\n", ["unknown-key"], "`stat`", "did you mean `state`?"),
    ("a key of later", GOOD + "limits: x\n", ["unknown-key"], "`limits`", "this version"),
    ("another version", GOOD.replace("1", "2"), ["not-allowed"], "`version` must be 1", "write 1"),
    ("a name", GOOD.replace("shop-infra", "Shop"), ["bad-format"], "starting with a letter", ""),
    ("an empty place", GOOD + 'state: ""\n', ["bad-format"], "`state` is empty", ""),
    ("no place", GOOD + "state:\n", ["wrong-type"], "`state`", ""),
    (
        "an expression",
        GOOD + "state: ${vars.x}\n",
        ["bad-format"],
        "no expressions",
        "RECONCILER_STATE",
    ),
    ("twice", GOOD + "project: b\n", ["yaml-duplicate-key"], "project", ""),
    ("not YAML", "version: [1\n", ["yaml-syntax"], "", ""),
    ("not UTF-8", b"version: 1\xff\n", ["file-encoding"], "0xff", "UTF-8"),
    ("too large", GOOD + "#" * 300_000, ["file-too-large"], "256 KiB", ""),
    ("a stack", "version: 1\nstack: web\n", ["unknown-key"], "`stack`", "rename the file"),
]

STACKS = GOOD + "stacks:\n  shop: {path: a, environments: [staging, prod]%s}\n"
RULE = GOOD + "rules: [{for: '*', %s}]\n"
WINDOW = RULE % "windows: [{%s}]"
NOTIFY = GOOD + "notify: [{on: [failed], to: %s}]\n"
DAY = "use mon, tue, wed, thu, fri, sat, sun, or a range"
TIME = "write the hours and minutes"

MISTAKES += [
    ("quota", GOOD + "quota: global\n", ["bad-format"], "must be local, shared, {share", "`quota:"),
    ("no quota", GOOD + "quota:\n", ["bad-format"], "`quota` must be local", ""),
    ("a share of 0", GOOD + "quota: {share: 0}\n", ["bad-format"], "must be 1 to 60", "divide 60"),
    ("a share of 61", GOOD + "quota: {share: 61}\n", ["bad-format"], "must be 1 to 60", ""),
    ("a share as text", GOOD + "quota: {share: all}\n", ["bad-format"], "must be 1 to 60", ""),
    ("more than a share", GOOD + "quota: {share: 3, of: 4}\n", ["unknown-key"], "`of`", "share"),
    ("a list as quota", GOOD + "quota: [shared]\n", ["bad-format"], "`quota` must be local", ""),
    ("no stacks", GOOD + "stacks: {}\n", ["bad-format"], "`stacks` is empty", ""),
    (
        "a list of stacks",
        GOOD + "stacks: [a]\n",
        ["wrong-type"],
        "must be a mapping, not a list",
        "",
    ),
    ("a path alone", GOOD + "stacks: {a: b}\n", ["wrong-type"], "`a` must be a mapping", ""),
    ("a stack's name", GOOD + "stacks: {A: {path: b}}\n", ["bad-format"], "`A`: use a-z", "`a`"),
    ("no path", GOOD + "stacks: {a: {}}\n", ["missing-key"], "`a` has no `path`", ""),
    ("a key of a stack", STACKS % ", promot: {}", ["unknown-key"], "`promot`", "`promote`"),
    ("one stack twice", STACKS % "" + "  shop: {path: b}\n", ["yaml-duplicate-key"], "shop", ""),
    (
        "promotion of another",
        STACKS % ", promote: {prd: staging}",
        ["missing-reference"],
        "`prd`",
        "`prod`",
    ),
    (
        "promotion from another",
        STACKS % ", promote: {prod: qa}",
        ["missing-reference"],
        "`qa`",
        "prod",
    ),
    ("no `for`", GOOD + "rules: [{prune: ask}]\n", ["missing-key"], "`rules` has no `for`", ""),
    ("a rule's pattern", RULE.replace("*", "*.prod") % "", ["bad-format"], "a title such as", ""),
    ("a key of a rule", RULE % "window: []", ["unknown-key"], "`window`", "`windows`"),
    ("a mode", RULE % "apply: merge", ["not-allowed"], "merged, approved, by-hand", "`merged`"),
    ("a prune", RULE % "prune: always", ["not-allowed"], "never, ask, apply", ""),
    ("a class", RULE % "approvals: {deletes: 1}", ["unknown-key"], "`deletes`", "`delete`"),
    ("a number of approvals", RULE % "approvals: {any: 99}", ["out-of-bounds"], "0 to 20", ""),
    ("no approval", RULE % "approvals: {any: -1}", ["out-of-bounds"], "0 to 20", ""),
    (
        "none for a class",
        RULE % "approvals: {delete: 0}",
        ["out-of-bounds"],
        "`delete` needs",
        "never",
    ),
    ("approvals as text", RULE % "approvals: {any: nevr}", ["not-allowed"], "never", "`never`"),
    ("an approver", RULE % "approvers: ['a b']", ["bad-format"], "team:NAME", ""),
    ("a day", WINDOW % "days: moon, zone: UTC", ["bad-format"], DAY, ""),
    ("a range of days", WINDOW % "days: mon-, zone: UTC", ["bad-format"], DAY, ""),
    ("a listed day", WINDOW % "days: [mon, x], zone: UTC", ["bad-format"], DAY, ""),
    ("no day", WINDOW % "days: [], zone: UTC", ["bad-format"], "`days` is empty", ""),
    ("a time", WINDOW % "from: 9:00, zone: UTC", ["bad-format"], TIME, ""),
    ("a time after midnight", WINDOW % "to: '24:01', zone: UTC", ["bad-format"], TIME, ""),
    ("a start at 24:00", WINDOW % "from: '24:00', zone: UTC", ["bad-format"], TIME, ""),
    ("no zone", WINDOW % "days: mon", ["missing-key"], "`windows` has no `zone`", ""),
    (
        "a zone",
        WINDOW % "zone: Asia/Soul",
        ["not-allowed"],
        "time zone `Asia/Soul`",
        "`Asia/Seoul`",
    ),
    ("a part of zones", WINDOW % "zone: Asia", ["not-allowed"], "there is no time zone `Asia`", ""),
    ("a file as zone", WINDOW % "zone: ../UTC", ["not-allowed"], "no time zone `../UTC`", ""),
    ("an interval", RULE % "drift: {every: 1w}", ["bad-format"], "such as 30m, 1h or 1d", ""),
    ("an answer", RULE % "drift: {then: revert}", ["not-allowed"], "report, pull-request", ""),
    ("what to revert", RULE % "drift: {revert: [rule]}", ["not-allowed"], "power", "`rules`"),
    ("a policy above", GOOD + "policies: [../a.yaml]\n", ["bad-format"], "leaves the folder", "p"),
    ("an absolute policy", GOOD + "policies: [/etc/x]\n", ["bad-format"], "leaves the folder", "p"),
    (
        "a language",
        GOOD + "notify: [{on: [failed], to: 'env:A', language: fr}]\n",
        ["not-allowed"],
        "en, ko",
        "",
    ),
    ("a health", GOOD + "notify: [{on: [drift], to: 'env:A'}]\n", ["not-allowed"], "on", "drifted"),
    ("no health", GOOD + "notify: [{on: [], to: 'env:A'}]\n", ["bad-format"], "`on` is empty", ""),
    ("nobody to notify", GOOD + "notify: [{on: [failed]}]\n", ["missing-key"], "has no `to`", ""),
    ("an expression in a list", GOOD + "policies: ['${a}']\n", ["bad-format"], "no expr", "itself"),
]


@pytest.mark.parametrize(
    ("text", "codes", "message", "hint"),
    [row[1:] for row in MISTAKES],
    ids=[r[0] for r in MISTAKES],
)
def test_every_mistake_is_reported_with_its_place_and_the_way_out(
    root: Path, text: str | bytes, codes: list[str], message: str, hint: str
) -> None:
    found = problems(text)
    assert [each.code for each in found] == codes
    assert message in found[0].message
    assert hint in (found[0].hint or "")
    assert found[0].place is not None
    assert found[0].place.file == "reconciler.yaml"


def test_a_file_that_cannot_be_trusted_or_read_stops_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: without the file, another place would be used in silence.
    file = root / "reconciler.yaml"
    file.symlink_to(root / "other.yaml")
    found: list[str] = []
    with pytest.raises(Abort) as stop:
        project_file.load(Path())
    found.append(stop.value.problems[0].message)
    file.unlink()
    file.mkdir()
    with pytest.raises(Abort) as stop:
        project_file.load(Path())
    found.append(stop.value.problems[0].message)
    file.rmdir()
    file.write_text(GOOD)
    (root / ".git").rmdir()
    monkeypatch.setattr("os.geteuid", lambda: file.stat().st_uid + 1)
    if file.stat().st_uid != 0:
        with pytest.raises(Abort) as stop:
            project_file.load(Path())
        found.append(stop.value.problems[0].message)
    else:
        found.append("belongs to another user")
    assert "symbolic link" in found[0]
    assert "not a regular file" in found[1]
    assert "belongs to another user" in found[2]


def test_the_file_is_part_of_no_stack(root: Path) -> None:
    (root / "reconciler.yaml").write_text(GOOD)
    (root / "stack.yaml").write_text("version: 1\nstack: web\n")
    assert loader.load_stack(Path(), environment=None).stack.name == "web"
    assert loader.stacks_of([Path("reconciler.yaml"), Path("stack.yaml")]) == (Path("stack.yaml"),)


def test_the_line_of_a_place_with_a_password_is_never_shown(root: Path) -> None:
    from reconciler.common.paths import SourceLines

    Path("reconciler.yaml").write_text(GOOD + "state: postgresql://me:hunter2@db/x\n")
    lines = SourceLines()
    assert lines("reconciler.yaml", 2) == "project: shop-infra"
    assert lines("reconciler.yaml", 3) is None


@pytest.mark.parametrize(
    "text",
    [
        "quota: mysql://me:hunter2@db/x\n",
        "quota: postgresql://me:hunter2@db/x\n",
        "quota: postgresql://db/x?password=hunter2\n",
        "quota: postgresql://db/x?user=me&PASSWORD=hunter2\n",
        "quota: postgresql://db/x?pass%77ord=hunter2\n",
        "quota: postgresql://me:hun/hunter2@db/x\n",
        "notify: [{on: [failed], to: 'slack://hunter2'}]\n",
        "notify: slack://hunter2\n",
        "notify: ['slack://hunter2']\n",
        "notify: [{on: ['slack://hunter2'], to: 'env:X'}]\n",
        "notify:\n  - on: [failed]\n    to: https://hooks.example.com/hunter2\n",
        "notify: [{on: [failed], to: [hunter2]}]\n",
    ],
)
def test_a_value_that_may_be_a_secret_is_never_quoted(root: Path, text: str) -> None:
    from reconciler.common.paths import SourceLines

    (found,) = problems(GOOD + text)
    assert "hunter2" not in f"{found.message} {found.hint}"
    assert found.place is not None
    if "[hunter2]" not in text:
        assert SourceLines()("reconciler.yaml", found.place.line) is None


def test_all_mistakes_are_reported_together(root: Path) -> None:
    text = GOOD + "stat: x\nquota: y\nstacks: {a: {pth: b}}\nrules: [{for: a.b, prune: x}]\n"
    assert [str(each.place) for each in problems(text + "policies: [/x]\nnotify: x\n")] == [
        f"reconciler.yaml:{each}" for each in ("3:1", "4:8", "5:14", "6:15", "6:27", "7:12", "8:9")
    ]


def test_names_that_no_file_can_have_are_mistakes(root: Path) -> None:
    Path("reconciler.yaml").write_text(f"{GOOD}stacks: {{shop: {{path: {'a/' * 9}{'b' * 300}}}}}\n")
    (found,) = selection.mistakes(project_file.load(Path()))
    assert found.code == "file-missing" and found.place is not None
    for pattern in (".", "./", "x" * 300, '"a\\0b"'):
        Path("reconciler.yaml").write_text(f"{GOOD}policies: [{pattern}]\n")
        with pytest.raises(Abort) as stop:
            policy_set.load(project_file.load(Path()))
        assert [each.code for each in stop.value.problems] == ["file-missing"]


WHOLE = """\
version: 1
project: shop-infra
state: postgresql://db.internal/reconciler
quota: {share: 20}
stacks:
  network: {path: stacks/network, environments: [staging, prod]}
  shop: {path: stacks/shop, environments: [staging, prod], promote: {prod: staging}}
  monitoring: {path: stacks/monitoring.yaml}
rules:
  - for: "*"
    apply: approved
    approvals: {any: 1, delete: 2, lockout: never}
    approvers: [team:infra, kim]
    drift: {every: 30m, then: pull-request}
  - for: "*/prod"
    windows:
      - {days: [mon-wed, fri], from: "10:00", to: 17:00, zone: Asia/Seoul}
      - {days: sat-sun, zone: UTC}
    prune: never
  - {for: shop/*, drift: {revert: [rules, power]}}
policies: [policies/*.yaml, policies/*.rego]
notify: [{on: [drifted, failed], to: env:TEAM_WEBHOOK}]
"""


def test_the_whole_file_becomes_values(root: Path) -> None:
    Path("reconciler.yaml").write_text(WHOLE)
    project = project_file.load(Path())
    assert project.quota == QuotaSharing(QuotaKind.SHARE, 20)
    assert [title for each in project.stacks.values() for title in each.titles] == [
        "network/staging",
        "network/prod",
        "shop/staging",
        "shop/prod",
        "monitoring",
    ]
    assert project.stacks["shop"].promote == {"prod": "staging"}
    assert project.stacks["monitoring"].path == Path("stacks/monitoring.yaml")
    assert [each.text for each in project.policies] == ["policies/*.yaml", "policies/*.rego"]
    assert [(each.on, each.to) for each in project.notify] == [
        (frozenset({"drifted", "failed"}), "env:TEAM_WEBHOOK")
    ]
    common = Settings(
        ApplyMode.APPROVED,
        {"any": 1, "delete": 2, "lockout": None},
        ("team:infra", "kim"),
        drift=Drift(1800.0, DriftAnswer.PULL_REQUEST),
    )
    assert project.settings("monitoring") == common
    assert project.settings("shop/prod") == Settings(
        common.apply,
        common.approvals,
        common.approvers,
        (
            Window(frozenset({0, 1, 2, 4}), 600, 1020, "Asia/Seoul"),
            Window(frozenset({5, 6}), 0, 1440, "UTC"),
        ),
        Prune.NEVER,
        Drift(revert=frozenset({"rules", "power"})),
    )
    assert Project().settings("any") == Settings()


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("local", QuotaSharing()),
        ("shared", QuotaSharing(QuotaKind.SHARED)),
        ("{share: 60}", QuotaSharing(QuotaKind.SHARE, 60)),
        ("postgresql://db/x", QuotaSharing(QuotaKind.SHARED, url="postgresql://db/x")),
        ("postgres://me@db:5432/x", QuotaSharing(QuotaKind.SHARED, url="postgres://me@db:5432/x")),
    ],
)
def test_the_ways_to_share_a_quota(root: Path, text: str, quota: QuotaSharing) -> None:
    Path("reconciler.yaml").write_text(f"{GOOD}quota: {text}\n")
    assert project_file.load(Path()).quota == quota


def test_the_classes_of_approvals_are_those_of_consent() -> None:
    from reconciler.config import schema

    rule = schema.load("reconciler")["properties"]["rules"]["items"]["properties"]
    classes = set(rule["approvals"]["properties"]) - {"any"}
    assert classes == {each.value for each in RiskClass}


def test_every_plan_may_do_without_an_approval_but_no_class_may(root: Path) -> None:
    Path("reconciler.yaml").write_text(RULE % "approvals: {any: 0, delete: 1}", encoding="utf-8")
    assert project_file.load(Path()).settings("x").approvals == {"any": 0, "delete": 1}
    zeros = ", ".join(f"{each.value}: 0" for each in RiskClass)
    found = problems(RULE % f"approvals: {{{zeros}}}")
    assert [each.code for each in found] == ["out-of-bounds"] * len(RiskClass)
