"""Dated facts over HTTP, with moto behind: written, read by what trades, kept, and refused while a run goes by them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.adapters.market_data import AGAIN_AFTER, FRESH_FOR, GOOD_FOR, FreshMarketData, TableMarketData
from quantleap.adapters.table import Table
from quantleap.domain.capabilities import Pace
from quantleap.domain.errors import Conflict
from quantleap.domain.indexes import Index
from quantleap.domain.market_data import DataKind
from quantleap.domain.market_data_changes import Written
from quantleap.domain.partner import Environment
from quantleap.domain.series import lot_size
from quantleap.domain.sessions import TradingCalendar
from quantleap.domain.shipped import SHIPPED
from quantleap.runtime import wiring
from tests.builders import Clock, a_plan
from tests.calls import Calls
from tests.integration.gateway import Gateway, as_admin, as_user
from tests.integration.test_api import BASKET, OFFER, refused

ALL = "/admin/market-data"
LOTS = f"{ALL}/lot-sizes"
NINE = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
SOURCE = "NSE/FAOP/80001"
LOT = {"index": "NIFTY", "effective_from": "2027-01-01", "lot_size": 60, "source": SOURCE}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Nine o'clock on a Monday; templates enter at 09:20 and leave at 15:15."""
    clock = Clock(NINE)
    monkeypatch.setattr(wiring, "clock", clock)
    return clock


