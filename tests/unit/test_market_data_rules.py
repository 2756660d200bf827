"""Dated facts as administrators write them: which rows are refused, and in which words."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from quantleap.domain.broker_id import BROKER_IDS
from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.market_data import ROWS, DataKind, Row, SessionDay, SessionKind
from quantleap.domain.market_data_changes import kind_of, require_sound, rows_of
from quantleap.domain.shipped import SHIPPED

TODAY = date(2026, 11, 23)
BROKERS = {"zebu", "upstox"}
SOURCE = "NSE/FAOP/80001"

HOLIDAYS_2027 = [
    {"day": day, "kind": "closed", "source": SOURCE}
    for day in ("2027-03-22", "2027-03-26", "2027-04-14", "2027-05-17", "2027-09-06", "2027-10-29", "2027-11-10")
]
YEAR = {"effective_from": "2027-01-01", "until": "2027-12-31", "source": SOURCE}
LOT = {"index": "NIFTY", "effective_from": "2027-01-01", "lot_size": 60, "source": SOURCE}
HOUR = {"broker_id": "zebu", "effective_from": "2026-12-01", "at": "15:20", "source": SOURCE}


def refused(kind: str, *sent: dict[str, Any], written: Sequence[Row] = ()) -> dict[str, str]:
    """What is complained of in rows, over the release and what was written of other kinds."""
    with pytest.raises(InvalidRequest) as refusal:
        accept(kind, *sent, written=written)
    return refusal.value.details


def accept(kind: str, *sent: dict[str, Any], written: Sequence[Row] = ()) -> list[Row]:
    rows = rows_of(kind_of(kind), sent)
    before = SHIPPED.over(written)
    require_sound(rows, before, before.over(rows), TODAY, BROKERS)
    return rows


@pytest.mark.parametrize("row", [each for kind in ROWS.values() for each in SHIPPED.rows(kind)], ids=repr)
def test_what_a_release_is_shipped_with_keeps_the_rules_itself(row: Row) -> None:
    assert type(row).model_validate(row.model_dump(mode="json")) == row


@pytest.mark.parametrize("kind", DataKind)
def test_a_release_is_shipped_with_facts_of_every_kind_but_limits(kind: DataKind) -> None:
    assert bool(SHIPPED.rows(ROWS[kind])) is (kind is not DataKind.BROKER_LIMITS)


def test_a_kind_nobody_keeps_is_not_found() -> None:
    with pytest.raises(NotFound, match="lot-sizes"):
        kind_of("prices")


@pytest.mark.parametrize(
    ("kind", "row", "path", "said"),
    [
        ("sessions", {"day": "2027-03-22", "kind": "half", "source": SOURCE}, "rows[0].kind", "Input should be"),
        ("sessions", {"day": "22 March", "kind": "closed", "source": SOURCE}, "rows[0].day", "valid date"),
        ("sessions", {"day": "2027-03-22", "kind": "closed"}, "rows[0].source", "required"),
        ("sessions", {**HOLIDAYS_2027[0], "opens": "09:15"}, "rows[0]", "give opens and closes, or neither"),
        (
            "sessions",
            {**HOLIDAYS_2027[0], "kind": "special", "opens": "12:00", "closes": "12:00"},
            "rows[0]",
            "closes must come after opens",
        ),
        ("sessions", {**HOLIDAYS_2027[0], "opens": "09:15", "closes": "15:40"}, "rows[0]", "has no hours of its own"),
        (
            "session-hours",
            {"effective_from": "2027-01-01", "opens": "9:15", "closes": "16:00", "source": SOURCE},
            "rows[0].opens",
            "HH:MM",
        ),
        (
            "session-hours",
            {"effective_from": "2027-01-01", "opens": "16:00", "closes": "09:15", "source": SOURCE},
            "rows[0]",
            "after opens",
        ),
        ("session-coverage", {**YEAR, "until": "2026-12-31"}, "rows[0]", "until must not come before"),
        ("lot-sizes", {**LOT, "lot_size": "60"}, "rows[0].lot_size", "Write a number"),
        ("lot-sizes", {**LOT, "lot_size": 0}, "rows[0].lot_size", "greater than or equal to 1"),
        ("lot-sizes", {**LOT, "index": "SENSEX"}, "rows[0].index", "Input should be"),
        ("lot-sizes", {**LOT, "colour": "red"}, "rows[0].colour", "Unknown field"),
        (
            "ticks",
            {"index": "NIFTY", "effective_from": "2027-01-01", "tick": -0.05, "source": SOURCE},
            "rows[0].tick",
            "greater than 0",
        ),
        ("square-off-hours", {**HOUR, "confirmed": "yes"}, "rows[0].confirmed", "valid boolean"),
        ("square-off-hours", {**HOUR, "broker_id": "Zebu!"}, "rows[0].broker_id", "Unknown broker"),
        (
            "broker-limits",
            {
                "broker_id": "zebu",
                "effective_from": "2027-01-01",
                "orders": [{"calls": 0, "seconds": 1}],
                "reads": [],
                "source": SOURCE,
            },
            "rows[0].orders[0].calls",
            "greater than or equal to 1",
        ),
    ],
)
def test_a_row_that_says_nothing_sensible_is_refused_by_its_field(
    kind: str, row: dict[str, Any], path: str, said: str
) -> None:
    found = refused(kind, row)

    assert said in found[path]


def test_every_row_is_complained_of_at_once() -> None:
    found = refused("lot-sizes", {**LOT, "lot_size": -1}, LOT, {**LOT, "index": "DAX"})

    assert list(found) == ["rows[0].lot_size", "rows[2].index"]


@pytest.mark.parametrize(
    ("kind", "row", "path", "said"),
    [
        ("lot-sizes", {**LOT, "effective_from": "2026-11-22"}, "rows[0]", "NIFTY 2026-11-22 has passed"),
        ("lot-sizes", {**LOT, "effective_from": "2026-01-01"}, "rows[0]", "NIFTY 2026-01-01 has passed"),
        ("sessions", {**HOLIDAYS_2027[0], "day": "2026-11-10", "kind": "regular"}, "rows[0]", "2026-11-10 has passed"),
        ("lot-sizes", {**LOT, "lot_size": 1801}, "rows[0]", "freeze quantity of 1800 below a lot of 1801"),
        (
            "freeze-quantities",
            {"index": "NIFTY", "effective_from": "2027-01-01", "freeze_quantity": 64, "source": SOURCE},
            "rows[0]",
            "freeze quantity of 64 below a lot of 65",
        ),
        (
            "ticks",
            {"index": "NIFTY", "effective_from": "2027-01-01", "tick": 0.07, "source": SOURCE},
            "rows[0]",
            "no multiple of the tick 0.07",
        ),
        ("square-off-hours", {**HOUR, "at": "15:40"}, "rows[0]", "inside the session"),
        (
            "square-off-hours",
            {**HOUR, "broker_id": "mstock"},
            "rows[0].broker_id",
            "Unknown broker; use one of upstox, zebu",
        ),
        (
            "expiry-rules",
            {
                "index": "NIFTY",
                "effective_from": "2027-01-01",
                "weekday": "TUE",
                "series": ["WEEKLY", "WEEKLY"],
                "source": SOURCE,
            },
            "rows[0]",
            "names a series twice",
        ),
        ("session-coverage", {**YEAR, "effective_from": "2027-01-02"}, "rows[0]", "must begin on 2027-01-01"),
        ("session-coverage", YEAR, "rows[0].until", "2027 has 1 holidays on weekdays: write all of them first"),
        (
            "sessions",
            {**HOLIDAYS_2027[0], "day": "2026-12-25", "kind": "regular"},
            "rows",
            "2026-12-25 as closed first",
        ),
    ],
)
def test_a_row_that_contradicts_the_past_or_another_is_refused(
    kind: str, row: dict[str, Any], path: str, said: str
) -> None:
    found = refused(kind, row)

    assert said in found[path]


def test_two_rows_of_one_subject_and_day_are_one_too_many() -> None:
    assert refused("lot-sizes", LOT, {**LOT, "lot_size": 55}) == {
        "rows[1]": "is of the same subject and day as rows[0]"
    }


def test_a_row_that_has_passed_may_be_left_as_it_is_but_not_left_out() -> None:
    (past,) = rows_of(DataKind.LOT_SIZES, [{**LOT, "effective_from": "2026-11-20"}])
    same = past.model_dump(mode="json")
    before = SHIPPED.over([past])

    require_sound(
        rows_of(DataKind.LOT_SIZES, [same, LOT]),
        before,
        before.over(rows_of(DataKind.LOT_SIZES, [LOT])),
        TODAY,
        BROKERS,
    )
    with pytest.raises(InvalidRequest) as refusal:
        require_sound(
            rows_of(DataKind.LOT_SIZES, [LOT]), before, SHIPPED.over(rows_of(DataKind.LOT_SIZES, [LOT])), TODAY, BROKERS
        )
    assert refusal.value.details == {"rows": "NIFTY 2026-11-20 has passed; keep it as it was"}


def test_a_row_may_hold_from_today_on() -> None:
    assert accept("lot-sizes", {**LOT, "effective_from": "2026-11-23"})


def test_a_year_is_covered_once_all_its_holidays_are_written() -> None:
    holidays = accept("sessions", *HOLIDAYS_2027)

    assert accept("session-coverage", YEAR, written=holidays)
    assert "2027 has 7 holidays" in refused("session-coverage", YEAR, written=holidays[:-1])["rows[0].until"]


def test_a_year_that_is_covered_keeps_its_holidays_when_all_that_was_written_of_sessions_is_left_out() -> None:
    holidays = accept("sessions", *HOLIDAYS_2027)
    before = SHIPPED.over([*holidays, *accept("session-coverage", YEAR, written=holidays)])

    with pytest.raises(InvalidRequest) as refusal:
        require_sound([], before, SHIPPED.over(rows_of(DataKind.SESSION_COVERAGE, [YEAR])), TODAY, BROKERS)

    assert refusal.value.details == {"rows": "2027-01-01 2027 has 1 holidays on weekdays: write all of them first"}


def test_a_row_that_another_kind_stands_on_is_not_left_out() -> None:
    freeze = {"index": "NIFTY", "effective_from": "2027-01-01", "freeze_quantity": 3600, "source": SOURCE}
    wider = accept("freeze-quantities", freeze)
    lots = accept("lot-sizes", {**LOT, "lot_size": 2400}, written=wider)

    with pytest.raises(InvalidRequest) as refusal:
        require_sound([], SHIPPED.over([*wider, *lots]), SHIPPED.over(lots), TODAY, BROKERS)

    assert "freeze quantity of 1800 below a lot of 2400" in refusal.value.details["rows"]


def test_what_was_wrong_before_keeps_nobody_from_writing_something_else() -> None:
    lots = rows_of(DataKind.LOT_SIZES, [{**LOT, "lot_size": 2400}])
    ticks = rows_of(
        DataKind.TICKS, [{"index": "BANKNIFTY", "effective_from": "2027-01-01", "tick": 0.1, "source": SOURCE}]
    )

    require_sound(ticks, SHIPPED.over(lots), SHIPPED.over([*lots, *ticks]), TODAY, BROKERS)


@pytest.mark.parametrize("kind", DataKind)
def test_what_a_release_is_shipped_with_contradicts_nothing_in_it(kind: DataKind) -> None:
    require_sound(SHIPPED.rows(ROWS[kind]), SHIPPED, SHIPPED, TODAY, BROKER_IDS)


def test_a_national_holiday_is_asked_for_whatever_else_is_written() -> None:
    open_ = SessionDay(day=date(2027, 1, 26), kind=SessionKind.REGULAR, source=SOURCE)
    written = [*accept("sessions", *HOLIDAYS_2027), open_]

    assert refused("session-coverage", YEAR, written=written) == {
        "rows[0].until": "write 2027-01-26 as closed first: it is a national holiday"
    }


def test_the_hour_of_muhurat_trading_is_written_over_the_day_that_awaits_it() -> None:
    rows = rows_of(
        DataKind.SESSIONS,
        [{"day": "2026-11-08", "kind": "muhurat", "opens": "18:00", "closes": "19:00", "source": SOURCE}],
    )

    require_sound(rows, SHIPPED, SHIPPED.over(rows), date(2026, 11, 1), BROKERS)
