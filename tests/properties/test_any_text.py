"""The examples, damaged at random: whatever a stack becomes, it is built or told what is wrong, at
a place and never by a traceback.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import builder, requirements, schema, stack_folder, yaml_reader
from reconciler.model.diagnostics import Severity
from tests import extent

ROOT = Path(__file__).parents[2] / "examples" / "stacks"
TEXTS = {
    path.parent.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*/stack.yaml"))
}
PIECES = [
    "",
    " ",
    "  ",
    "\n",
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "${",
    "}",
    '"',
    "'",
    "#",
    "null",
    "true",
    "0",
    "-1",
    "999999",
    "*a",
    "&a ",
    "!t ",
    "가",
    "\t",
]
WORDS = [
    "instances",
    "firewalls.web",
    "none",
    "web[0]",
    "vars",
    "locals",
    "count",
    "for_each",
    "when",
    "moved",
    "from",
    "keep",
    "components",
    "use",
]


def damaged(text: str, chance: random.Random) -> str:
    """A text with a few things put in, taken out, or exchanged, letters and lines."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            text = text[:at] + chance.choice([*PIECES, *WORDS]) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chance.randint(1, 12) :]
        else:
            lines = text.split("\n")
            one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
            if kind == 2:
                lines[one], lines[two] = lines[two], lines[one]
            elif kind == 3:
                del lines[one]
            else:
                lines.insert(one, lines[two])
            text = "\n".join(lines)
    return text


@settings(max_examples=extent.examples(400))
@given(name=st.sampled_from(sorted(TEXTS)), seed=st.integers(0, 2**32))
def test_a_damaged_stack_is_built_or_its_mistakes_are_reported(name: str, seed: int) -> None:
    text = damaged(TEXTS[name], random.Random(seed))
    document, found = yaml_reader.read(text, str(ROOT / name / "stack.yaml"))
    problems = [*found, *schema.check(document)]
    for environment in builder.environments(document) or (None,):
        stack, meaning = builder.build(document, environment=environment)
        problems += meaning
        if stack is None and document.whole:
            assert any(problem.severity is Severity.ERROR for problem in problems), text
        elif stack is not None:
            problems += [demand.problem for demand in requirements.demands(stack)]
    for problem in problems:
        assert problem.place is not None or problem.code in (
            "environment",
            "variable-value",
            "bad-format",
        ), problem
        assert problem.message and "Traceback" not in problem.message


@pytest.mark.parametrize("name", sorted(TEXTS))
@settings(max_examples=15)
@given(chance=st.randoms(use_true_random=False))
def test_the_order_of_sections_and_files_does_not_matter(name: str, chance: random.Random) -> None:
    # Goal: the same stack, cut into files and put in any order, is the same stack.
    document, _ = stack_folder.load(ROOT / name)
    environment = next(iter(builder.environments(document)), None)
    stacks = {"network": {"outputs": {"jump_address": "1.2.3.4", "jump_private": "10.0.0.1"}}}
    wanted, problems = builder.build(document, environment=environment, stacks=stacks)
    assert wanted is not None, problems
    keys = list(document.root.entries)
    order = chance.sample(keys, len(keys))
    root = document.root
    marks = dict(zip(root.entries, root.marks, strict=True))
    turned = root._replace(
        entries={key: root.entries[key] for key in order}, marks=tuple(marks[key] for key in order)
    )
    again, _ = builder.build(
        document.__class__(turned, document.files, parts=document.parts),
        environment=environment,
        stacks=stacks,
    )
    assert (
        again is not None
        and again.digest == wanted.digest
        and list(again.resources) == list(wanted.resources)
    )
