"""What a user sees of runs: all of their own orders, nobody else's, newest first."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from quantleap.adapters.runs import TableRuns
from quantleap.adapters.table import Table
from quantleap.adapters.user_runs import TableUserRuns
from quantleap.domain.execution import Ticket
from quantleap.domain.ids import run_id, user_of_sign_in
from quantleap.domain.partner import PLATFORM, Environment, Tenant
from quantleap.domain.user_runs import OwnRun
from quantleap.runtime import wiring
from tests.builders import NINE_TWENTY, TEMPLATE, Clock, a_plan, a_ticket
from tests.calls import Calls
from tests.integration.gateway import Gateway, as_user

HERE = Tenant(PLATFORM, Environment.TEST)
ME, ELSE = user_of_sign_in("asha"), user_of_sign_in("ravi")


class Desk:
    """Writes what workers write."""

    def __init__(self, table: Table) -> None:
        self.runs = TableRuns(table)

    def serve(self, at: datetime = NINE_TWENTY, version: int = 1, *, accounts: int = 1, **changes: Any) -> str:
        """A run at a boundary, with a ticket for each account of somebody; returns its id."""
        name = run_id("entry", at, TEMPLATE, version, None)
        self.runs.adopt_plan(a_plan(run_id=name, boundary=at, tenants={HERE.key: (0,)}))
        usual = {"run_id": name, "tenant": HERE.key, "user_id": ME, "subscription_id": "sub_mine"}
        wanted = [{**usual, "allocation_id": f"alloc_{number}", **changes} for number in range(accounts)]
        self.runs.write_tickets([a_ticket(**each) for each in wanted])
        return name


@pytest.fixture
def desk(table: Table) -> Desk:
    return Desk(table)


@pytest.fixture
def mine(table: Table) -> TableUserRuns:
    return TableUserRuns(table)


def pages(mine: TableUserRuns, limit: int) -> list[list[str]]:
    """Every page as the ids of its runs."""
    found: list[list[str]] = []
    token = None
    while token is not None or not found:
        page = mine.of_user(HERE, ME, limit, token)
        found.append([run.due.run_id for run in page.items])
        token = page.next_token
    return found


def test_runs_come_newest_first_a_page_at_a_time(desk: Desk, mine: TableUserRuns) -> None:
    names = [desk.serve(NINE_TWENTY + timedelta(minutes=number)) for number in range(5)][::-1]

    assert pages(mine, 2) == [names[:2], names[2:4], names[4:]]
    assert pages(mine, 5) == [names]


def test_the_accounts_of_a_subscription_are_one_run_and_no_page_parts_them(desk: Desk, mine: TableUserRuns) -> None:
    names = [desk.serve(NINE_TWENTY + timedelta(minutes=number), accounts=5) for number in range(4)][::-1]

    assert pages(mine, 1) == [[name] for name in names]
    assert [len(run.tickets) for run in mine.of_user(HERE, ME, 4, None).items] == [5, 5, 5, 5]


def test_runs_of_one_minute_are_told_apart_though_one_id_begins_like_the_other(desk: Desk, mine: TableUserRuns) -> None:
    names = {desk.serve(version=version) for version in (1, 11, 2)}

    shown = pages(mine, 1)

    assert {name for (name,) in shown} == names
    assert len(shown) == 3


def test_nobody_sees_anything_of_somebody_else(desk: Desk, mine: TableUserRuns) -> None:
    desk.serve(user_id=ELSE, subscription_id="sub_theirs")
    desk.serve(accounts=2)

    (run,) = mine.of_user(HERE, ME, 20, None).items

    assert {ticket.user_id for ticket in run.tickets} == {ME}
    assert len(run.tickets) == 2


def test_a_page_is_one_query_and_one_read(desk: Desk, mine: TableUserRuns, table: Table) -> None:
    for number in range(20):
        desk.serve(NINE_TWENTY + timedelta(minutes=number), accounts=2)

    with Calls(table._client) as calls:
        page = mine.of_user(HERE, ME, 20, None)

    assert len(page.items) == 20
    assert calls.made == {"Query": 1, "BatchGetItem": 1}


def test_what_became_of_an_order_is_shown_as_soon_as_it_is_known(desk: Desk, mine: TableUserRuns) -> None:
    desk.serve(settled=False, intents=())
    (before,) = mine.of_user(HERE, ME, 1, None).items

    desk.runs.settle(before.tickets[0].model_copy(update={"settled": True, "skipped": "halted"}), ())

    (after,) = mine.of_user(HERE, ME, 1, None).items
    assert (told(before), told(after)) == ([(False, None)], [(True, "halted")])


def told(run: OwnRun) -> list[tuple[bool, str | None]]:
    return [(ticket.settled, ticket.skipped) for ticket in run.tickets]


def stored(name: str) -> Ticket:
    (ticket,) = wiring.runs().tickets(name, 0, HERE.key).read
    return ticket


@pytest.fixture
def asha(deployed: object, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setattr(wiring, "clock", Clock(NINE_TWENTY + timedelta(minutes=1)))
    return as_user()


def test_a_user_reads_their_runs_with_every_order(asha: Gateway) -> None:
    name = Desk(wiring.table()).serve()

    shown = asha("GET /user/executions")

    (run,) = shown.body["executions"]
    (subscription,) = run["subscriptions"]
    (order,) = subscription["orders"]
    assert shown.status == 200
    assert (shown.body["count"], shown.body["next_token"]) == (1, None)
    assert (run["run_id"], run["kind"], run["status"]) == (name, "entry", "completed")
    assert (order["state"], order["tag"]) == ("filled", stored(name).intents[0].tag)
    assert "user_id" not in subscription


def test_a_run_is_over_for_a_user_once_their_own_orders_are(asha: Gateway) -> None:
    desk = Desk(wiring.table())
    desk.serve(NINE_TWENTY, settled=False)
    desk.serve(NINE_TWENTY + timedelta(minutes=5), settled=False)
    desk.serve(NINE_TWENTY + timedelta(minutes=6), skipped="subscription_paused", intents=())

    runs = asha("GET /user/executions").body["executions"]

    assert [run["status"] for run in runs] == ["planned", "planned", "running"]


def test_a_page_is_asked_for_as_everywhere(asha: Gateway) -> None:
    desk = Desk(wiring.table())
    names = [desk.serve(NINE_TWENTY - timedelta(minutes=number)) for number in range(3)]

    first = asha("GET /user/executions?limit=2").body
    rest = asha(f"GET /user/executions?limit=2&next_token={first['next_token']}").body

    assert [run["run_id"] for run in (*first["executions"], *rest["executions"])] == names
    assert asha("GET /user/executions?limit=0").status == 400
    assert as_user("ravi")("GET /user/executions").body["executions"] == []
    assert as_user("ravi")(f"GET /user/executions?next_token={names[0]}").body["count"] == 0
