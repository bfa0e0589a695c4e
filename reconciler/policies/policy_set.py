"""The policies of a project: `load` reads them, `PolicySet.judge` says what they find in a plan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.common import paths
from reconciler.common.dataclass import dataclass
from reconciler.common.text import first_few, msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Place, Problem, error, has_errors, in_order, warning
from reconciler.model.plan import Consent
from reconciler.policies.judgement import Ask, PolicyJudgement, PolicyVerdict

if TYPE_CHECKING:
    from reconciler.config.project.project import Located, Project
    from reconciler.policies.policy import NotEvaluated, Policy

_REGO = ".rego"
FILE_BYTES_MAX = 256 * 1024
FILES_MAX = 200

STEPS_MIN = 200_000
STEPS_PER_CHANGE = 150
"""How many steps one policy may take over a plan: for 1,000 changes some tenths of a second."""

PLAN_STEPS_MAX = 10_000_000
"""The same for all policies together."""

_ADDRESSES_LISTED_MAX = 5


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies of a project, sorted by file and place. `modules` are files in Rego with their
    texts; `files` are those of the policies.
    """

    policies: tuple[Policy, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.policies or self.modules)

    def judge(self, plan: Mapping[str, Any], title: str) -> PolicyJudgement:
        """What the policies for a stack find in its plan.

        `plan` is the JSON plan, as `plan --format json` prints it, and `title` that of the stack
        and environment, such as `shop/prod`. Raises nothing: a policy that cannot be evaluated
        denies the plan.
        """
        problems: list[Problem] = []
        asks: list[Ask] = []
        verdicts: list[PolicyVerdict] = []
        left = PLAN_STEPS_MAX
        for policy in self.policies:
            if fnmatchcase(title, policy.pattern):
                steps = [min(STEPS_MIN + STEPS_PER_CHANGE * len(plan["changes"]), left)]
                before = steps[0]
                found, asked, effect = _judged(policy, plan, steps)
                left -= before - max(steps[0], 0)
                problems += found
                asks += asked
                verdicts += [PolicyVerdict(policy.name, effect)] if effect else []
        if self.modules:
            from reconciler.policies import rego

            answer = rego.answer(self.modules, plan)
            problems += rego.problems(self.modules, answer)
            effects = {"deny": answer.deny, "warn": answer.warn, "failed": answer.failure}
            verdicts += [PolicyVerdict(rego.NAME, each) for each, some in effects.items() if some]
        return PolicyJudgement(in_order(problems), tuple(asks), tuple(verdicts))


def load(project: Project) -> PolicySet:
    """The policies that the file of a project names. Stops with all mistakes in their files."""
    if project.file is None or not project.policies:
        return PolicySet()
    from reconciler.policies import policy_file, rego

    problems: list[Problem] = []
    policies: list[Policy] = []
    modules: list[tuple[str, str]] = []
    files = tuple(_files(project.file.parent, project.policies, problems))
    for file in files:
        text = _text(file, problems)
        if text is not None and file.suffix == _REGO:
            modules.append((str(file), text))
            problems += rego.mistakes(str(file), text)
        elif text is not None:
            policies += policy_file.read(text, str(file), problems)
    _check_names(policies, problems)
    if has_errors(problems):
        raise Abort(*in_order(problems))
    if modules:
        rego.check_library()
    return PolicySet(tuple(policies), tuple(modules), tuple(map(str, files)))


def _judged(
    policy: Policy, plan: Mapping[str, Any], steps: list[int]
) -> tuple[list[Problem], list[Ask], str | None]:
    from reconciler.policies.policy import Effect, NotEvaluated

    try:
        found = list(policy.found(plan, steps))
    except NotEvaluated as failure:
        return [_not_evaluated(policy, failure)], [], "failed"
    if not found:
        return [], [], None
    if policy.effect is Effect.ASK:
        asks = [_ask(policy, address) for address in found]
        return [_problem(policy, found)], asks, policy.effect.value
    return [_problem(policy, found)], [], policy.effect.value


def _ask(policy: Policy, address: str | None) -> Ask:
    consent = Consent(policy.risk, policy.name if address is None else address)
    return Ask(policy.name, consent, policy.text or policy.condition.source)


