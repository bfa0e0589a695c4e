"""Pull requests of a stranger who wants to run something, read something, change the rules or use
up the machine. Each is refused or harmless, and costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.review.repositories import BASE, RULES, SHOP, Repository
from tests.review.sandbox import MEBIBYTES_MAX, SECONDS_MAX, Sandbox, Seen

CANARY = "c4n4ry-of-the-machine"
TOO_LARGE = "this file is left out, because it is too large for a pull request"
REFUSED = "the files of the pull request are not read"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The watched process."""
    found = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository, with a secret of the machine beside it."""
    tmp_path = tmp_path_factory.mktemp("machine")
    secret = f"version: 1\nstack: {CANARY}\n{CANARY}: 1\n"
    for name in ("secret.yaml", "secret/component.yaml", "secret/stack.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(secret)
    return Repository(tmp_path / "repository")


def checked(sandbox: Sandbox, repository: Repository, head: str) -> Seen:
    """What reading a pull request did. Nothing was started, opened outside or shown of a secret,
    and it was cheap.
    """
    base = repository.git("rev-parse", "main")
    seen = sandbox.read(repository.folder, base, head)
    assert "Traceback" not in seen.out, seen.out
    assert seen.opened == seen.started == []
    for secret in (CANARY, "CANARY-", "root:x:", "/etc/passwd: "):
        assert secret not in seen.out
    assert seen.seconds < SECONDS_MAX
    assert seen.mebibytes < MEBIBYTES_MAX
    return seen


def mine(**keys: str) -> dict[str, str | bytes | None]:
    """The files of a stack with further lines, for a pull request."""
    return {"shop/stack.yaml": SHOP + "".join(f"{key}: {text}\n" for key, text in keys.items())}


def test_an_honest_one_is_read(sandbox: Sandbox, repository: Repository) -> None:
    head = repository.branch(mine(firewalls="{web: {icmp: true}}"))
    seen = checked(sandbox, repository, head)
    assert (seen.codes, seen.out) == ([0], "shop: no errors\n")
    assert set(seen.files) == {*BASE}


# What is in a file
# ------------------------------------------------------------------------------------------------

LAUGHS = "\n".join(
    f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10 if n else ['lol'] * 10)}]" for n in range(7)
)
FILES: Mapping[str, tuple[str | bytes, str]] = {
    "tags of Python": (
        "locals: {x: !!python/object/apply:os.system ['touch canary']}\n",
        "yaml-tag",
    ),
    "short tags": ("locals: {x: !include ../../secret.yaml}\n", "yaml-tag"),
    "a million aliases": (f"locals:\n{LAUGHS}\n", "yaml-alias"),
    "many aliases of one": ("locals: {a: &a [1], b: [" + "*a," * 200_000 + "]}\n", TOO_LARGE),
    "an alias of itself": ("locals: &a {x: *a}\n", "yaml-alias"),
    "deep brackets": ("locals: {x: " + "[" * 100_000 + "\n", "yaml-depth"),
    "deep mappings": ("".join(f"{' ' * n}a:\n" for n in range(1200)), "yaml-depth"),
    "many mistakes": ("x: !t 1\n" * 20_000, "yaml-duplicate-key"),
    "many values": ("locals: {x: [" + "1," * 400_000 + "1]}\n", TOO_LARGE),
    "one long key": ("a" * 1_000_000 + ": 1\n", "yaml-syntax"),
    "mistakes at the end of a line": (
        "locals: {x: '" + "가" * 9900 + "', y: !t 1, z: !t 1}\n",
        "yaml-tag",
    ),
    "one long value": ("project: " + "1" * 1_000_000 + "\n", "unknown-key"),
    "a line that looks like many secrets": ("x: " + "://" * 15_000 + "\n", "unknown-key"),
    "a line that looks like many commands": ("'::a" + "a::" * 100_000 + "': 1\n", "error"),
    "not UTF-8": (b"locals: {x: \xff\xfe}\n", "file-encoding"),
    "a NUL": (b"locals: {x: \x00}\n", "yaml-syntax"),
    "escapes of a terminal": ("locals: {x: \x1b]0;owned\x07}\n", "yaml-syntax"),
    "a pointer of LFS": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "wrong-type",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_content_of_a_file(sandbox: Sandbox, repository: Repository, name: str) -> None:
    text, expected = FILES[name]
    seen = checked(sandbox, repository, repository.branch({"shop/x.yaml": text}))
    assert expected in seen.out, seen.out[:2000]
    assert seen.codes == [1]
    assert len(seen.out) < 200_000 and "\x1b" not in seen.out and "\x00" not in seen.out


def big(text: str) -> str:
    """An expression in a place where it is evaluated."""
    return f'{{x: "${{{text}}}"}}'


DIGITS = "[0,1,2,3,4,5,6,7,8,9]"


def nested(times: int, inner: str) -> str:
    """A loop in a loop, each over ten items."""
    return f"{DIGITS}.map(i{times}, {nested(times - 1, inner)})" if times else inner


EXPRESSIONS: Mapping[str, dict[str, str | bytes | None]] = {
    "loops in loops": mine(locals=big(nested(9, "1"))),
    "a growing text": mine(
        locals="{"
        + ", ".join(
            f'x{n}: "${{locals.x{n - 1} + locals.x{n - 1}}}"' if n else "x0: lol" for n in range(40)
        )
        + "}"
    ),
    "a growing list": mine(
        locals="{"
        + ", ".join(
            f'x{n}: "${{locals.x{n - 1} + locals.x{n - 1}}}"' if n else "x0: [1]" for n in range(40)
        )
        + "}"
    ),
    "many replacements": mine(locals=big("replace(" * 40 + "'a'" + ", 'a', 'aaaaaaaaaa')" * 40)),
    "a wide format": mine(locals=big("format('%999999999d', [1])")),
    "many operators": mine(locals=big("1" + "+1" * 50_000)),
    "a regular expression": mine(
        locals=big("matches('" + "a" * 5000 + "!', '^(a+)+$')"),
    ),
    "a large regular expression": mine(
        locals=big("matches('a', '(((((a{1,1000}){1,1000}){1,1000}){1,1000}){1,1000})')"),
    ),
    "an assert": mine(**{"assert": '[{that: "${' + nested(9, "1") + '.size() > 0}", say: x}]'}),
    "a large count": mine(
        firewalls="{web: {count: 999999999, icmp: true}}",
    ),
    "a pattern of a variable": mine(
        variables="{x: {type: string, pattern: '^(a+)+$', default: '" + "a" * 5000 + "!'}}"
    ),
    "many loops": mine(
        locals="{" + ", ".join(f'x{n}: "${{{nested(6, "1")}}}"' for n in range(200)) + "}"
    ),
    "a long value": mine(project="1" * 500_000),
    "a long name": mine(firewalls="{'" + "x" * 500_000 + "': {icmp: true}}"),
    "a long reference": mine(locals=big("vars." + "x" * 3900)),
    "a cycle of locals": mine(locals='{a: "${locals.b}", b: "${locals.a}"}'),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_that_cost_much(sandbox: Sandbox, repository: Repository, name: str) -> None:
    seen = checked(sandbox, repository, repository.branch(EXPRESSIONS[name]))
    assert len(seen.out) < 200_000
    assert seen.codes in ([0], [1])


# What is not an ordinary file
# ------------------------------------------------------------------------------------------------

LINKS = (
    "../secret.yaml",
    "../../../../../../../../etc/passwd",
    "/proc/self/environ",
    "state/shop.json",
    "policies/few.yaml",
    "loop.yaml",
)


@pytest.mark.parametrize("target", LINKS)
def test_a_link_in_a_stack_is_refused(
    sandbox: Sandbox, repository: Repository, target: str
) -> None:
    head = repository.planted({"shop/link.yaml": ("120000", target)})
    seen = checked(sandbox, repository, head)
    assert seen.codes == [1] and "link.yaml is not a regular file" in seen.out
    assert seen.left_out == ["shop/link.yaml"]


@pytest.mark.parametrize(
    ("planted", "text", "expected"),
    [
        ({"parts": ("120000", "../secret")}, "components: {x: {use: ../parts/component.yaml}}", ""),
        ({"parts": ("160000", "")}, "components: {x: {use: ../parts/component.yaml}}", ""),
        ({"components": ("120000", "../secret")}, "components: {x: {use: secret}}", ""),
        (
            {"components/x/component.yaml": ("120000", "../../../secret/component.yaml")},
            "components: {x: {use: x}}",
            "",
        ),
        ({"other": ("120000", "../secret")}, "stacks: {x: {path: ../other}}", "*.yaml file"),
        ({"shop/vars.auto.vars.yaml": ("120000", "/proc/self/environ")}, "", "regular file"),
        ({}, "components: {x: {use: ../../secret/component.yaml}}", "outside the repository"),
        ({}, "components: {x: {use: /proc/self/environ}}", "outside the repository"),
        ({}, "components: {x: {use: ~/secret.yaml}}", "does not exist"),
        ({}, "stacks: {x: {path: ../../secret}}", "outside the repository"),
        ({}, "stacks: {x: {path: /proc/self/environ}}", "outside the repository"),
    ],
)
def test_nothing_outside_is_read(
    sandbox: Sandbox,
    repository: Repository,
    planted: Mapping[str, tuple[str, str]],
    text: str,
    expected: str,
) -> None:
    head = repository.planted(planted, {"shop/stack.yaml": f"{SHOP}{text}\n"})
    seen = checked(sandbox, repository, head)
    assert expected in seen.out
    assert seen.codes == [1] or "stacks:" in text  # what another stack lacks is a warning


def test_the_folder_of_a_stack_may_not_be_a_link(sandbox: Sandbox, repository: Repository) -> None:
    for mode in ("120000", "160000"):
        files: dict[str, str | bytes | None] = {
            "reconciler.yaml": f"{RULES}  more: {{path: more}}\n"
        }
        seen = checked(sandbox, repository, repository.planted({"more": (mode, "shop")}, files))
        assert seen.codes == [1] and "more is not read" in seen.out


# The rules
# ------------------------------------------------------------------------------------------------

STATE = "state: s3://stranger/bucket\n"
OTHER_RULES = (
    "rules: [{for: '*', approvers: [stranger], approvals: {delete: 0}, apply: approved}]\n",
    STATE,
    "quota: postgresql://stranger.example/db\n",
    "notify: [{on: [drifted], to: 'env:IWINV_SECRET_KEY'}]\n",
)


@pytest.mark.parametrize("text", OTHER_RULES)
def test_other_rules_are_not_read(sandbox: Sandbox, repository: Repository, text: str) -> None:
    files: dict[str, str | bytes | None] = {
        "reconciler.yaml": RULES + text,
        "shop/reconciler.yaml": RULES + text,
        "policies/few.yaml": "- {name: few, warn: '" + "a" * 100_000 + "'}\n",
        "policies/z.yaml": "!!python/object/apply:os.system ['touch canary']\n",
    }
    seen = checked(sandbox, repository, repository.branch(files))
    assert (seen.codes, seen.out) == ([0], "shop: no errors\n")
    assert seen.rules_changed and set(seen.files) == {*BASE}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("shop: {path: evil}", "duplicate key `shop`"),
        ("other: {path: shop}", "the stacks `shop` and `other` are one"),
        ("other: {path: ./shop/stack.yaml}", "the stacks `shop` and `other` are one"),
        ("other: {path: ../secret}", "outside the repository"),
        ("other: {path: /etc}", "outside the repository"),
        ("other: {path: evil}", "the stack in evil is named `shop`"),
        ("other: {path: .git}", "contains no stack"),
    ],
)
def test_a_new_stack_is_not_one_that_is_known(
    sandbox: Sandbox, repository: Repository, entry: str, expected: str
) -> None:
    files: dict[str, str | bytes | None] = {
        "reconciler.yaml": f"{RULES}  {entry}\n",
        "evil/stack.yaml": SHOP,
    }
    seen = checked(sandbox, repository, repository.branch(files))
    assert seen.codes == [1] and expected in seen.out, seen.out


# Names and sizes
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("shop/a\nb.yaml", "shop/a\x1b[31m.yaml", "shop/a\\b.yaml", "shop/\u202elmay.yaml"),
        *("shop/a\u200bb.yaml", "SHOP/x.yaml", "shop/STACK.yaml", "/".join("d" * 40) + "/x.yaml"),
        *("shop/\udcff.yaml", "Reconciler.yaml/x.yaml"),
    ],
)
def test_a_name_that_is_not_written(sandbox: Sandbox, repository: Repository, name: str) -> None:
    seen = checked(sandbox, repository, repository.planted({name: ("100644", SHOP)}))
    assert (REFUSED in seen.out and seen.codes == [1]) or set(seen.files) == {*BASE, name}
    assert "\x1b" not in seen.out and "\u202e" not in seen.out
    assert REFUSED in seen.out or name.startswith("Reconciler")


@pytest.mark.parametrize("name", ["-rf.yaml", "--output=x.yaml", "$(touch canary).yaml"])
def test_a_name_like_an_option_is_a_name(
    sandbox: Sandbox, repository: Repository, name: str
) -> None:
    seen = checked(sandbox, repository, repository.planted({name: ("100644", SHOP)}))
    assert seen.codes == [0] and name in seen.files


@pytest.mark.parametrize(
    ("part", "expected"),
    [("..", "leads out"), (".git", "repository itself"), (".GIT", "repository itself")],
)
def test_a_tree_that_git_would_not_check_out(
    sandbox: Sandbox, repository: Repository, part: str, expected: str
) -> None:
    inner = repository.tree({"hook.yaml": ("100644", SHOP)})
    seen = checked(sandbox, repository, repository.committed({part: ("040000", inner)}))
    assert REFUSED in seen.out and expected in seen.out


def test_a_hundred_thousand_files(sandbox: Sandbox, repository: Repository) -> None:
    blob = repository.blob(SHOP)
    many = repository.tree({f"f{n:06}.yaml": ("100644", blob) for n in range(100_000)}, blobs=True)
    seen = checked(sandbox, repository, repository.committed({"many": ("040000", many)}))
    assert REFUSED in seen.out and "more than 10000" in seen.out


def test_a_tree_that_contains_itself_many_times(sandbox: Sandbox, repository: Repository) -> None:
    tree = repository.tree({"x.txt": ("100644", "x")})
    for _ in range(10):
        tree = repository.tree({f"d{n}": ("040000", tree) for n in range(10)})
    seen = checked(sandbox, repository, repository.committed({"bomb": ("040000", tree)}))
    assert REFUSED in seen.out


def test_a_tree_of_many_levels(sandbox: Sandbox, repository: Repository) -> None:
    tree = repository.tree({"x.yaml": ("100644", SHOP)})
    for _ in range(40):
        tree = repository.tree({"d": ("040000", tree)})
    seen = checked(sandbox, repository, repository.committed({"deep": ("040000", tree)}))
    assert REFUSED in seen.out and "more than 32 folders" in seen.out


def test_huge_files_are_left_out(sandbox: Sandbox, repository: Repository) -> None:
    head = repository.branch(
        {"movie.bin": b"\0" * 20_000_000, "data/huge.yaml": "x: 1\n" * 400_000}
    )
    seen = checked(sandbox, repository, head)
    assert seen.codes == [0] and seen.left_out == ["data/huge.yaml"]
    head = repository.branch({"shop/huge.yaml": "x: 1\n" * 400_000})
    seen = checked(sandbox, repository, head)
    assert seen.codes == [1] and TOO_LARGE in seen.out


# What Git could start
# ------------------------------------------------------------------------------------------------


def test_drivers_and_hooks_are_not_started(tmp_path: Path, sandbox: Sandbox) -> None:
    repository = Repository(tmp_path / "repository")
    canary = tmp_path / "canary"
    script = tmp_path / "trap"
    script.write_text(f"#!/bin/sh\ntouch {canary}\n")
    script.chmod(0o755)
    attributes = "* filter=trap diff=trap merge=trap\n"
    repository.base = repository.commit({".gitattributes": attributes, "shop/x.yaml": "a:\n" * 9})
    head = repository.branch({"shop/x.yaml": "b:\n" + "a:\n" * 9, "hooks/post-merge": "exit 1"})
    (repository.folder / ".git" / "info" / "attributes").write_text(attributes)
    repository.commit({"shop/x.yaml": "a:\n" * 9 + "c:\n"})
    for name in ("merge.trap.driver", "filter.trap.smudge", "diff.trap.textconv", "merge.default"):
        repository.git("config", name, "trap" if name == "merge.default" else str(script))
    seen = checked(sandbox, repository, head)
    assert "shop/x.yaml" in seen.files
    assert not canary.exists()
    repository.git("merge-tree", "--write-tree", "main", head)
    assert canary.exists()  # the trap works


@pytest.mark.parametrize("text", ["--output=x", "-x", "main", "HEAD", "a" * 39, "a" * 40 + "\n"])
def test_only_full_ids_are_given_to_git(
    sandbox: Sandbox, repository: Repository, text: str
) -> None:
    seen = checked(sandbox, repository, text)
    assert "is not the full id of a commit" in seen.out


def test_a_commit_that_is_not_there(sandbox: Sandbox, repository: Repository) -> None:
    seen = checked(sandbox, repository, "a" * 40)
    assert "fetch-depth: 0" in seen.out and seen.codes == [1]