@pytest.fixture
def admin(deployed: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """In a stage that keeps the exchange's hours."""
    monkeypatch.setenv("MARKET_HOURS", "exchange")
    return as_admin()


def rows(*sent: dict[str, Any], version: int = 0) -> dict[str, Any]:
    return {"version": version, "rows": list(sent)}


def test_what_is_written_is_read_back_with_who_and_when_and_the_releases_own_beside_it(admin: Gateway) -> None:
    before = admin(f"GET {LOTS}").body
    made = admin(f"PUT {LOTS}", rows(LOT)).body
    after = admin(f"GET {LOTS}").body

    assert (before["version"], before["rows"], before["changed_by"]) == (0, [], None)
    assert made == after
    assert (after["version"], after["changed_by"], after["changed_at"]) == (1, "admin-1", "2026-11-23T03:30:00Z")
    assert after["rows"] == [{**LOT, "confirmed": True}]
    assert {
        "index": "NIFTY",
        "effective_from": "2026-01-01",
        "lot_size": 65,
        "source": "NSE/FAOP/70616",
        "confirmed": True,
    } in after["shipped"]


def test_every_kind_is_listed_with_its_version_and_how_far_sessions_are_known(admin: Gateway) -> None:
    admin(f"PUT {LOTS}", rows(LOT))

    shown = admin(f"GET {ALL}").body

    assert [each["kind"] for each in shown["kinds"]] == list(DataKind)
    assert {each["kind"]: (each["version"], each["rows"]) for each in shown["kinds"]}["lot-sizes"] == (1, 1)
    assert shown["sessions_end_on"] == "2026-12-31"
    assert "2026-12-31" in shown["warning"]


def test_every_version_is_kept(admin: Gateway) -> None:
    admin(f"PUT {LOTS}", rows(LOT))
    admin(f"PUT {LOTS}", rows({**LOT, "lot_size": 55}, version=1))
    admin(f"PUT {LOTS}", rows(version=2))

    found = admin(f"GET {LOTS}/versions").body

    assert [each["version"] for each in found["versions"]] == [3, 2, 1]
    assert [[row["lot_size"] for row in each["rows"]] for each in found["versions"]] == [[], [55], [60]]


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(admin: Gateway) -> None:
    admin(f"PUT {LOTS}", rows(LOT))

    refused(admin(f"PUT {LOTS}", rows({**LOT, "lot_size": 55})), 409, "conflict")
    assert admin(f"GET {LOTS}").body["rows"][0]["lot_size"] == 60


def test_a_change_sent_again_is_found_done(admin: Gateway) -> None:
    first = admin(f"PUT {LOTS}", rows(LOT))
    again = admin(f"PUT {LOTS}", rows(LOT))

    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert admin(f"GET {LOTS}/versions").body["count"] == 1


def test_two_who_write_at_once_do_not_write_over_each_other(table: Table) -> None:
    store = TableMarketData(table)
    first = Written(kind=DataKind.LOT_SIZES).after([], "asha", NINE)
    store.save(first, [])

    for version in (first, Written(kind=DataKind.LOT_SIZES, version=2).after([], "ravi", NINE)):
        with pytest.raises(Conflict):
            store.save(version, [])


def test_what_was_checked_against_another_kind_is_not_stored_once_that_was_written(table: Table) -> None:
    store = TableMarketData(table)
    lots, freezes = (Written(kind=kind) for kind in (DataKind.LOT_SIZES, DataKind.FREEZE_QUANTITIES))
    first = lots.after([], "asha", NINE)
    store.save(first, [])

    with pytest.raises(Conflict):
        store.save(freezes.after([], "ravi", NINE), [])
    store.save(freezes.after([], "ravi", NINE), [first])
    with pytest.raises(Conflict):
        store.save(freezes.after([], "ravi", NINE).after([], "ravi", NINE), [first.after([], "asha", NINE)])
    assert [(each.kind, each.version) for each in store.all()] == [(freezes.kind, 1), (lots.kind, 1)]


@pytest.mark.parametrize("line", [f"GET {ALL}", f"GET {LOTS}", f"GET {LOTS}/versions", f"PUT {LOTS}"])
def test_only_administrators_read_and_write(admin: Gateway, line: str) -> None:
    refused(as_user()(line, rows(LOT)), 403, "admins_only")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"rows": []}, "version"),
        ({"version": -1, "rows": []}, "version"),
        ({"version": 0}, "rows"),
        ({"version": 0, "rows": [7]}, "rows[0]"),
        ({"version": 0, "rows": [{}]}, "rows[0].lot_size"),
        ({"version": 0, "rows": [LOT], "colour": "red"}, "colour"),
        ({"version": 0, "rows": [LOT] * 501}, "rows"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_by_field(admin: Gateway, body: object, path: str) -> None:
    said = admin(f"PUT {LOTS}", body)

    refused(said, 400, "invalid_request")
    assert path in said.body["details"]


@pytest.mark.parametrize("line", ["GET", "PUT"])
def test_a_kind_nobody_keeps_is_not_found(admin: Gateway, line: str) -> None:
    refused(admin(f"{line} {ALL}/prices", rows(LOT)), 404, "not_found")
    refused(admin(f"GET {ALL}/prices/versions"), 404, "not_found")


def offered(admin: Gateway) -> str:
    name: str = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{name}", OFFER)
    return name


CLOSED_TODAY = {"day": "2026-11-23", "kind": "closed", "source": SOURCE}


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("sessions", CLOSED_TODAY),
        ("lot-sizes", {**LOT, "effective_from": "2026-11-23"}),
        (
            "freeze-quantities",
            {"index": "NIFTY", "effective_from": "2026-11-23", "freeze_quantity": 900, "source": SOURCE},
        ),
        ("ticks", {"index": "NIFTY", "effective_from": "2026-11-23", "tick": 0.1, "source": SOURCE}),
        ("strike-steps", {"index": "NIFTY", "effective_from": "2026-11-23", "step": 100, "source": SOURCE}),
        ("square-off-hours", {"broker_id": "zebu", "effective_from": "2026-11-23", "at": "15:10", "source": SOURCE}),
        (
            "expiry-rules",
            {
                "index": "NIFTY",
                "effective_from": "2026-11-23",
                "weekday": "WED",
                "series": ["WEEKLY", "MONTHLY"],
                "source": SOURCE,
            },
        ),
        ("session-hours", {"effective_from": "2026-11-23", "opens": "09:30", "closes": "15:40", "source": SOURCE}),
        (
            "broker-limits",
            {
                "broker_id": "zebu",
                "effective_from": "2026-11-23",
                "orders": [],
                "reads": [{"calls": 1, "seconds": 1}],
                "source": SOURCE,
            },
        ),
    ],
)
def test_what_a_run_of_the_next_hour_goes_by_is_not_changed(
    admin: Gateway, clock: Clock, kind: str, row: dict[str, Any]
) -> None:
    name = offered(admin)

    said = admin(f"PUT {ALL}/{kind}", rows(row))

    refused(said, 409, "market_data_in_use")
    assert list(said.body["details"].values()) == [f"entry of {name} at 2026-11-23T09:20:00+05:30"]
    assert admin(f"GET {ALL}/{kind}").body["version"] == 0
    clock.passes(minutes=21)
    if kind != "session-hours":  # for which the day is over already
        assert admin(f"PUT {ALL}/{kind}", rows(row)).status == 200


