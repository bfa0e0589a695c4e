"""`bill`: the month so far, earlier bills with their sums, and the prices of one stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.sessions import WEB, apply, begin, call, validator

FIXTURE = Path(__file__).parents[2] / "docs/api/fixtures/bills.json"
AT = ("--stack", "web.yaml")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begin(monkeypatch, tmp_path, {"web.yaml": WEB})
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")


@pytest.fixture
def bills(capsys: pytest.CaptureFixture[str]) -> None:
    """Three bills of the documentation, and 120 old ones."""
    apply(capsys)
    rows = json.loads(FIXTURE.read_text(encoding="utf-8"))["result"]
    old = [
        dict(rows[0], bill_id=f"BILL-{n}", bill_date=f"{2010 + n // 12}-{1 + n % 12:02}-01", name="\x1b[31m")
        for n in range(120)
    ]  # fmt: skip
    path = Path("state/.simulator/world.json")
    world = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**world, "bills": rows + old}), encoding="utf-8")


def history(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    code, out, _ = call(capsys, "bill", "--history", *options, *AT, "--format", "json")
    assert code == 0
    found: dict[str, object] = json.loads(out)
    validator("bills").validate(found)
    return found


@pytest.mark.usefixtures("bills")
@pytest.mark.parametrize(
    ("options", "number"),
    [
        ((), 123),
        (("--from", "2026-10"), 2),
        (("--from", "2026-09", "--to", "2026-09"), 1),
        (("--from", "2026-10-01", "--to", "2026-10-01"), 1),
        (("--from", "2026-01", "--min-price", "198500", "--max-price", "198500"), 1),
        (("--from", "2027-01"), 0),
    ],
)
def test_earlier_bills_are_read_to_the_last_page_and_summed(
    options: tuple[str, ...], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = history(capsys, *options)

    rows, months, totals = found["bills"], found["months"], found["totals"]
    assert isinstance(rows, list) and isinstance(months, list) and isinstance(totals, list)
    assert len(rows) == number and rows == sorted(rows, key=lambda row: row["date"])
    assert sum(each["bills"] for each in months) == number
    for name in ("price", "vat", "total"):
        assert sum(row[name] for row in rows) == sum(each[name] for each in months)
        assert sum(row[name] for row in rows) == sum(each[name] for each in totals)


@pytest.mark.usefixtures("bills")
def test_the_table_of_bills_ends_with_the_sums_and_fits_the_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    code, out, _ = call(capsys, "bill", "--from", "2026-01", *AT)
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[0].split() == ["date", "name", "KRW", "VAT", "with", "VAT"]
    assert "\n 2026-09      1   50,000   5,000    55,000\n" in out
    assert "3 bills: 488,500 KRW without VAT, 48,850 KRW VAT, 537,350 KRW with VAT" in out
    assert "\x1b[31m" not in call(capsys, "bill", "--history", *AT)[1]
    assert " No bill matches." in call(capsys, "bill", "--from", "2030-01", *AT)[2]


def test_an_account_without_bills_is_reported_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    apply(capsys)
    assert " The account has no bills yet." in call(capsys, "bill", "--history", *AT)[2]


WRONG = [
    (("--from", "2026-13"), "is not a date"),
    (("--to", "2026-02-30"), "is not a date"),
    (("--from", "0000-01"), "is not a date"),
    (("--from", "20260101"), "is not a date"),
    (("--from", "2026-02", "--to", "2026-01"), "--from 2026-02-01 is after --to 2026-01-31"),
    (("--min-price", "2", "--max-price", "1"), "--min-price 2 is more than --max-price 1"),
    (("--min-price", "9" * 30), "is not in the range"),
    (("--min-price", "x"), "is not a valid integer"),
    (("web.yaml", "--history"), "is about the whole account"),
]


@pytest.mark.parametrize(("options", "says"), WRONG)
def test_an_impossible_range_is_a_usage_error(
    options: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "bill", *options)
    assert code == 64 and says in err


def test_the_bill_of_a_stack_has_the_prices_of_its_objects(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apply(capsys)

    code, out, _ = call(capsys, "bill", "web.yaml")
    assert code == 0 and "Stack shop" in out and "instances.web" in out
    assert " 26,400 KRW a month without VAT, at the prices of the catalog" in out
    assert "The whole account" in out and "so far, without VAT" in out
    found = json.loads(call(capsys, "bill", "web.yaml", "--format", "json")[1])
    validator("bill").validate(found)
    (row,) = found["stack"]["objects"]
    assert row["address"] == "instances.web" and found["stack"]["monthly"] == row["monthly"]
