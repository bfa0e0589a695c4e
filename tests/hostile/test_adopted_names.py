"""Names that people and programs give objects, taken over by `adopt` and `import`: the file reads
back, its plan only binds, and each key is one that the language allows.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import adopt
from reconciler.commands.adopt import AdoptSelection
from reconciler.importing import adopt_writer
from reconciler.importing.romanization import romanized
from reconciler.model.abort import Abort
from reconciler.model.plan import Action
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import packaged_world
from tests.cloud_harness import CloudHarness

KEY = re.compile(r"[a-z][a-z0-9_]{0,23}")
NAMES = (
    *("웹서버-1", "웹서버-2", "앱 서버", "데이터베이스서버운영환경백업용기계입니다"),
    *(unicodedata.normalize("NFD", name) for name in ("웹서버-1", "앱 서버")),
    *("true", "null", "none", "no", "~", "1e3", "0x10", "12:30", "=", "<<", "*a", "&a", "!tag"),
    *("a: b # c", "- a", "'\"\\", "${vars.x}", "$${x}", "{a}", "[b]", "%TAG", "@x", "`x`"),
    *("🙂", "𠮷野家", "שלום", "\u202eevil", "a\u200bb", "zero\u00a0width", "ㅋㅋ", "한자漢字"),
    *("each", "count", "in", "web", "WEB", "Web ", "web_", "x" * 32, "컴퓨터" * 10),
)


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("웹서버-1", "webseobeo-1"),
        (unicodedata.normalize("NFD", "웹서버"), "webseobeo"),
        ("창고 관리", "changgo gwanri"),
        ("의료 떡볶이", "uiryo tteogbokki"),
        ("ㅋㅋ", "kk"),
        ("Café ＷＥＢ", "Cafe WEB"),
        ("漢字🙂", "漢字🙂"),
    ],
)
def test_hangul_is_romanised_letter_by_letter(text: str, latin: str) -> None:
    assert romanized(text) == latin


def account_of_names() -> CloudHarness:
    """An account with one instance for each name."""
    harness = CloudHarness()
    harness.cloud.replace_world(packaged_world("company"))

    def put(world: World) -> None:
        one = next(iter(world.instances.values()))
        for number, name in enumerate(NAMES):
            world.put(replace(one, instance_id=f"INSTANCE-{number:022}", name=name))

    harness.cloud.change(put)
    return harness


def test_every_name_is_taken_over_as_it_is(tmp_path: Path) -> None:
    harness = account_of_names()
    found, account, _ = adopt.adopt(
        harness.connection(), AdoptSelection(everything=True), stack="taken"
    )
    text = adopt_writer.text(found, account)
    keys = [(one.kind, one.key) for one in found.resources]
    assert len(keys) == len(set(keys)) and all(KEY.fullmatch(key) for _, key in keys)
    again = adopt.adopt(harness.connection(), AdoptSelection(everything=True), stack="taken")[0]
    assert adopt_writer.text(again, account) == text
    assert not re.search("[\u202e\u200b]", text)
    assert "  webseobeo:  # 웹서버-1, 웹서버-2\n" in text

    stack = harness.stack(text, tmp_path)
    plan = harness.plan(stack)
    assert plan.steps == () and {change.action for change in plan.changes} == {Action.IMPORT}
    assert harness.apply(stack).exit_code == 0 and harness.plan(stack).is_empty


@pytest.mark.parametrize("name", ["🙂", "a: b # c", "'\"\\", "שלום", "\u202eevil", "${vars.x}"])
def test_a_strange_name_finds_its_object(name: str) -> None:
    harness = account_of_names()
    selection = AdoptSelection(texts=(name,))
    found = adopt.adopt(harness.connection(), selection, stack="taken")[0]
    assert [one.names for one in found.resources] == [(name,)]


@pytest.mark.parametrize("name", ["", " ", "nobody", "\x00", "\n", "*", "웹", "x" * 1000])
def test_a_name_that_nothing_has_is_reported(name: str) -> None:
    with pytest.raises(Abort) as stop:
        adopt.adopt(account_of_names().connection(), AdoptSelection(texts=(name,)), stack="taken")
    assert stop.value.problems[0].code == "lookup"
