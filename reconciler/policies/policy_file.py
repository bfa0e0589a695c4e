"""Reads a file of policies: a strict YAML list, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.common.suggestions import hint_for, listed
from reconciler.common.text import enumerated, msg
from reconciler.config import schema, yaml_reader
from reconciler.config.cel_syntax import ExpressionError
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.plan import RiskClass
from reconciler.policies import document_shape
from reconciler.policies.expression_place import place_of
from reconciler.policies.policy import Condition, Effect, Policy
from reconciler.policies.rule_compiler import compiled

EFFECTS = tuple(effect.value for effect in Effect)


def read(text: str, file: str, problems: list[Problem]) -> tuple[Policy, ...]:
    """The policies of a text. Mistakes are added to the problems."""
    of_yaml: list[Problem] = []
    root = yaml_reader.parse_any(text, file, of_yaml)
    problems += of_yaml
    if root is None or of_yaml or _is_empty(root):
        return ()
    if not isinstance(root, Sequence):
        hint = msg("write each as `- name: NAME`, with one of {keys}", keys=listed(EFFECTS))
        message = msg("a file of policies must be a list")
        problems.append(error("wrong-type", message, place=root.place, hint=hint))
        return ()
    found = [*_mistakes_of_form(root)]
    problems += found
    wrong = {problem.place for problem in found}
    policies = [_PolicyReader(text, problems, wrong).policy(item) for item in root.items]
    return tuple(policy for policy in policies if policy is not None)


def _is_empty(root: Node) -> bool:
    is_list = isinstance(root, Sequence) and not root.items
    return is_list or (isinstance(root, Scalar) and root.value is None and not root.quoted)


def _mistakes_of_form(root: Sequence) -> Iterator[Problem]:
    """Mistakes by the schema. Those of a policy as a whole are worded here, because the schema
    knows no name for it.
    """
    known = tuple(schema.load("policies")["items"]["properties"])
    for item in root.items:
        if not isinstance(item, Table):
            hint = msg("write each as `- name: NAME`, with one of {keys}", keys=listed(EFFECTS))
            yield error(
                "wrong-type", msg("a policy must be a mapping"), place=item.place, hint=hint
            )
            continue
        for key in item.entries:
            if key not in known:
                message = msg("`{key}` is not a known key of a policy", key=key[:40])
                yield error(
                    "unknown-key", message, place=item.key_place(key), hint=hint_for(key, known)
                )
        if "name" not in item.entries:
            message = msg("a policy has no `name`")
            hint = msg("add `name: NAME`, which messages and reviews refer to")
            yield error("missing-key", message, place=item.place, hint=hint)
        yield from _mistakes_of_effect(item)
    of_items = {item.place for item in root.items if not isinstance(item, Table)}
    for problem in schema.check_table(root, "policies"):
        is_of_item = problem.code == "wrong-type" and problem.place in of_items
        if problem.code not in ("unknown-key", "missing-key") and not is_of_item:
            yield problem


def _mistakes_of_effect(item: Table) -> Iterator[Problem]:
    given = [key for key in item.entries if key in EFFECTS]
    if not given:
        message = msg("a policy needs one of {keys}", keys=listed(EFFECTS))
        hint = msg("for example `deny: plan.summary.delete > 0`")
        yield error("missing-key", message, place=item.place, hint=hint)
    for key in given[1:]:
        message = msg("{keys} are mutually exclusive", keys=enumerated([f"`{k}`" for k in given]))
        hint = msg("write one policy for each")
        yield error("bad-combination", message, place=item.key_place(key), hint=hint)
    if "class" in item.entries and "ask" not in item.entries:
        message = msg("`class` is only for a policy with `ask`")
        hint = msg("leave it out")
        place = item.key_place("class")
        yield error("bad-combination", message, place=place, hint=hint)


class _PolicyReader:
    def __init__(self, text: str, problems: list[Problem], wrong: set[Place | None]) -> None:
        self._text, self._problems, self._wrong = text, problems, wrong

    def policy(self, item: Node) -> Policy | None:
        """The policy, or None if it has a mistake."""
        if not isinstance(item, Table):
            return None
        texts = {key: node for key, node in item.entries.items() if isinstance(node, Scalar)}
        effect = next((each for each in Effect if each.value in texts), None)
        each_change = "each" in texts
        condition = None
        if effect is not None and texts[effect.value].place not in self._wrong:
            condition = self._condition(texts[effect.value], each_change=each_change)
        places = {node.place for node in item.entries.values()} | {item.place}
        places |= {place for _, place, _ in item.keyed()}
        if condition is None or effect is None or places & self._wrong:
            return None
        return Policy(
            name=texts["name"].text,
            effect=effect,
            condition=condition,
            place=texts["name"].place,
            pattern=_text(texts, "for") or "*",
            risk=RiskClass(_text(texts, "class") or RiskClass.POLICY.value),
            text=_text(texts, "say"),
        )

    def _condition(self, scalar: Scalar, *, each_change: bool) -> Condition | None:
        roots = {"plan": document_shape.of_plan()}
        if each_change:
            roots["change"] = document_shape.of_change()
        try:
            rule = compiled(scalar.text, roots)
        except ExpressionError as failure:
            self._problems.append(self._problem(failure, scalar, each_change=each_change))
            return None
        return Condition(scalar.text, rule, scalar.place, each_change)

    def _problem(self, failure: ExpressionError, scalar: Scalar, *, each_change: bool) -> Problem:
        place = place_of(self._text, scalar, failure.offset or 0)
        hint = failure.hint
        is_change = scalar.text.startswith("change", failure.offset or 0)
        if failure.code == "bad-reference" and is_change and not each_change:
            hint = msg("add `each: change`, so that each change is judged by itself")
        elif "${" in scalar.text:
            hint = msg("write the expression without `${{` and `}}`")
        return error(failure.code, failure.message, place=place, hint=hint)


def _text(texts: Mapping[str, Scalar], key: str) -> str | None:
    found = texts.get(key)
    return None if found is None else found.text.strip()
