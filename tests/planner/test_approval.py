"""Consent as a table: what is open, who is asked, and what a typed text means
(consent#giving-consent).
"""

from __future__ import annotations

import pytest

from reconciler.model.address import Address, parse
from reconciler.model.plan import Action, Change, Consent, Impact, Plan, RiskClass, Step
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, Approval, GivenConsent, TypedAnswer


def address(text: str) -> Address:
    found = parse(text)
    assert found is not None
    return found


def change(text: str, action: Action, *risks: RiskClass) -> Change:
    return Change(
        address(text),
        action,
        reason="",
        impact=Impact(consents=tuple(Consent(risk, text) for risk in risks)),
    )


def plan(*changes: Change, steps: tuple[Step, ...] = ()) -> Plan:
    return Plan(
        stack="shop",
        environment="prod",
        digest="d",
        lineage="l",
        serial=1,
        changes=changes,
        steps=steps,
    )


CREATE = change("instances.web", Action.CREATE)
DELETE = change("instances.old", Action.DELETE, RiskClass.DELETE)
RESIZE = change("instances.db", Action.RESIZE, RiskClass.DOWNTIME)
LOCKOUT = change("firewalls.web", Action.BLOCKED, RiskClass.LOCKOUT)
GONE = change("instances.lost", Action.DECIDE, RiskClass.GONE)
GONE_ACCEPTED = change("instances.lost", Action.CREATE, RiskClass.GONE)
PROTECTED = change("instances.db", Action.BLOCKED, RiskClass.DELETE)
MANY = (*(f"instances.a{number}" for number in range(20)), "instances.old", "instances.db")
delete, downtime = Acceptance(RiskClass.DELETE), Acceptance(RiskClass.DOWNTIME)


@pytest.mark.parametrize(
    ("name", "changes", "given", "verdict", "still_open"),
    [
        (
            "nothing open asks at a terminal",
            [CREATE],
            GivenConsent(terminal=True),
            Approval.ASK,
            [],
        ),
        ("nothing open goes with --yes", [CREATE], GivenConsent(yes=True), Approval.GO, []),
        (
            "--yes at a terminal goes where nothing is open",
            [CREATE],
            GivenConsent(yes=True, terminal=True),
            Approval.GO,
            [],
        ),
        ("nobody to ask and no --yes", [CREATE], GivenConsent(), Approval.REFUSED, []),
        (
            "an open class is asked for at a terminal",
            [DELETE],
            GivenConsent(terminal=True),
            Approval.ASK,
            ["delete"],
        ),
        (
            "--yes does not cover a class",
            [DELETE],
            GivenConsent(yes=True),
            Approval.REFUSED,
            ["delete"],
        ),
        (
            "--yes at a terminal still asks for a class",
            [DELETE],
            GivenConsent(yes=True, terminal=True),
            Approval.ASK,
            ["delete"],
        ),
        (
            "--accept CLASS covers every address",
            [DELETE],
            GivenConsent(accept=(delete,), yes=True),
            Approval.GO,
            [],
        ),
        (
            "--accept CLASS=ADDRESS covers that one",
            [DELETE],
            GivenConsent(accept=(Acceptance(RiskClass.DELETE, "instances.old"),), yes=True),
            Approval.GO,
            [],
        ),
        (
            "and no other",
            [DELETE],
            GivenConsent(accept=(Acceptance(RiskClass.DELETE, "instances.web"),), yes=True),
            Approval.REFUSED,
            ["delete"],
        ),
        (
            "--accept alone answers no prompt outside a terminal",
            [DELETE],
            GivenConsent(accept=(delete,)),
            Approval.REFUSED,
            [],
        ),
        (
            "--accept alone is still asked at a terminal",
            [DELETE],
            GivenConsent(accept=(delete,), terminal=True),
            Approval.ASK,
            [],
        ),
        (
            "the environment accepts likewise",
            [DELETE],
            GivenConsent(from_stack=(delete,), yes=True),
            Approval.GO,
            [],
        ),
        (
            "one of two classes is open",
            [DELETE, RESIZE],
            GivenConsent(accept=(delete,), yes=True),
            Approval.REFUSED,
            ["downtime"],
        ),
        (
            "both covered",
            [DELETE, RESIZE],
            GivenConsent(accept=(delete, downtime), yes=True),
            Approval.GO,
            [],
        ),
        (
            "lockout is refused even at a terminal",
            [LOCKOUT],
            GivenConsent(terminal=True),
            Approval.REFUSED,
            ["lockout"],
        ),
        (
            "lockout is not covered by its class",
            [LOCKOUT],
            GivenConsent(accept=(Acceptance(RiskClass.LOCKOUT),), yes=True),
            Approval.REFUSED,
            ["lockout"],
        ),
        (
            "lockout is covered by address",
            [LOCKOUT],
            GivenConsent(accept=(Acceptance(RiskClass.LOCKOUT, "firewalls.web"),), yes=True),
            Approval.GO,
            [],
        ),
        (
            "an environment cannot stand for a lockout",
            [LOCKOUT],
            GivenConsent(from_stack=(Acceptance(RiskClass.LOCKOUT, "firewalls.web"),), yes=True),
            Approval.REFUSED,
            ["lockout"],
        ),
        (
            "a missing object is held back and the rest goes",
            [GONE, CREATE],
            GivenConsent(yes=True),
            Approval.GO,
            [],
        ),
        (
            "its successor needs the address",
            [GONE_ACCEPTED],
            GivenConsent(accept=(Acceptance(RiskClass.GONE),), yes=True),
            Approval.REFUSED,
            ["gone"],
        ),
        (
            "a protected object is held back and asks for nothing",
            [PROTECTED, CREATE],
            GivenConsent(yes=True),
            Approval.GO,
            [],
        ),
    ],
)
def test_given_consent_decides_between_running_asking_and_refusing(
    name: str, changes: list[Change], given: GivenConsent, verdict: Approval, still_open: list[str]
) -> None:
    decision = approval.decide(plan(*changes), given, tracked=MANY)

    assert (decision.verdict, [item.risk.value for item in decision.open]) == (
        verdict,
        still_open,
    ), name
    assert (decision.problem is not None) == (verdict is Approval.REFUSED)