def test_a_change_that_no_run_of_the_next_hour_goes_by_is_taken(admin: Gateway) -> None:
    offered(admin)

    for kind, row in (
        ("lot-sizes", {**LOT, "index": "BANKNIFTY", "effective_from": "2026-11-23"}),
        ("lot-sizes", LOT),
        ("sessions", {**CLOSED_TODAY, "day": "2026-12-01"}),
    ):
        version = admin(f"GET {ALL}/{kind}").body["version"]
        assert admin(f"PUT {ALL}/{kind}", rows(row, version=version)).status == 200


def test_the_way_out_of_what_entered_today_counts_too(admin: Gateway, clock: Clock) -> None:
    offered(admin)
    clock.passes(hours=5, minutes=30)

    said = admin(f"PUT {LOTS}", rows({**LOT, "effective_from": "2026-11-23"}))

    refused(said, 409, "market_data_in_use")
    assert "exit of" in next(iter(said.body["details"].values()))


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("sessions", CLOSED_TODAY),
        ("sessions", {**CLOSED_TODAY, "kind": "special", "opens": "09:15", "closes": "12:00"}),
        ("session-hours", {"effective_from": "2026-11-23", "opens": "09:15", "closes": "12:00", "source": SOURCE}),
    ],
)
def test_the_session_stays_that_what_entered_today_leaves_in_however_far_off(
    admin: Gateway, clock: Clock, kind: str, row: dict[str, Any]
) -> None:
    name = offered(admin)
    entered = a_plan().due.model_copy(update={"template_id": name})
    wiring.runs().adopt_plan(a_plan().model_copy(update={"due": entered}))
    clock.passes(minutes=30)

    said = admin(f"PUT {ALL}/{kind}", rows(row))

    refused(said, 409, "market_data_in_use")
    assert list(said.body["details"].values()) == [f"exit of {name} at 2026-11-23T15:15:00+05:30"]
    clock.passes(hours=6)
    assert admin(f"PUT {ALL}/{kind}", rows(row)).status == 200


def test_a_year_is_extended_in_two_steps_and_the_calendar_knows_it(admin: Gateway, clock: Clock) -> None:
    days = ("03-22", "03-26", "04-14", "05-17", "09-06", "10-29", "11-10")
    closed = [{"day": f"2027-{day}", "kind": "closed", "source": SOURCE} for day in days]
    year = {"effective_from": "2027-01-01", "until": "2027-12-31", "source": SOURCE}

    early = admin(f"PUT {ALL}/session-coverage", rows(year))
    admin(f"PUT {ALL}/sessions", rows(*closed))
    late = admin(f"PUT {ALL}/session-coverage", rows(year))
    clock.passes(minutes=2)

    refused(early, 400, "invalid_request")
    assert late.status == 200
    shown = admin("GET /admin/calendar").body
    assert (shown["sessions_end_on"], shown["warning"]) == ("2027-12-31", None)
    assert wiring.calendar().is_trading_day(date(2027, 1, 5))
    assert not wiring.calendar().is_trading_day(date(2027, 3, 22))


