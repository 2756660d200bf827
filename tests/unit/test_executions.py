from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.basket import MarketplaceConfig, Visibility
from quantleap.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from quantleap.domain.execution import Due, Kind, Report, State
from quantleap.domain.model import parse
from quantleap.domain.partner import Environment, PartnerKey
from quantleap.domain.ports import Page
from quantleap.domain.runs import NewRun, RunFilter, RunStatus, report_of
from quantleap.domain.user_runs import OwnRun
from quantleap.handlers.views import executions as view
from quantleap.services import executions
from quantleap.services.executions import OwnExecution
from tests.builders import (
    ASHAS_MAIL,
    NINE_TWENTY,
    OTHERS,
    RUN,
    TEMPLATE,
    ZEBU,
    Clock,
    a_basket,
    a_key,
    a_plan,
    a_template,
    a_ticket,
    a_user,
    an_intent,
)
from tests.fakes import FakeBaskets, FakeRuns, FakeStarter, FakeUsers

LEAD = timedelta(seconds=12)


def fire(
    starter: FakeStarter,
    clock: Clock | None = None,
    key: PartnerKey | None = None,
    runs: FakeRuns | None = None,
    **wanted: Any,
) -> Due:
    baskets = FakeBaskets(a_template(), a_basket(basket_id="bsk_hidden"))
    asked = parse(NewRun, {"template_id": TEMPLATE, **wanted})
    runs = runs or FakeRuns()
    firing = executions.Firing(baskets, runs, runs, starter, clock or Clock(), LEAD)
    return executions.fire(firing, key or a_key(), asked)


def test_a_sandbox_run_fires_at_the_next_second_that_leaves_time_to_warm_up() -> None:
    late_in_a_second = Clock(NINE_TWENTY + timedelta(milliseconds=1))

    due = fire(FakeStarter(), late_in_a_second)

    assert due.boundary == NINE_TWENTY + timedelta(seconds=13)
    assert fire(FakeStarter()).boundary == NINE_TWENTY + LEAD


def test_it_is_for_the_keys_tenant_alone_and_runs_every_strategy() -> None:
    due = fire(FakeStarter())

    assert (due.scope, due.strategies, due.version) == (ZEBU.key, (0,), 1)
    assert due.run_id == "run_20261123T092012_entry_bsk_condor0000000000_v1_zebu-test"


def test_the_state_machine_is_told_when_what_and_for_whom() -> None:
    starter = FakeStarter()

    due = fire(starter, at="2026-11-23T10:00:00+05:30")

    assert starter.started == {
        due.run_id: {"at": "2026-11-23T04:30:00Z", "template_id": TEMPLATE, "scope": ZEBU.key, "kind": "entry"}
    }


def test_asking_twice_for_the_same_second_is_one_run() -> None:
    starter = FakeStarter()

    first, second = fire(starter), fire(starter)

    assert first.run_id == second.run_id
    assert len(starter.started) == 1


@pytest.mark.parametrize(
    "at",
    [
        NINE_TWENTY + LEAD - timedelta(seconds=1),
        NINE_TWENTY + timedelta(hours=24, seconds=1),
        NINE_TWENTY + timedelta(seconds=20, milliseconds=500),
        NINE_TWENTY.replace(tzinfo=None),
    ],
)
def test_a_moment_that_cannot_be_met_is_refused(at: datetime) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        fire(FakeStarter(), at=at.isoformat())

    assert list(refusal.value.details) == ["at"]


@pytest.mark.parametrize("ahead", [LEAD, timedelta(hours=24)])
def test_the_first_and_the_last_possible_moment_are_taken(ahead: timedelta) -> None:
    at = (NINE_TWENTY + ahead).astimezone(timezone(timedelta(hours=9)))

    assert fire(FakeStarter(), at=at.isoformat()).boundary == NINE_TWENTY + ahead


def test_live_keys_do_not_fire() -> None:
    with pytest.raises(Forbidden) as refusal:
        fire(FakeStarter(), key=a_key(environment=Environment.LIVE))

    assert refusal.value.reason == "sandbox_only"


