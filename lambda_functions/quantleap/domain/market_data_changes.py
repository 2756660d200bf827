"""Dated facts as administrators write them: all rows of a kind at once, checked against the rules, every version kept.

What has passed stays as it was, and what a run of the next hour goes by is not touched.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field

from quantleap.domain.contracts import NotListed
from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.indexes import Index
from quantleap.domain.market_data import (
    ROWS,
    SATURDAY,
    BrokerLimit,
    DataKind,
    ExpiryRule,
    FreezeQuantity,
    LotSize,
    MarketData,
    OfIndex,
    Row,
    SessionCoverage,
    SessionDay,
    SessionHours,
    SessionKind,
    SquareOffHour,
    StrikeStep,
    Tick,
)
from quantleap.domain.model import MOST_COMPLAINTS, Model, Sent, Whole, parse
from quantleap.domain.series import freeze_quantity, lot_size, strike_step, tick

NATIONAL_HOLIDAYS = ((1, 26), (8, 15), (10, 2), (12, 25))
"""Month and day; the exchange has been closed on each of them in every year."""

FEWEST_HOLIDAYS = 8
"""Weekdays without a session in a year; the exchange has never had fewer than ten, so a list of less is not whole."""

DAY = timedelta(days=1)

type Complaints = dict[str, str]


class NewMarketData(Sent):
    """Every row of a kind that is to lie over those of the release; `version` is the one they were read at."""

    version: Whole = Field(ge=0)
    rows: tuple[dict[str, Any], ...] = Field(max_length=500)


class Written(Model):
    """What was written of a kind, by whom and when; version 0, of which there is no record, has nothing."""

    kind: DataKind
    version: int = Field(default=0, ge=0)
    rows: tuple[dict[str, Any], ...] = ()
    changed_by: str | None = None
    changed_at: datetime | None = None

    @property
    def facts(self) -> Sequence[Row]:
        """The rows, read."""
        return [ROWS[self.kind].model_validate(row) for row in self.rows]

    def after(self, rows: Sequence[Row], admin: str, at: datetime) -> "Written":
        """The next version."""
        return Written(
            kind=self.kind,
            version=self.version + 1,
            rows=tuple(row.model_dump(mode="json", exclude_none=True) for row in rows),
            changed_by=admin,
            changed_at=at,
        )


def kind_of(text: str) -> DataKind:
    """A kind as somebody wrote it; a text that is none names nothing."""
    try:
        return DataKind(text)
    except ValueError:
        raise NotFound(f"There is no such kind; use one of {', '.join(DataKind)}") from None


def rows_of(kind: DataKind, sent: Sequence[Mapping[str, Any]]) -> list[Row]:
    """What somebody sent as rows of a kind; raises `InvalidRequest` that names every field of every row."""
    rows: list[Row] = []
    complaints: Complaints = {}
    for number, each in enumerate(sent):
        try:
            rows.append(parse(ROWS[kind], each))
        except InvalidRequest as refusal:
            said = {"" if path == "body" else f".{path}": words for path, words in refusal.details.items()}
            complaints |= {f"rows[{number}]{path}": words for path, words in said.items()}
    _refuse(complaints)
    return rows


def require_sound(
    rows: Sequence[Row], before: MarketData, after: MarketData, today: date, brokers: Collection[str]
) -> None:
    """Refuse rows that contradict each other, other kinds or what has passed; raises `InvalidRequest`."""
    _refuse(_twice(rows) or {**_past(rows, before, after, today), **_of_unknown(rows, brokers)})
    _refuse({f"rows[{number}]": said for number, row in enumerate(rows) if (said := _contradiction(row, after))})
    _refuse(_incomplete(rows, after))
    _refuse(_spoilt(before, after))


def _refuse(complaints: Complaints) -> None:
    if complaints:
        raise InvalidRequest(dict(list(complaints.items())[:MOST_COMPLAINTS]))


def _twice(rows: Sequence[Row]) -> Complaints:
    seen: dict[tuple[str, date], int] = {}
    return {
        f"rows[{number}]": f"is of the same subject and day as rows[{first}]"
        for number, row in enumerate(rows)
        if (first := seen.setdefault((row.subject, row.since), number)) != number
    }


def _past(rows: Sequence[Row], before: MarketData, after: MarketData, today: date) -> Complaints:
    """What held before today stays as it was, whoever wrote it."""
    numbers = {(row.subject, row.since): number for number, row in enumerate(rows)}
    complaints: Complaints = {}
    for kind in ROWS.values():
        was, now = before.by_day(kind), after.by_day(kind)
        for key in (key for key in {*was, *now} if key[1] < today and was.get(key) != now.get(key)):
            path = f"rows[{numbers[key]}]" if key in numbers else "rows"
            complaints[path] = f"{' '.join(filter(None, (key[0], str(key[1]))))} has passed; keep it as it was"
    return complaints


def _of_unknown(rows: Sequence[Row], brokers: Collection[str]) -> Complaints:
    return {
        f"rows[{number}].broker_id": f"Unknown broker; use one of {', '.join(sorted(brokers))}"
        for number, row in enumerate(rows)
        if isinstance(row, SquareOffHour | BrokerLimit) and row.broker_id not in brokers
    }


def _spoilt(before: MarketData, after: MarketData) -> Complaints:
    """What stands beside the rows that were sent, and was sound: one that is left out uncovers what lay under it."""
    others = (row for kind in ROWS.values() for row in after.rows(kind))
    found = (
        f"{row.subject} {row.since} {said}".strip() for row in others if (said := _newly_wrong(row, before, after))
    )
    first = next(found, None)
    return {} if first is None else {"rows": first}


def _newly_wrong(row: Row, before: MarketData, after: MarketData) -> str | None:
    said = _fault(row, after)
    return said if said and not _fault(row, before) else None


def _fault(row: Row, data: MarketData) -> str | None:
    if isinstance(row, SessionCoverage):
        return _gap(row, data) or _missing(row.since, row.until, data)
    return _contradiction(row, data)


def _contradiction(row: Row, data: MarketData) -> str | None:
    """What a row says against others, of its own kind or another."""
    match row:
        case SessionCoverage():
            return _gap(row, data)
        case SquareOffHour():
            return _outside(row, data)
        case ExpiryRule():
            return "names a series twice" if len(set(row.series)) < len(row.series) else None
        case LotSize() | FreezeQuantity() | Tick() | StrikeStep():
            return _misfit(row, data)
        case _:
            return None


def _gap(row: SessionCoverage, data: MarketData) -> str | None:
    """Coverage goes on where the one before ends: days that fall between would be taken for published."""
    ends = [each.until for each in data.rows(SessionCoverage) if each.since < row.since]
    follows = not ends or row.since == max(ends) + DAY
    return None if follows else f"must begin on {max(ends) + DAY}, the day after what is covered"


def _outside(row: SquareOffHour, data: MarketData) -> str | None:
    hours = data.in_force(SessionHours, "", row.since)
    inside = hours is not None and hours.opens < row.at < hours.closes
    return None if inside else "must lie inside the session of its day"


def _misfit(row: OfIndex, data: MarketData) -> str | None:
    """Sizes and steps have to fit each other on every day on which one of them changes."""
    for day in _changes(row.index, row.since, data):
        try:
            sizes = lot_size(row.index, day, data), freeze_quantity(row.index, day, data)
            steps = tick(row.index, day, data), strike_step(row.index, day, data)
        except NotListed:
            return "holds from before anything is known"
        if sizes[1] < sizes[0]:
            return f"leaves a freeze quantity of {sizes[1]} below a lot of {sizes[0]} on {day}"
        if steps[1] % steps[0]:
            return f"leaves a strike step of {steps[1]} that is no multiple of the tick {steps[0]} on {day}"
    return None


def _changes(index: Index, since: date, data: MarketData) -> Iterator[date]:
    yield since
    for kind in (LotSize, FreezeQuantity, Tick, StrikeStep):
        yield from (row.since for row in data.rows(kind) if row.index == index and row.since > since)


def _incomplete(rows: Sequence[Row], data: MarketData) -> Complaints:
    """Years that are said to be published whole without the holidays that every year has."""
    covering = {number: row for number, row in enumerate(rows) if isinstance(row, SessionCoverage)}
    found = {f"rows[{number}].until": _missing(row.since, row.until, data) for number, row in covering.items()}
    if any(isinstance(row, SessionDay) for row in rows):
        found["rows"] = next(filter(None, (_missing(r.since, r.until, data) for r in data.rows(SessionCoverage))), None)
    return {path: said for path, said in found.items() if said is not None}


def _missing(first: date, last: date, data: MarketData) -> str | None:
    for year in range(first.year, last.year + 1):
        days = (date(year, month, day) for month, day in NATIONAL_HOLIDAYS)
        open_ = [day for day in days if first <= day <= last and day.weekday() < SATURDAY and not _closed(day, data)]
        if open_:
            return f"write {open_[0]} as closed first: it is a national holiday"
        whole = first <= date(year, 1, 1) and date(year, 12, 31) <= last
        count = sum(row.day.year == year and _closed(row.day, data) for row in data.rows(SessionDay) if _weekday(row))
        if whole and count < FEWEST_HOLIDAYS:
            return f"{year} has {count} holidays on weekdays: write all of them first"
    return None


def _weekday(row: SessionDay) -> bool:
    return row.day.weekday() < SATURDAY


def _closed(day: date, data: MarketData) -> bool:
    """Whether a day has no regular session; a Muhurat hour falls on a holiday."""
    row = data.day(day)
    return row is not None and row.kind in {SessionKind.CLOSED, SessionKind.MUHURAT}