def test_facts_are_looked_up_once_a_minute_and_a_change_is_seen_by_then(admin: Gateway, clock: Clock) -> None:
    facts = wiring.market_data()
    with Calls(wiring.dynamodb()) as calls:
        before = [facts() for _ in range(100)]
    admin(f"PUT {LOTS}", rows(LOT))
    unseen = facts()
    clock.passes(seconds=FRESH_FOR.total_seconds())
    with Calls(wiring.dynamodb()) as again:
        after = facts()

    assert calls.made == again.made == {"Query": 1}
    assert len(set(map(id, [*before, unseen]))) == 1
    assert (lot_size(Index.NIFTY, date(2027, 1, 5), unseen), lot_size(Index.NIFTY, date(2027, 1, 5), after)) == (65, 60)


def test_a_look_that_finds_the_same_versions_makes_nothing_anew(admin: Gateway, clock: Clock) -> None:
    admin(f"PUT {LOTS}", rows(LOT))
    clock.passes(minutes=5)
    facts = wiring.market_data()
    first = facts()
    clock.passes(minutes=5)

    assert facts() is first
    assert first is not SHIPPED


class Store(TableMarketData):
    """A store that may be cut off."""

    down = False
    looks = 0

    def all(self) -> Any:
        self.looks += 1
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        return super().all()


@pytest.fixture
def cut_off(table: Table) -> Callable[[], tuple[Store, Clock, FreshMarketData]]:
    def made() -> tuple[Store, Clock, FreshMarketData]:
        store, clock = Store(table), Clock(NINE)
        return store, clock, FreshMarketData(store, clock)

    return made


def test_facts_stand_while_the_table_cannot_be_read_as_long_as_no_change_could_matter(cut_off: Any) -> None:
    store, clock, facts = cut_off()
    first = facts()
    store.down = True
    clock.passes(seconds=GOOD_FOR.total_seconds())

    assert facts() is first
    clock.passes(seconds=1)
    with pytest.raises(EndpointConnectionError):
        facts()


def test_a_look_that_failed_is_not_made_for_every_account(cut_off: Any) -> None:
    store, clock, facts = cut_off()
    facts()
    store.down = True
    clock.passes(seconds=FRESH_FOR.total_seconds())
    for _ in range(250):
        facts()

    assert store.looks == 2
    clock.passes(seconds=AGAIN_AFTER.total_seconds())
    facts()
    assert store.looks == 3


def test_without_ever_having_read_the_table_nothing_is_taken_for_true(cut_off: Any) -> None:
    store, _, facts = cut_off()
    store.down = True

    with pytest.raises(EndpointConnectionError):
        facts()


def test_the_stages_own_calendar_reads_the_table(admin: Gateway, clock: Clock) -> None:
    admin(f"PUT {ALL}/sessions", rows({**CLOSED_TODAY, "day": "2026-12-07"}))
    clock.passes(minutes=1)

    assert isinstance(wiring.calendar(), TradingCalendar)
    assert wiring.calendar().session(date(2026, 12, 7)) is None
    assert TradingCalendar(lambda: SHIPPED).session(date(2026, 12, 7)) is not None


def test_a_brokers_limits_that_were_written_hold_from_their_day_on(admin: Gateway, clock: Clock) -> None:
    row = {
        "broker_id": "zebu",
        "effective_from": "2026-11-24",
        "orders": [{"calls": 9, "seconds": 1}, {"calls": 500, "seconds": 60}],
        "reads": [{"calls": 1, "seconds": 1}],
        "source": SOURCE,
    }
    admin(f"PUT {ALL}/broker-limits", rows(row))

    def limits() -> tuple[object, ...]:
        made = wiring.brokers().broker("zebu", Environment.TEST).capability
        (shown,) = (each for each in wiring.brokers().capabilities() if each.broker_id == "zebu")
        assert (shown.orders, shown.reads) == (made.orders, made.reads)
        return tuple(made.orders.paces), tuple(made.reads)

    before = limits()
    clock.passes(hours=24)

    assert before == (Zebu(None).capability.orders.paces, Zebu(None).capability.reads)
    assert limits() == ((Pace(9, 1), Pace(500, 60)), (Pace(1, 1),))