@pytest.mark.parametrize("template_id", ["bsk_none", "bsk_hidden"])
def test_only_a_template_the_partner_sees_can_be_fired(template_id: str) -> None:
    with pytest.raises(NotFound):
        fire(FakeStarter(), template_id=template_id)


def test_a_private_template_of_another_partner_cannot_be_fired() -> None:
    config = MarketplaceConfig(visibility=Visibility.PRIVATE, partners=("acme",))
    baskets = FakeBaskets(a_template(marketplace=config))

    with pytest.raises(NotFound):
        executions.fire(
            executions.Firing(baskets, FakeRuns(), FakeRuns(), FakeStarter(), Clock(), LEAD),
            a_key(),
            NewRun(template_id=TEMPLATE),
        )


def test_a_run_is_planned_then_running_then_completed() -> None:
    runs, clock = FakeRuns({RUN: a_plan()}), Clock(NINE_TWENTY - timedelta(seconds=1))

    def status() -> RunStatus:
        return executions.one(runs, runs, FakeUsers(), clock, ZEBU, RUN).status

    before = status()
    clock.passes(seconds=1)
    at_the_boundary = status()
    runs.closed[RUN] = Report()

    assert [before, at_the_boundary, status()] == ["planned", "running", "completed"]


def test_a_tenant_reads_its_own_users_and_a_report_of_those_alone() -> None:
    mine, theirs = a_ticket(), a_ticket(tenant=OTHERS.key, subscription_id="sub_theirs")
    plan = a_plan(tenants={ZEBU.key: (0,), OTHERS.key: (0,)})
    runs = FakeRuns({RUN: plan}, [mine, theirs], {RUN: Report(seats=2)})

    found = executions.one(runs, runs, FakeUsers(a_user()), Clock(), ZEBU, RUN)

    assert found.tickets == [mine]
    assert found.report is not None
    assert (found.report.seats, found.report.counts) == (1, {"filled": 1})
    assert found.users[a_user().user_id].email == ASHAS_MAIL


def test_an_open_run_has_no_report() -> None:
    runs = FakeRuns({RUN: a_plan()})

    assert executions.one(runs, runs, FakeUsers(), Clock(), ZEBU, RUN).report is None


def test_a_run_without_users_of_the_tenant_is_not_found() -> None:
    runs = FakeRuns({RUN: a_plan()})

    with pytest.raises(NotFound):
        executions.one(runs, runs, FakeUsers(), Clock(), OTHERS, RUN)


def test_a_sandbox_run_can_be_read_at_once_and_ends_empty_when_nobody_follows() -> None:
    runs, clock = FakeRuns(), Clock()
    due = fire(FakeStarter(), clock, runs=runs)

    before = executions.one(runs, runs, FakeUsers(), clock, ZEBU, due.run_id)
    clock.passes(seconds=12)
    soon = executions.one(runs, runs, FakeUsers(), clock, ZEBU, due.run_id)
    clock.passes(seconds=30)
    after = executions.one(runs, runs, FakeUsers(), clock, ZEBU, due.run_id)

    assert (before.status, before.report) == ("planned", None)
    assert (soon.status, soon.report) == ("running", None)
    assert (after.status, after.tickets, after.report) == ("completed", [], Report())


def test_a_tenants_runs_are_listed_newest_first() -> None:
    runs = FakeRuns({name: a_plan(run_id=name) for name in ("run_1", "run_3", "run_2")})
    runs.plans["run_4"] = a_plan(run_id="run_4", tenants={OTHERS.key: (0,)})

    page = executions.listing(runs, ZEBU, RunFilter())

    assert [plan.due.run_id for plan in page.items] == ["run_3", "run_2", "run_1"]


