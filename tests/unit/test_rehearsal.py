"""The rehearsal's function: which minute it looks at, and what it leaves in the log."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from quantleap.domain.sessions import AlwaysOpen, Calendar, CalendarExhausted, TradingCalendar
from quantleap.handlers import rehearsal
from quantleap.runtime import engine, wiring
from quantleap.services import rehearsal as service
from tests.builders import NINE_TWENTY, RUN, Clock
from tests.unit.test_readiness import a_rehearsal

AUTUMN = datetime(2026, 10, 1, 3, 20, tzinfo=UTC)


CONTEXT: Any = SimpleNamespace(
    function_name="rehearsal", memory_limit_in_mb=1769, invoked_function_arn="arn", aws_request_id="1", tenant_id=None
)
"""What Lambda tells of a call."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the function writes, in a stage that keeps the exchange's hours, long before its calendar ends."""
    written: list[tuple[str, dict[str, Any]]] = []
    for level in ("info", "error", "exception"):
        monkeypatch.setattr(
            rehearsal.logger, level, lambda message, extra=None: written.append((message, dict(extra or {})))
        )
    monkeypatch.setattr(wiring, "clock", Clock(AUTUMN))
    monkeypatch.setattr(wiring, "calendar", TradingCalendar)
    monkeypatch.setattr(engine, "stage", lambda: None)
    monkeypatch.setattr(rehearsal, "metrics", lambda values, _at: values)
    monkeypatch.setattr(service, "rehearse", lambda _stage, _boundary: [])
    return written


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("event", "boundary"),
    [
        ({"scheduled_at": "2026-11-23T03:20:00Z"}, NINE_TWENTY),
        ({"scheduled_at": "<aws.scheduler.scheduled-time>"}, AUTUMN + timedelta(minutes=30)),
        ({}, AUTUMN + timedelta(minutes=30)),
    ],
)
def test_a_late_start_rehearses_the_minute_that_was_meant(event: dict[str, Any], boundary: datetime) -> None:
    assert rehearsal.handler(event, CONTEXT)["boundary"] == boundary.isoformat()


def test_each_outlook_is_a_line_with_its_counts_as_metrics(
    log: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "rehearse", lambda _stage, _boundary: [a_rehearsal(), a_rehearsal(tenant="acme#test")])

    answer = rehearsal.handler({}, CONTEXT)

    assert answer["runs"] == [RUN]
    assert [message for message, _ in log] == ["rehearsed", "rehearsed"]
    assert [extra["tenant"] for _, extra in log] == ["zebu#test", "acme#test"]
    assert (log[0][1]["rehearsal_ready"], log[0][1]["rehearsal_not_ready"]) == (1, 2)
    assert log[0][1]["reasons"] == {"broker_login_missing": 2}


@pytest.mark.parametrize(
    ("now", "calendar", "warned"),
    [
        (AUTUMN, TradingCalendar(), False),
        (datetime(2026, 11, 23, tzinfo=UTC), TradingCalendar(), True),
        (datetime(2027, 1, 4, tzinfo=UTC), TradingCalendar(), True),
        (datetime(2027, 1, 4, tzinfo=UTC), AlwaysOpen(), False),
    ],
)
def test_the_log_says_weeks_before_that_the_calendar_ends(
    log: list[tuple[str, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
    calendar: Calendar,
    *,
    warned: bool,
) -> None:
    monkeypatch.setattr(wiring, "clock", Clock(now))
    monkeypatch.setattr(wiring, "calendar", lambda: calendar)

    rehearsal.handler({}, CONTEXT)

    assert [message for message, _ in log] == [engine.CALENDAR_ENDS] * warned


def test_past_the_calendars_end_nothing_is_rehearsed_and_the_log_says_why(
    log: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(_stage: object, _boundary: datetime) -> None:
        raise CalendarExhausted(date(2027, 1, 4))

    monkeypatch.setattr(service, "rehearse", exhausted)

    assert rehearsal.handler({}, CONTEXT)["runs"] == []
    assert [message for message, _ in log] == ["the table of trading sessions has ended; nothing is rehearsed"]