def _problem(policy: Policy, found: list[str | None]) -> Problem:
    """One problem for all changes that a policy found."""
    from reconciler.policies.policy import Effect

    addresses = [address for address in found if address is not None]
    where: str = msg("this plan")
    if addresses:
        where = first_few(addresses, _ADDRESSES_LISTED_MAX)
    fields = {"name": policy.name, "where": where, "text": policy.text or policy.condition.source}
    address = addresses[0] if len(addresses) == 1 else None
    if policy.effect is Effect.DENY:
        message = msg("the policy `{name}` denies {where}: {text}", **fields)
        hint = msg("change the stack so that the policy allows the plan; no option overrides it")
        return error("policy", message, place=policy.place, address=address, hint=hint)
    message = msg("the policy `{name}` warns of {where}: {text}", **fields)
    if policy.effect is Effect.ASK:
        message = msg(
            "the policy `{name}` wants consent ({risk}) to {where}: {text}",
            risk=policy.risk.value,
            **fields,
        )
    return warning("policy", message, place=policy.place, address=address)


def _not_evaluated(policy: Policy, failure: NotEvaluated) -> Problem:
    message = msg(
        "the policy `{name}` cannot be evaluated, so it denies this plan: {reason}",
        name=policy.name,
        reason=failure.failure.message,
    )
    place = policy.condition.place
    return error("policy", message, place=place, address=failure.address, hint=failure.failure.hint)


def _check_names(policies: Iterable[Policy], problems: list[Problem]) -> None:
    places: dict[str, Place] = {}
    for policy in policies:
        first = places.setdefault(policy.name, policy.place)
        if first is not policy.place:
            message = msg(
                "the policy `{name}` is already defined at {first}", name=policy.name, first=first
            )
            hint = msg("give it another name")
            problems.append(error("yaml-duplicate-key", message, place=policy.place, hint=hint))


def _files(folder: Path, patterns: tuple[Located, ...], problems: list[Problem]) -> Iterator[Path]:
    """The files that the patterns name, each once, sorted by name for each pattern."""
    seen: set[Path] = set()
    for pattern in patterns:
        found = sorted(_matching(folder, pattern.text))
        if not found:
            message = msg("`{pattern}` matches no file of policies", pattern=pattern.text)
            hint = msg("a pattern is relative to the file of the project, such as policies/*.yaml")
            problems.append(error("file-missing", message, place=pattern.place, hint=hint))
        if len(found) > FILES_MAX:
            message = msg(
                "`{pattern}` matches more than {limit} files", pattern=pattern.text, limit=FILES_MAX
            )
            hint = msg("put the policies of one subject into one file")
            problems.append(error("file-too-large", message, place=pattern.place, hint=hint))
            continue
        for file in found:
            if file in seen:
                continue
            seen.add(file)
            reason = _refused(file, folder)
            if reason is None:
                yield file
                continue
            message = msg("{file} is not read: it {reason}", file=file, reason=reason)
            problems.append(error("file-missing", message, place=pattern.place))


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    """The files that a pattern names. `**` would go through the whole repository, and is not
    supported.
    """
    parts = Path(pattern).parts
    if "**" in pattern or pattern.startswith("/") or ".." in parts or not parts:
        return
    with suppress(OSError, ValueError):  # names that no file can have
        for file in folder.glob(pattern):
            yield Path(os.path.normpath(file))


def _refused(file: Path, folder: Path) -> str | None:
    if file.suffix != _REGO:
        return paths.refused(file, folder)
    return msg("is outside the repository") if paths.leaves_repository(file, folder) else None


def _text(file: Path, problems: list[Problem]) -> str | None:
    """The text of a file, or None with a problem."""
    from reconciler.config import yaml_errors

    try:
        data = paths.read_ordinary(file, FILE_BYTES_MAX + 1)
    except OSError as failure:
        reason = failure.strerror or str(failure)
        message = msg("{file} cannot be read: {reason}", file=file, reason=reason)
        problems.append(error("file-missing", message))
        return None
    if len(data) > FILE_BYTES_MAX:
        message = msg("{file} is larger than 256 KiB", file=file)
        problems.append(error("file-too-large", message, place=Place(str(file), 1, 1)))
        return None
    return yaml_errors.decode(data, str(file), problems)