def test_a_report_counts_states_reasons_and_the_worst_times() -> None:
    refused = an_intent(state=State.REFUSED, reason="insufficient_funds", sent_after_ms=Decimal(2))
    lost = an_intent(state=State.UNKNOWN, acknowledged_after_ms=None, sent_after_ms=Decimal(1))
    tickets = [
        a_ticket(intents=(an_intent(), refused)),
        a_ticket(subscription_id="sub_2", intents=(lost,)),
        a_ticket(subscription_id="sub_3", intents=(), skipped="paused"),
    ]

    report = report_of([tickets])

    assert report.seats == 3
    assert report.counts == {"filled": 1, "refused": 1, "unknown": 1}
    assert (report.skipped, report.refused) == ({"paused": 1}, {"insufficient_funds": 1, "unknown": 1})
    dispatch, acknowledge = report.dispatch.percentiles(), report.acknowledge.percentiles()
    assert dispatch is not None
    assert acknowledge is not None
    assert (report.boundary_error_ms, dispatch.max, dispatch.p99) == (Decimal("0.412"), Decimal(1), Decimal(1))
    assert acknowledge.p99 == Decimal("52.3")


def test_what_the_book_told_of_counts_as_sent_and_taken_whatever_became_of_it() -> None:
    silent = {"sent_after_ms": None, "acknowledged_after_ms": None}
    adopted = an_intent(**silent)
    rejected = an_intent(state=State.REJECTED, filled_quantity=0, **silent)
    taken_back = an_intent(state=State.CANCELLED, filled_quantity=0)
    doubtful = an_intent(state=State.UNKNOWN, order_id=None, filled_quantity=0, **silent)
    held_back = an_intent(state=State.NOT_SENT, order_id=None, filled_quantity=0, **silent)

    report = report_of([[a_ticket(intents=(adopted, rejected, taken_back, doubtful, held_back))]])

    assert (report.planned, report.sent, report.acknowledged, report.filled) == (5, 4, 3, 1)


def test_a_tenant_reads_of_an_exit_what_it_left_open() -> None:
    plan = a_plan()
    leaving = plan.due.model_copy(update={"kind": Kind.EXIT, "closes": RUN})
    unsent = a_ticket(intents=(), skipped="broker_login_missing")
    runs = FakeRuns({RUN: plan.model_copy(update={"due": leaving})}, [unsent], {RUN: Report()})

    found = executions.one(runs, runs, FakeUsers(a_user()), Clock(), ZEBU, RUN)

    assert found.report is not None
    assert found.report.incomplete == 1


def test_a_shard_that_was_not_served_to_its_end_is_missed() -> None:
    shards = [[a_ticket()], [a_ticket(settled=False)], []]

    assert report_of(shards).missing_shards == 2


def test_a_report_of_nobody_is_empty() -> None:
    assert report_of([]) == Report()


def test_an_exit_closes_the_latest_entry_of_the_template() -> None:
    runs, starter, clock = FakeRuns(), FakeStarter(), Clock()
    fire(starter, clock, runs=runs)
    clock.passes(minutes=1)
    entered = fire(starter, clock, runs=runs)
    clock.passes(minutes=1)

    left = fire(starter, clock, runs=runs, kind="exit")

    assert (left.kind, left.closes, left.version) == (Kind.EXIT, entered.run_id, entered.version)
    assert starter.started[left.run_id]["kind"] == "exit"


def test_there_is_nothing_to_close_before_an_entry() -> None:
    with pytest.raises(Conflict, match="no sandbox entry"):
        fire(FakeStarter(), kind="exit")


@pytest.mark.parametrize(("state", "known"), [(State.FILLED, True), (State.CANCELLED, True), (State.UNKNOWN, False)])
def test_a_ticket_of_which_somebody_has_to_look_is_not_shown_as_settled(state: State, *, known: bool) -> None:
    ticket = a_ticket(intents=(an_intent(state=state),), settled=True)
    due = a_plan().due

    (run,) = view.own(Page([OwnExecution(OwnRun(due, (ticket,)), RunStatus.COMPLETED)], None))["executions"]

    assert run["subscriptions"][0]["settled"] is known
