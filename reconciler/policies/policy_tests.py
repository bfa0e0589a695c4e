"""Example plans beside the policies, with what the policies must find in each: `tests/*.yaml`
beside a file of policies.

`expect` has the names of the policies by effect, and `plan` the members of a JSON plan that matter,
or the name of a JSON file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.common import paths
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config import document, yaml_errors, yaml_reader
from reconciler.config.document import Node, Scalar, Table
from reconciler.config.document import Sequence as ListNode
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Place, Problem, error, in_order
from reconciler.policies import document_shape, plan_document_file
from reconciler.policies.document_shape import Shape
from reconciler.policies.policy_set import PolicySet

TEST_FOLDER = "tests"
FILE_BYTES_MAX = 256 * 1024
EFFECTS = ("deny", "warn", "ask", "failed")
"""What a policy can do about a plan; `failed`: it could not be evaluated, and denies."""

Findings = Mapping[str, tuple[str, ...]]
"""The names of the policies by effect."""

_KEYS = ("title", "plan", "expect")


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """An example plan and what must be found in it."""

    file: str
    title: str
    plan: Mapping[str, Any]
    expected: Findings
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class PolicyTestResult:
    """What was found in the plan of a test."""

    test: PolicyTest
    found: Findings
    problems: tuple[Problem, ...] = ()

    @property
    def missing(self) -> tuple[tuple[str, str], ...]:
        """Each (effect, policy) that was expected and not found."""
        return _without(self.test.expected, self.found)

    @property
    def unexpected(self) -> tuple[tuple[str, str], ...]:
        """Each (effect, policy) that was found and not expected."""
        return _without(self.found, self.test.expected)

    @property
    def passed(self) -> bool:
        """Whether exactly what was expected was found."""
        return not (self.missing or self.unexpected)


def run(policies: PolicySet, tests: Sequence[PolicyTest]) -> tuple[PolicyTestResult, ...]:
    """The results of tests, in their order."""
    return tuple(_result(policies, test) for test in tests)


def load_tests(policies: PolicySet) -> tuple[PolicyTest, ...]:
    """The tests beside the files of the policies. Stops with all mistakes in them."""
    folders = dict.fromkeys(Path(file).parent / TEST_FOLDER for file in policies.files)
    problems: list[Problem] = []
    found = [
        test
        for folder in folders
        for file in sorted(folder.glob("*.yaml"))
        if (test := _read(file, problems)) is not None
    ]
    for test in found:
        problems += _unknown_names(policies, test)
    if problems:
        raise Abort(*in_order(problems))
    return tuple(found)


def _result(policies: PolicySet, test: PolicyTest) -> PolicyTestResult:
    judged = policies.judge(test.plan, test.title)
    found: dict[str, tuple[str, ...]] = {}
    for verdict in judged.verdicts:
        found[verdict.effect] = (*found.get(verdict.effect, ()), verdict.policy)
    return PolicyTestResult(test, found, judged.problems)


def _without(first: Findings, second: Findings) -> tuple[tuple[str, str], ...]:
    return tuple(
        (effect, name)
        for effect in EFFECTS
        for name in first.get(effect, ())
        if name not in second.get(effect, ())
    )


def _unknown_names(policies: PolicySet, test: PolicyTest) -> Iterator[Problem]:
    known = {policy.name for policy in policies.policies} | {name for name, _ in policies.modules}
    for name in sorted({name for names in test.expected.values() for name in names} - known):
        message = msg("there is no policy `{name}`", name=name)
        yield error("missing-reference", message, place=test.place, hint=hint_for(name, known))


def _read(file: Path, problems: list[Problem]) -> PolicyTest | None:
    """The test of a file, or None with problems."""
    own: list[Problem] = []
    text = _text(file, own)
    root = None if text is None else yaml_reader.parse(text, str(file), own)
    test = None if root is None or own else _test(file, root, own)
    problems += own
    return None if own else test


def _text(file: Path, problems: list[Problem]) -> str | None:
    reason: str | None = None
    data = b""
    try:
        reason = paths.refused(file, file.parent)
        data = b"" if reason else paths.read_ordinary(file, FILE_BYTES_MAX + 1)
    except OSError as failure:
        reason = failure.strerror or str(failure)
    if reason is not None:
        message = msg("{file} is not read: it {reason}", file=file, reason=reason)
        problems.append(error("file-missing", message))
        return None
    if len(data) > FILE_BYTES_MAX:
        message = msg("{file} is larger than 256 KiB", file=file)
        problems.append(error("file-too-large", message, place=Place(str(file), 1, 1)))
        return None
    return yaml_errors.decode(data, str(file), problems)


def _test(file: Path, root: Table, problems: list[Problem]) -> PolicyTest | None:
    for key in root.entries:
        if key not in _KEYS:
            message = msg("`{key}` is not a known key of a test of policies", key=key[:40])
            hint = hint_for(key, _KEYS)
            problems.append(error("unknown-key", message, place=root.key_place(key), hint=hint))
    if "plan" not in root.entries or "expect" not in root.entries:
        message = msg("a test of policies needs `plan` and `expect`")
        hint = msg("write `expect: {{deny: [NAME]}}`, or `expect: {{}}` if nothing is found")
        problems.append(error("missing-key", message, place=root.place, hint=hint))
        return None
    expected = _expected(root.entries["expect"], problems)
    plan = _plan(file, root.entries["plan"], problems)
    if plan is None or problems:
        return None
    named = root.get("title")
    title = named.text if isinstance(named, Scalar) else plan_document_file.title(plan)
    return PolicyTest(str(file), title, plan, expected, root.entries["expect"].place)


def _plan(file: Path, node: Node, problems: list[Problem]) -> Mapping[str, Any] | None:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        path = file.parent / node.text
        if path.parent.resolve() != file.parent.resolve() or path.is_symlink():
            message = msg("`plan` names a file in the folder of the test")
            problems.append(error("not-allowed", message, place=node.place))
            return None
        return plan_document_file.read(path)
    if not isinstance(node, Table):
        message = msg("`plan` must be a mapping, or the name of a JSON file")
        problems.append(error("wrong-type", message, place=node.place))
        return None
    problems += _unknown_members(node, document_shape.of_plan())
    plain = plan_document_file.completed(document.plain(node))
    wrong = plan_document_file.first_mistake(plain)
    if wrong is not None:
        message = msg("this is not a JSON plan: {path}", path=wrong)
        problems.append(error("bad-format", message, place=node.place))
    return plain


def _unknown_members(node: Node, shape: Shape) -> Iterator[Problem]:
    """Members that no JSON plan has, as typing errors make them."""
    if isinstance(node, ListNode):
        for item in node.items:
            yield from _unknown_members(item, document_shape.element(shape))
    elif isinstance(node, Table):
        known = document_shape.names(shape)
        for key, place, value in node.keyed():
            if known is not None and key not in known:
                message = msg("a JSON plan has no `{key}` here", key=key[:40])
                yield error("unknown-key", message, place=place, hint=hint_for(key, known))
            else:
                yield from _unknown_members(value, document_shape.member(shape, key))


def _expected(node: Node, problems: list[Problem]) -> Findings:
    """The names of the policies by effect."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in document.table(node).items():
        items = value.items if isinstance(value, ListNode) else (value,)
        names = [item.text for item in items if isinstance(item, Scalar) and item.text]
        if key not in EFFECTS or len(names) != len(items):
            message = msg("`expect` has the names of policies by effect")
            hint = msg("write `expect: {{deny: [NAME]}}`, or `expect: {{}}` if nothing is found")
            problems.append(error("bad-format", message, place=node.place, hint=hint))
            break
        found[key] = tuple(names)
    return found
