"""Whole lists: when a walk goes on, when it begins anew, when it is over, and when it is given up
(quota#lists, contract#pagination).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.iwinv import list_reader
from reconciler.iwinv.list_reader import PAGES_MAX, ListReading, reading
from reconciler.iwinv.single_reader import DetailReading, absence_call, shows_absent
from reconciler.model.ports import Accepted, Answer, NoAnswer, Refused
from reconciler.resources import all_kinds

KINDS, OLDER = all_kinds(), all_kinds("firewall")
BAD_GATEWAY = NoAnswer("the cloud answered with status 502", 502)
Query = dict[str, str]


def instances(*numbers: int, **meta: int) -> Accepted:
    return Accepted(
        200, [{"instance_id": f"INSTANCE-{n}"} for n in numbers], {"page_size": 100} | meta
    )


def run(
    one: ListReading | DetailReading,
    answers: Sequence[Answer] | Callable[[Query], Answer],
    calls_max: int = 100,
) -> list[Query]:
    """Lets a reading go on until it is over, in its own time; returns the queries that it asked."""
    now, asked = 0.0, []
    for number in range(calls_max):
        now += one.wake_in(now) if not math.isinf(one.wake_in(now)) else 0.0
        call = one.next_call(now)
        if call is None:
            break
        asked.append(dict(call.query))
        assert one.next_call(now) is None, "one call at a time"
        one.take(answers(asked[-1]) if callable(answers) else answers[number], now)
    assert math.isinf(one.wake_in(now))
    return asked


def ids(one: ListReading) -> list[str]:
    assert one.failure is None, one.failure
    assert one.seen is not None
    return [row.id.removeprefix("INSTANCE-") for row in one.seen.rows]


def pages(asked: list[Query]) -> list[tuple[str, str]]:
    return [(query.get("page_no", ""), query.get("page_size", "")) for query in asked]


def test_the_list_of_instances_never_asks_for_secrets() -> None:
    call = reading("instances", KINDS).next_call(0.0)
    assert call is not None
    assert call.query == (("fields", "44927"), ("page_no", "1"), ("page_size", "100"))
    assert int(dict(call.query)["fields"]) & (128 | 16384) == 0


WALKS: list[tuple[str, Sequence[Answer], list[str], list[str]]] = [
    ("a short page is the end", [instances(1, 2)], ["1", "2"], ["1"]),
    ("an empty list", [instances()], [], ["1"]),
    (
        "a full page asks for one more",
        [instances(*range(100)), instances()],
        [str(n) for n in range(100)],
        ["1", "2"],
    ),
    (
        "it says more than it shows",
        [instances(1, 2, count=3), instances(3, count=1), instances()],
        ["1", "2", "3"],
        ["1", "2"],
    ),
    (
        "two pages",
        [instances(*range(100)), instances(100)],
        [str(n) for n in range(101)],
        ["1", "2"],
    ),
    (
        "no size said: the walk goes on to an empty page",
        [Accepted(200, [{"instance_id": "INSTANCE-1"}], {}), instances()],
        ["1"],
        ["1", "2"],
    ),
    (
        "a bad gateway is asked again",
        [BAD_GATEWAY, BAD_GATEWAY, instances(1)],
        ["1"],
        ["1", "1", "1"],
    ),
    (
        "a page that is no list is asked again",
        [Accepted(200, None, {}), instances(1)],
        ["1"],
        ["1", "1"],
    ),
    (
        "a row without an id is asked again",
        [Accepted(200, [{}], {"page_size": 100}), instances(1)],
        ["1"],
        ["1", "1"],
    ),
    ("429 is waited out", [Refused(429, None, "", 1.0)] * 12 + [instances(1)], ["1"], ["1"] * 13),
    (
        "401 is signed anew once",
        [Refused(401, "INVALID_SIGNATURE", ""), instances(1)],
        ["1"],
        ["1", "1"],
    ),
    ("403 is asked again once", [Refused(403, "CHECK_IP", ""), instances(1)], ["1"], ["1", "1"]),
    (
        "a row on two pages begins the walk anew",
        [instances(*range(100)), instances(99, 100), instances(*range(100)), instances(100)],
        [str(n) for n in range(101)],
        ["1", "2", "1", "2"],
    ),
    (
        "a row twice on one page begins the walk anew",
        [instances(1, 1), instances(1)],
        ["1"],
        ["1", "1"],
    ),
]


@pytest.mark.parametrize(
    ("name", "answers", "wanted", "asked"), WALKS, ids=[row[0] for row in WALKS]
)
def test_a_walk_ends_with_the_whole_list(
    name: str, answers: list[Answer], wanted: list[str], asked: list[str]
) -> None:
    one = reading("instances", KINDS)
    assert [page for page, _ in pages(run(one, answers))] == asked
    assert ids(one) == wanted
    assert one.seen is not None
    assert one.seen.complete


def test_pages_of_another_size_than_asked_begin_the_walk_at_that_size() -> None:
    rows = list(range(25))

    def cloud(query: Query) -> Answer:
        first = (int(query["page_no"]) - 1) * 10
        return instances(*rows[first : first + 10], page_size=10)

    one = reading("instances", KINDS)
    assert pages(run(one, cloud)) == [("1", "100"), ("1", "10"), ("2", "10"), ("3", "10")]
    assert ids(one) == [str(n) for n in rows]


def test_if_a_tracked_id_is_missing_the_reading_continues_to_an_empty_page() -> None:
    one = reading("instances", KINDS, tracked=frozenset({"INSTANCE-7"}))
    assert pages(run(one, [instances(1, 2), instances(7), instances()])) == [
        ("1", "100"),
        ("2", "100"),
    ]
    assert ids(one) == ["1", "2", "7"]
    lost = reading("instances", KINDS, tracked=frozenset({"INSTANCE-7"}))
    assert len(run(lost, [instances(1, 2), instances()])) == 2
    assert ids(lost) == ["1", "2"]


def test_the_row_of_a_deleted_instance_is_not_shown_but_counts_as_found() -> None:
    one = reading("instances", KINDS, tracked=frozenset({"INSTANCE-2"}))
    rows = [
        {"instance_id": "INSTANCE-1"},
        {"instance_id": "INSTANCE-2", "stop_date": "2026-01-01 00:00:00"},
    ]
    assert len(run(one, [Accepted(200, rows, {"page_size": 100})])) == 1
    assert ids(one) == ["1"]


def flavors(*numbers: int, total: int) -> Accepted:
    return Accepted(
        200, [{"flavor_id": f"f{n}"} for n in numbers], {"page_size": 100, "total": total}
    )


def test_flavors_end_at_their_total_and_restart_if_it_changes() -> None:
    one = reading("flavors", KINDS)
    assert len(run(one, [flavors(*range(100), total=100)])) == 1
    moving = reading("flavors", KINDS)
    answers = [
        flavors(*range(100), total=150),
        flavors(*range(100, 149), total=149),
        flavors(*range(100), total=149),
    ]
    assert (
        pages(run(moving, [*answers, flavors(*range(100, 149), total=149)]))
        == [("1", "100"), ("2", "100")] * 2
    )
    assert moving.seen is not None
    assert len(moving.seen.rows) == 149


def volumes(*numbers: int, **meta: int) -> Accepted:
    return Accepted(200, [{"block_storage_id": f"V-{n}"} for n in numbers], meta)


@pytest.mark.parametrize(
    ("name", "tracked", "answers", "asked", "found"),
    [
        ("it comes whole", [], [volumes(1, 2)], [("", "")], 2),
        (
            "a tracked one is missing, page 2 is page 1",
            [7],
            [volumes(1, 2), volumes(1, 2)],
            [("", ""), ("2", "2")],
            2,
        ),
        (
            "a tracked one is missing, page 2 is empty",
            [7],
            [volumes(1, 2), volumes()],
            [("", ""), ("2", "2")],
            2,
        ),
        (
            "a tracked one is missing, no size can be asked for",
            [7],
            [volumes(1, 2), Refused(400, "CHECK_PARAM", "")],
            [("", ""), ("2", "2")],
            2,
        ),
        (
            "a tracked one is missing, it is paged and does not say so",
            [12],
            [volumes(*range(10)), volumes(*range(10, 13)), volumes()],
            [("", ""), ("2", "10"), ("3", "10")],
            13,
        ),
        (
            "it is paged after all",
            [],
            [volumes(*range(10), page_size=10), volumes(*range(10, 13), page_size=10)],
            [("", ""), ("2", "10")],
            13,
        ),
        ("nothing at all", [7], [volumes()], [("", "")], 0),
    ],
)
def test_a_list_without_documented_pages_is_read_twice_only_if_it_may_have_some(
    name: str, tracked: list[int], answers: list[Answer], asked: list[tuple[str, str]], found: int
) -> None:
    one = reading("block_storages", KINDS, tracked=frozenset(f"V-{n}" for n in tracked))
    assert pages(run(one, answers)) == asked
    assert one.seen is not None
    assert len(one.seen.rows) == found


def capped(rows: int, most: int, *, ignores: bool = False) -> Callable[[Query], Answer]:
    """A list of so many rows whose pages have fewer than asked for, which it does not say; or that
    knows no pages.
    """

    def answer(query: Query) -> Answer:
        size, page = int(query["page_size"]), int(query["page_no"])
        step = min(size, most)
        first = 0 if ignores else (page - 1) * step
        return instances(*range(rows)[first : first + step], page_size=size)

    return answer


@pytest.mark.parametrize(
    ("cloud", "asked", "found"),
    [
        (capped(3, 100), [("1", "100"), ("2", "3")], 3),
        (capped(23, 10), [("1", "100"), ("2", "10"), ("3", "10")], 23),
        (capped(20, 10), [("1", "100"), ("2", "10"), ("3", "10")], 20),
        (capped(3, 100, ignores=True), [("1", "100"), ("2", "3")], 3),
        (capped(0, 100), [("1", "100")], 0),
        (capped(100, 100), [("1", "100"), ("2", "100")], 100),
    ],
    ids=[
        "all on one page",
        "a cap",
        "a cap, full pages",
        "no pages at all",
        "empty",
        "a full page",
    ],
)
def test_a_short_first_page_does_not_prove_absence(
    cloud: Callable[[Query], Answer], asked: list[tuple[str, str]], found: int
) -> None:
    one = reading("instances", KINDS, whole=True)
    assert pages(run(one, cloud)) == asked
    assert len(ids(one)) == found


def test_a_cloud_that_gives_no_page_of_that_size_is_believed_as_before() -> None:
    one = reading("instances", KINDS, whole=True)
    run(one, [instances(1, 2), Refused(400, "CHECK_PARAM", "")])
    assert ids(one) == ["1", "2"]


def test_a_page_of_another_size_does_not_cause_endless_reading() -> None:
    one = reading("instances", KINDS, whole=True)
    run(one, [instances(1, 2), instances(page_size=50), instances(1, 2, page_size=50)])
    assert ids(one) == ["1", "2"]


def test_rules_know_their_firewall_and_members_are_ids() -> None:
    rules = reading("rules:FIREWALL-1", KINDS)
    call = rules.next_call(0.0)
    assert call is not None
    assert (call.path, call.query) == ("/v1/security-groups/FIREWALL-1/rules", ())
    rules.take(Accepted(200, [{"rule_id": 1, "bound": "IN"}], {"count": 1}), 0.0)
    assert rules.seen is not None
    assert [(row.id, row.attributes["firewall"]) for row in rules.seen.rows] == [
        ("1", "FIREWALL-1")
    ]
    members = reading("members:FIREWALL-1", KINDS)
    run(members, [Accepted(200, ["INSTANCE-1", {"instance_id": "INSTANCE-2", "name": "n"}], {})])
    assert members.seen is not None
    assert members.seen.rows == ("INSTANCE-1", "INSTANCE-2")


def test_in_the_older_form_the_list_of_firewalls_brings_their_rules() -> None:
    one = reading("firewalls", OLDER)
    row = {"firewall_id": "F-1", "title": "t", "rules": [{"rule_id": 7, "bound": "OUT"}]}
    run(
        one,
        [
            Accepted(
                200,
                [
                    row,
                    {"firewall_id": "F-2", "title": "t", "rules": []},
                    {"firewall_id": "F-3", "title": "t"},
                ],
                {},
            )
        ],
    )
    assert one.seen is not None
    assert {what: [rule.id for rule in rules] for what, rules in one.seen.inline.items()} == {
        "rules:F-1": ["7"],
        "rules:F-2": [],
    }
    alone = reading("rules:F-1", OLDER)
    call = alone.next_call(0.0)
    assert call is not None
    assert call.path == "/v1/firewall/F-1"
    alone.take(Accepted(200, [row], {}), 0.0)
    assert alone.seen is not None
    assert [rule.attributes["direction"] for rule in alone.seen.rows] == ["out"]


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("user_scripts", Refused(404, "NOT_FOUND", "")),
        ("rules:F-1", Refused(400, "CHECK_PARAM", "")),
        ("members:F-1", Refused(404, "NOT_FOUND", "")),
    ],
)
def test_a_list_that_is_not_there_is_incomplete_and_not_empty(what: str, answer: Refused) -> None:
    one = reading(what, KINDS)
    run(one, [answer])
    assert one.seen is not None
    assert (one.seen.complete, one.seen.rows) == (False, ())


FAILURES: list[tuple[str, Answer, int, str, str]] = [
    ("bad gateways", BAD_GATEWAY, 5, "cloud", "502"),
    (
        "nobody there",
        NoAnswer("no connection to the endpoint", sent=False),
        3,
        "cloud",
        "no connection",
    ),
    ("garbage", Accepted(200, "success", {}), 5, "cloud", "not as documented"),
    ("429s", Refused(429, None, ""), 13, "cloud", "too many"),
    ("an unknown key", Refused(401, "CHECK_CREDENTIAL", ""), 1, "credentials", "access key"),
    (
        "an unknown key, by a wrong clock",
        Refused(401, "CHECK_CREDENTIAL", "", clock_ahead=-600.0),
        2,
        "clock",
        "600 s behind",
    ),
    (
        "a wrong secret",
        Refused(401, "INVALID_SIGNATURE", "", clock_ahead=2.0),
        2,
        "credentials",
        "secret",
    ),
    (
        "a wrong clock",
        Refused(401, "INVALID_SIGNATURE", "", clock_ahead=-600.0),
        2,
        "clock",
        "600 s behind",
    ),
    ("a fast clock", Refused(401, None, "", clock_ahead=301.0), 2, "clock", "301 s ahead"),
    ("a refused address", Refused(403, "CHECK_IP", ""), 2, "credentials", "address"),
    ("any other refusal", Refused(400, "CHECK_PARAM", "words"), 1, "cloud", "CHECK_PARAM"),
    ("rows that repeat for ever", instances(1, 1), 5, "cloud", "changes while it is read"),
]


@pytest.mark.parametrize(
    ("name", "answer", "asked", "code", "said"), FAILURES, ids=[row[0] for row in FAILURES]
)
def test_a_list_that_cannot_be_read_is_given_up_after_a_bounded_number_of_calls(
    name: str, answer: Answer, asked: int, code: str, said: str
) -> None:
    one = reading("instances", KINDS)
    assert len(run(one, lambda query: answer)) == asked
    assert one.failure is not None
    assert (one.seen, one.failure.code) == (None, code)
    assert said in one.failure.message
    assert one.done


def test_the_hint_for_a_403_names_both_of_its_meanings() -> None:
    one = reading("instances", KINDS)
    run(one, lambda query: Refused(403, "CHECK_IP", ""))
    assert one.failure is not None
    assert "console" in (one.failure.hint or "")
    assert "faults of its own" in (one.failure.hint or "")


def test_a_list_without_an_end_is_given_up() -> None:
    one = reading("instances", KINDS)
    run(one, lambda query: instances(int(query["page_no"]), page_size=1), calls_max=PAGES_MAX + 10)
    assert one.failure is not None
    assert "does not end" in one.failure.message


def test_failures_in_a_row_count_and_not_failures_of_the_whole_walk() -> None:
    one = reading("instances", KINDS)
    bad: list[Answer] = [BAD_GATEWAY] * 4
    answers: list[Answer] = [*bad, instances(*range(100)), *bad, instances()]
    assert len(run(one, answers)) == 10
    assert len(ids(one)) == 100


def test_waits_grow_and_a_time_scale_divides_them() -> None:
    for scale in (1.0, 60.0):
        one = reading("instances", KINDS, time_scale=scale)
        now, waits = 0.0, []
        for _ in range(4):
            assert one.next_call(now) is not None
            one.take(BAD_GATEWAY, now)
            waits.append(round(one.wake_in(now) * scale, 6))
            assert one.next_call(now) is None
            now += one.wake_in(now)
        assert waits == [1.0, 2.0, 4.0, 8.0]


def test_an_unknown_list_is_refused() -> None:
    with pytest.raises(ValueError, match="no list"):
        reading("servers", KINDS)


INSTANCE = Accepted(200, [{"instance_id": "X", "stop_date": None}], {"count": 1})
EMPTY = Accepted(200, [], {"count": 0})
ABSENCES: list[tuple[str, Answer, set[str]]] = [
    ("an empty answer", EMPTY, {"instances", "block_storages", "firewalls"}),
    ("an empty answer that counts one", Accepted(200, [], {"count": 1}), set()),
    ("the object", INSTANCE, set()),
    (
        "its tombstone",
        Accepted(200, [{"instance_id": "X", "stop_date": "2026-01-01 00:00:00"}], {"count": 1}),
        {"instances"},
    ),
    (
        "another's tombstone",
        Accepted(200, [{"instance_id": "Y", "stop_date": "2026-01-01 00:00:00"}], {}),
        set(),
    ),
    ("no list", Accepted(200, "success", {}), set()),
    ("ID_INVALID", Refused(400, "ID_INVALID", ""), {"instances", "block_storages"}),
    ("ID_INVALID inside a 200", Refused(200, "ID_INVALID", ""), {"instances", "block_storages"}),
    ("NOT_FOUND", Refused(404, "NOT_FOUND", ""), {"instances", "block_storages"}),
    ("busy or deleted", Refused(400, "DELETED_OR_WORKING_INSTANCE", ""), set()),
    ("CHECK_PARAM", Refused(400, "CHECK_PARAM", ""), set()),
    ("a bare 404", NoAnswer("404", 404), set()),
    ("a refused key", Refused(401, "CHECK_CREDENTIAL", ""), set()),
    ("a refused address", Refused(403, "CHECK_IP", ""), set()),
    ("too many", Refused(429, None, ""), set()),
    ("a 500 with the right name", NoAnswer("500", 500, "ID_INVALID"), set()),
]


@pytest.mark.parametrize(("name", "answer", "proves"), ABSENCES, ids=[row[0] for row in ABSENCES])
def test_absence_is_the_documented_not_found_of_the_kind_and_nothing_else(
    name: str, answer: Answer, proves: set[str]
) -> None:
    found = {
        kind
        for kind in ("instances", "block_storages", "firewalls")
        if shows_absent(KINDS[kind], "X", answer)
    }
    assert found == proves


def test_a_rule_is_read_from_the_list_of_its_firewall() -> None:
    with pytest.raises(ValueError, match="no detail"):
        absence_call(KINDS["rules"], "1")


@pytest.mark.parametrize(
    ("answers", "absent"),
    [
        ([EMPTY], True),
        ([BAD_GATEWAY, EMPTY], True),
        ([INSTANCE], False),
        ([Refused(400, "DELETED_OR_WORKING_INSTANCE", "")], False),
        ([Accepted(200, [{"instance_id": "Y"}], {}), INSTANCE], False),
    ],
)
def test_a_single_read_ends_with_the_first_conclusive_answer(
    answers: list[Answer], absent: bool
) -> None:
    one = DetailReading(KINDS["instances"], "X")
    assert len(run(one, answers)) == len(answers)
    assert one.seen is not None
    assert one.seen.absent is absent


@pytest.mark.parametrize(
    ("answer", "code"), [(Refused(401, None, ""), "credentials"), (BAD_GATEWAY, "cloud")]
)
def test_a_single_read_is_given_up_in_time(answer: Answer, code: str) -> None:
    one = DetailReading(KINDS["instances"], "X")
    assert len(run(one, lambda query: answer)) <= 5
    assert one.failure is not None
    assert one.failure.code == code


ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.lists(st.integers(0, 6), max_size=5).flatmap(
        lambda numbers: st.dictionaries(
            st.sampled_from(["page_size", "total", "count"]), st.integers(-1, 9)
        ).map(
            lambda meta: Accepted(
                200,
                [
                    {"instance_id": f"INSTANCE-{n}", "flavor_id": f"f{n}", "firewall_id": f"F-{n}"}
                    for n in numbers
                ],
                meta,
            )
        )
    ),
    st.sampled_from([None, "success", [None], [[]], {"instance_id": "x"}]).map(
        lambda result: Accepted(200, result, {})
    ),
    st.sampled_from(
        [
            BAD_GATEWAY,
            Refused(429, None, ""),
            Refused(403, None, ""),
            Refused(400, "CHECK_PARAM", ""),
        ]
    ),
)


@given(
    st.sampled_from(["instances", "flavors", "firewalls", "zones", "rules:F-1"]),
    st.lists(ANSWERS, min_size=1, max_size=30),
)
def test_whatever_the_cloud_answers_a_reading_ends_and_shows_no_row_twice(
    what: str, answers: list[Answer]
) -> None:
    one = reading(what, KINDS, tracked=frozenset({"INSTANCE-5"}))
    left = iter(answers * 200)
    asked = run(one, lambda query: next(left), calls_max=PAGES_MAX + 200)
    assert one.done
    assert len(asked) <= PAGES_MAX + 200
    if one.seen is not None:
        shown = [getattr(row, "id", None) or row["id"] for row in one.seen.rows]
        assert len(shown) == len(set(shown))


# Lists without an end
# -----------------------------------------------------------------------------------------------------------------


def endless(query: Query) -> Accepted:
    """Every page is full, of rows that nobody has seen before."""
    start = int(query["page_no"]) * 100
    return Accepted(
        200,
        [{"instance_id": f"INSTANCE-{number}"} for number in range(start, start + 100)],
        {"page_size": 100},
    )


def slow(one: ListReading, answer: Callable[[Query], Answer], seconds: float) -> float:
    """Reads with so many seconds an answer; returns how long it took."""
    now = 0.0
    while not one.done:
        now += one.wake_in(now)
        call = one.next_call(now)
        assert call is not None
        now += seconds
        one.take(answer(dict(call.query)), now)
    return now


def test_a_list_that_shows_nothing_tracked_page_after_page_is_given_up() -> None:
    one = reading("instances", KINDS, tracked=frozenset({"INSTANCE-5000"}))
    slow(one, endless, 0.1)
    assert one.failure is not None and "does not end" in one.failure.message
    assert one.pages == 50 + list_reader.UNTRACKED_PAGES_MAX + 1


def test_a_list_that_takes_too_long_is_given_up_even_with_a_total() -> None:
    one = reading("instances", KINDS)
    took = slow(
        one,
        lambda query: replace(endless(query), meta={"page_size": 100, "total": 10_000_000}),
        5.0,
    )
    assert one.failure is not None and "does not end within" in one.failure.message
    assert took <= list_reader.READING_SECONDS_MAX + 5.0


def test_a_read_that_drips_through_its_time_limit_is_not_sent_five_times() -> None:
    one = reading("instances", KINDS)
    took = slow(one, lambda query: NoAnswer("no whole answer within 90 s"), 90.0)
    assert one.failure is not None and took < 200.0