@pytest.mark.parametrize(
    ("typed", "by_name", "reply"),
    [
        ("yes", False, TypedAnswer.CONSENT),
        ("shop/prod", False, TypedAnswer.CONSENT),
        (" shop/prod \n", True, TypedAnswer.CONSENT),
        ("y", False, TypedAnswer.UNCLEAR),
        ("shop", False, TypedAnswer.UNCLEAR),
        ("Shop/prod", True, TypedAnswer.UNCLEAR),
        ("yes", True, TypedAnswer.UNCLEAR),
        ("no", True, TypedAnswer.CANCEL),
        ("NO\n", False, TypedAnswer.CANCEL),
        ("아니요", False, TypedAnswer.CANCEL),
        ("", True, TypedAnswer.CANCEL),
        (None, True, TypedAnswer.CANCEL),
    ],
)
def test_only_the_stack_name_or_yes_is_consent(
    typed: str | None, by_name: bool, reply: TypedAnswer
) -> None:
    assert approval.reply(typed, "shop/prod", by_name=by_name) is reply


@pytest.mark.parametrize(
    ("name", "tracked", "deleted", "empty_file", "refused"),
    [
        ("three of five", 5, 3, False, True),
        ("three of six is half, not more", 6, 3, False, False),
        ("two of three are fewer than three", 3, 2, False, False),
        ("all of one", 1, 1, False, True),
        ("all of two", 2, 2, False, True),
        ("one of four from an empty file", 4, 1, True, True),
        ("none", 4, 0, True, False),
    ],
)
def test_a_plan_that_empties_the_stack_is_refused(
    name: str, tracked: int, deleted: int, empty_file: bool, refused: bool
) -> None:
    addresses = [f"instances.a{number}" for number in range(tracked)]
    doomed = plan(*(change(text, Action.DELETE, RiskClass.DELETE) for text in addresses[:deleted]))
    given = GivenConsent(accept=(delete,), yes=True)

    def verdict(given: GivenConsent) -> Approval:
        return approval.decide(doomed, given, tracked=addresses, empty_file=empty_file).verdict

    assert verdict(given) is (Approval.REFUSED if refused else Approval.GO), name
    assert verdict(GivenConsent(accept=(delete,), yes=True, allow_empty=True)) is Approval.GO
    assert verdict(GivenConsent(accept=(delete,), yes=True, destroy=True)) is Approval.GO


def test_rules_are_not_objects_of_their_own_when_a_stack_is_emptied() -> None:
    tracked = [
        "firewalls.web",
        *(f"firewalls.web.rules.r{number}" for number in range(9)),
        "instances.web",
    ]
    doomed = plan(*(change(text, Action.DELETE) for text in tracked[1:-1]))

    assert approval.is_emptying(doomed, tracked=tracked) is None


def test_an_old_object_left_by_a_replacement_is_not_an_object_of_the_stack() -> None:
    step = Step(
        "instance.delete instances.web",
        address("instances.web"),
        "instance.delete",
        target="7",
        deposed=True,
    )
    doomed = plan(change("instances.web", Action.DELETE), steps=(step,))

    assert approval.is_emptying(doomed, tracked=["instances.web"]) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("delete", Acceptance(RiskClass.DELETE)),
        ("data-loss=instances.web[0]", Acceptance(RiskClass.DATA_LOSS, "instances.web[0]")),
        ("delete=", None),
        ("everything", None),
        ("", None),
        ("Delete", None),
    ],
)
def test_an_acceptance_is_spelled_as_class_or_class_and_address(
    text: str, wanted: Acceptance | None
) -> None:
    assert approval.parse(text) == wanted


def test_a_refusal_names_the_options_to_paste() -> None:
    doomed = plan(change('instances.web["a b"]', Action.DELETE, RiskClass.DELETE))

    problem = approval.decide(doomed, GivenConsent(), tracked=MANY).problem

    assert (
        problem is not None
        and problem.hint
        == "If this is intended, add --accept 'delete=instances.web[\"a b\"]' --yes"
    )
