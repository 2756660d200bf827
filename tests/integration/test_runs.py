"""Runs in the table: whoever comes second learns what the first decided."""

from datetime import UTC, datetime, timedelta

import pytest

from quantleap.adapters import keys
from quantleap.adapters.event_items import TableOutbox
from quantleap.adapters.items import UNREADABLE
from quantleap.adapters.runs import TableRuns
from quantleap.adapters.table import Item, Table
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.events import EventType, Happening, event_id
from quantleap.domain.execution import Decision, Due, Holder, Kind, Plan, Report, Share, State, Ticket, Tickets
from quantleap.domain.partner import Environment, Tenant
from tests.unit.test_planning import one_ticket

AT = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)
RUN = "run_20261123T092000_entry_bsk_1_v1"
ENDS = AT + timedelta(minutes=2)
ZEBU, ACME = Tenant("zebu", Environment.TEST), Tenant("acme", Environment.TEST)


@pytest.fixture
def runs(table: Table) -> TableRuns:
    return TableRuns(table)


def a_plan(run_id: str = RUN, plan_id: str = "first") -> Plan:
    due = Due(run_id=run_id, kind=Kind.ENTRY, boundary=AT, template_id="bsk_1", version=1, strategies=(0,))
    return Plan(due=due, plan_id=plan_id, shards=2, tenants={"zebu#test": (0, 1), "acme#test": (1,)}, venues=())


def a_ticket(tenant: Tenant = ZEBU, subscription: str = "sub_1") -> Ticket:
    return one_ticket().model_copy(update={"run_id": RUN, "tenant": tenant.key, "subscription_id": subscription})


def test_the_first_plan_of_a_run_is_the_one_that_counts(runs: TableRuns) -> None:
    runs.adopt_plan(a_plan())

    assert runs.adopt_plan(a_plan(plan_id="second")).plan_id == "first"
    assert runs.plan(RUN) == a_plan()


def test_whoever_trades_at_an_account_at_a_boundary_is_counted_once_whatever_run_and_partner_it_is_for(
    runs: TableRuns,
) -> None:
    ours, theirs = a_ticket(), a_ticket(ACME, "sub_2")
    later = ours.model_copy(update={"run_id": RUN.replace("T0920", "T0930")})
    elsewhere = ours.model_copy(update={"client_id": "OTHER"})
    real = ours.model_copy(update={"tenant": "zebu#live"})
    for ticket in (ours, theirs, later, elsewhere, real, ours):
        runs.join([ticket], AT)  # one by one: moto loses updates of one item that come together
    runs.join([ours], AT + timedelta(minutes=1))

    assert runs.shares([ours, theirs], AT) == {ours.name: Share(0, 3), theirs.name: Share(1, 3)}
    assert runs.shares([later, elsewhere], AT) == {later.name: Share(2, 3), elsewhere.name: Share(0, 1)}
    assert runs.shares([real], AT) == {real.name: Share(0, 1)}
    assert runs.shares([ours], AT + timedelta(minutes=2)) == {}
    assert runs.shares([ours], AT + timedelta(minutes=1)) == {ours.name: Share(0, 1)}


def test_the_first_decision_of_a_run_is_the_one_that_counts(runs: TableRuns) -> None:
    first = Decision(run_id=RUN, decided_at=AT, refusal="market_feed_failed")
    runs.adopt_decision(first)

    assert runs.adopt_decision(first.model_copy(update={"refusal": None})) == first


def test_a_run_nobody_planned_is_not_found(runs: TableRuns) -> None:
    with pytest.raises(NotFound):
        runs.plan("run_nothing")


def test_a_tenant_sees_its_runs_newest_first_and_only_its_own_shards(runs: TableRuns) -> None:
    later = RUN.replace("T0920", "T0930")
    for run_id in (RUN, later):
        runs.adopt_plan(a_plan(run_id))

    first = runs.of_tenant(ACME, 1, None)
    rest = runs.of_tenant(ACME, 5, first.next_token)

    assert [plan.due.run_id for plan in (*first.items, *rest.items)] == [later, RUN]
    assert first.items[0].tenants == {"acme#test": (1,)}
    assert rest.next_token is None


def test_a_shard_has_one_worker_until_a_later_attempt_or_the_end_of_the_first(runs: TableRuns) -> None:
    first = runs.take_lease(RUN, 0, "one", 0, AT, ENDS)
    for holder, attempt in (("one", 0), ("two", 0), ("two", 1)):
        with pytest.raises(Conflict):
            runs.take_lease(RUN, 0, holder, attempt, AT, ENDS + timedelta(microseconds=1))

    second = runs.take_lease(RUN, 0, "one", 1, AT, ENDS)
    third = runs.take_lease(RUN, 0, "two", 0, ENDS + timedelta(seconds=1), ENDS + timedelta(minutes=1))

    assert [first.token, second.token, third.token] == [1, 2, 3]
    assert first.armed_until is None


def test_a_lease_whose_answer_was_lost_is_taken_though_the_sdk_repeats_the_write(runs: TableRuns) -> None:
    first = runs.take_lease(RUN, 0, "one", 0, AT, ENDS)

    assert runs.take_lease(RUN, 0, "one", 0, AT, ENDS) == first


def test_a_worker_whose_lease_was_taken_cannot_arm_and_its_successor_knows_what_it_armed(runs: TableRuns) -> None:
    first = runs.take_lease(RUN, 0, "one", 0, AT, ENDS)
    runs.arm(RUN, 0, first.token, AT + timedelta(seconds=2))

    second = runs.take_lease(RUN, 0, "one", 1, AT, ENDS)

    assert second.armed_until == AT + timedelta(seconds=2)
    with pytest.raises(Conflict):
        runs.arm(RUN, 0, first.token, AT + timedelta(seconds=4))


def test_a_renewal_that_is_repeated_or_arrives_late_takes_no_time_away_from_a_later_one(runs: TableRuns) -> None:
    token = runs.take_lease(RUN, 0, "one", 0, AT, ENDS).token
    for seconds in (2, 2, 3.5, 4, 3.5, 2):
        runs.arm(RUN, 0, token, AT + timedelta(seconds=seconds))

    assert runs.take_lease(RUN, 0, "one", 1, AT, ENDS).armed_until == AT + timedelta(seconds=4)


def test_nobody_arms_a_lease_that_nobody_took(runs: TableRuns) -> None:
    with pytest.raises(Conflict):
        runs.arm(RUN, 0, 1, AT)


def test_a_shard_is_given_up_by_its_own_worker_or_once_that_one_is_gone(runs: TableRuns) -> None:
    first = runs.take_lease(RUN, 0, "one", 0, AT, ENDS)
    assert runs.give_up(RUN, 0, "two", AT) == ENDS

    assert runs.give_up(RUN, 0, "one", AT) is None
    with pytest.raises(Conflict):
        runs.arm(RUN, 0, first.token, AT + timedelta(seconds=2))
    second = runs.take_lease(RUN, 0, "two", 0, AT, ENDS)
    assert second.token == first.token + 2
    assert runs.holders(RUN, range(2)) == {0: Holder("two", ENDS)}
    assert runs.give_up(RUN, 0, "one", ENDS + timedelta(seconds=1)) is None


def test_a_shard_that_nobody_ever_took_is_given_up_and_can_be_taken(runs: TableRuns) -> None:
    assert runs.give_up(RUN, 0, "one", AT) is None

    assert runs.take_lease(RUN, 0, "two", 0, AT, ENDS).token == 2


def test_a_ticket_taken_over_is_settled_by_the_successor_alone(runs: TableRuns) -> None:
    mine, theirs = a_ticket().served_under(1), a_ticket().served_under(2)
    runs.write_tickets([mine])
    assert runs.write_tickets([theirs]) == [theirs]

    with pytest.raises(Conflict):
        runs.settle(mine.skip("too late"))
    with pytest.raises(Conflict):
        runs.write_tickets([mine])
    settled = theirs.skip("broker_login_missing")
    runs.settle(settled)
    runs.settle(settled)  # the SDK repeats a write whose answer was lost
    assert runs.write_tickets([theirs.served_under(3)]) == [settled]


def test_a_ticket_is_stored_once_and_settled_once(runs: TableRuns) -> None:
    ticket = a_ticket()
    assert runs.write_tickets([ticket]) == [ticket]
    filled = tuple(intent.became(State.FILLED, order_id="O1") for intent in ticket.intents)
    done = ticket.with_intents(filled, settled=True)
    runs.settle(done)

    assert runs.write_tickets([ticket]) == [done]
    with pytest.raises(Conflict):
        runs.settle(ticket.skip("late"))
    assert runs.tickets(RUN, 0, None).read == [done]


def test_what_is_learnt_of_a_settled_ticket_is_stored_unless_somebody_serves_it(runs: TableRuns) -> None:
    ticket = a_ticket().served_under(1)
    runs.write_tickets([ticket])
    filled = tuple(intent.became(State.FILLED, order_id="O1") for intent in ticket.intents)
    known = ticket.with_intents(filled, settled=True)

    runs.learn(known)
    assert runs.tickets(RUN, 0, None).read == [ticket]

    runs.settle(ticket.with_intents(ticket.intents, settled=True))
    runs.learn(known.served_under(2))
    assert runs.tickets(RUN, 0, None).read != [known.served_under(2)]
    runs.learn(known)
    assert runs.tickets(RUN, 0, None).read == [known]


def test_a_tenant_reads_only_its_own_tickets_of_a_shard(runs: TableRuns) -> None:
    ours, theirs = a_ticket(ZEBU, "sub_1"), a_ticket(ACME, "sub_2")
    runs.write_tickets([ours, theirs])

    assert runs.tickets(RUN, 0, ZEBU.key).read == [ours]
    assert runs.tickets(RUN, 0, ACME.key).read == [theirs]


def damaged(table: Table, item: Item, **more: object) -> None:
    """A row without most of what it should hold."""
    table.put({name: item[name] for name in ("user_id", "sort_key", "entity_type")} | {"version": 1} | more)


def test_a_ticket_that_is_damaged_is_counted_told_and_keeps_no_other_from_being_read(
    runs: TableRuns, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = a_ticket(ZEBU, "sub_1"), a_ticket(ACME, "sub_2")
    runs.write_tickets([ours, theirs])
    key = keys.ticket(RUN, 0, theirs.tenant, theirs.name)
    damaged(table, {**key, "entity_type": "RUN_TICKET"}, body={"client_id": "eyJ0"})

    assert runs.tickets(RUN, 0, None) == Tickets([ours], unreadable=1)
    assert runs.tickets(RUN, 0, ZEBU.key) == Tickets([ours])
    assert UNREADABLE in caplog.text
    assert key["sort_key"] in caplog.text
    assert "eyJ0" not in caplog.text


def test_other_rows_of_runs_that_are_damaged_keep_none_from_being_read(runs: TableRuns, table: Table) -> None:
    later, day = RUN.replace("T0920", "T0930"), AT.replace(hour=0)
    for name in (RUN, later):
        runs.adopt_plan(a_plan(name))
    for number in (0, 1):
        runs.take_lease(RUN, number, "one", 0, AT, ENDS)
        runs.report(RUN, number, Report(seats=number))
    damaged(table, {**keys.day_run(AT, later), "entity_type": "DAY_RUN"})
    damaged(table, {**keys.tenant_run(ZEBU.key, later), "entity_type": "TENANT_RUN"})
    damaged(table, {**keys.lease(RUN, 1), "entity_type": "SHARD_LEASE"})
    damaged(table, {**keys.shard_report(RUN, 1), "entity_type": "SHARD_REPORT"})

    assert [due.run_id for due in runs.of_day(day)] == [RUN]
    assert [plan.due.run_id for plan in runs.of_tenant(ZEBU, 5, None).items] == [RUN]
    assert runs.holders(RUN, range(2)) == {0: Holder("one", ENDS)}
    assert runs.reports(a_plan()) == {0: Report(seats=0)}


def test_a_note_of_who_trades_at_an_account_that_is_damaged_leaves_the_others_their_places(
    runs: TableRuns, table: Table
) -> None:
    ours, theirs = a_ticket(), a_ticket(ACME, "sub_2").model_copy(update={"client_id": "OTHER"})
    runs.join([ours, theirs], AT)
    damaged(table, {**keys.pace(str(theirs.venue), "OTHER", AT), "entity_type": "ACCOUNT_PACE"})

    assert runs.shares([ours, theirs], AT) == {ours.name: Share(0, 1)}


def test_reports_are_read_back_and_a_run_is_closed(runs: TableRuns) -> None:
    runs.report(RUN, 0, Report(seats=3))
    runs.report(RUN, 1, Report(seats=4))

    assert {number: report.seats for number, report in runs.reports(a_plan()).items()} == {0: 3, 1: 4}
    assert runs.closing(RUN) is None
    runs.close(RUN, Report(seats=7))
    assert runs.closing(RUN) == Report(seats=7)


def test_runs_that_close_a_ticket_learn_which_came_before_them(runs: TableRuns) -> None:
    ticket = a_ticket()

    assert runs.claim_exit(ticket, "exit_1") == []
    assert runs.claim_exit(ticket, "exit_2") == ["exit_1"]
    assert runs.claim_exit(ticket, "exit_1") == []
    assert runs.claim_exit(a_ticket(subscription="sub_2"), "exit_2") == []


def test_one_ticket_is_read_by_its_name(runs: TableRuns) -> None:
    ticket = a_ticket()
    runs.write_tickets([ticket])

    assert runs.ticket(RUN, 0, ZEBU.key, ticket.name) == ticket
    assert runs.ticket(RUN, 0, ACME.key, ticket.name) is None


def a_happening(subject: str = "ticket") -> Happening:
    kind = EventType.ORDER_REFUSED
    return Happening(event_id=event_id(kind, subject), type=kind, tenant=ZEBU.key, occurred_at=AT, data={"n": "1"})


def events(table: Table) -> list[str]:
    return [event.event_id for event in TableOutbox(table).since(ZEBU.key, AT)]


def test_what_is_told_of_a_ticket_is_stored_with_it_or_not_at_all(runs: TableRuns, table: Table) -> None:
    mine, theirs = a_ticket().served_under(1), a_ticket().served_under(2)
    runs.write_tickets([mine])
    runs.write_tickets([theirs])

    with pytest.raises(Conflict):
        runs.settle(mine.skip("too late"), [a_happening()])
    assert events(table) == []

    settled = theirs.skip("too late")
    runs.settle(settled, [a_happening()])
    runs.settle(settled, [a_happening()])  # the SDK repeats a write whose answer was lost
    assert events(table) == [a_happening().event_id]


def test_a_run_closed_again_tells_nothing_new(runs: TableRuns, table: Table) -> None:
    for seats in (7, 8):
        runs.close(RUN, Report(seats=seats), [a_happening("run")])

    assert events(table) == [a_happening("run").event_id]


def test_the_runs_of_a_day_are_those_of_its_date_in_india(runs: TableRuns) -> None:
    plan = a_plan()
    runs.adopt_plan(plan)

    assert runs.of_day(plan.due.boundary) == [plan.due]
    assert runs.of_day(plan.due.boundary + timedelta(days=1)) == []


def test_shards_that_told_what_they_did_are_known_by_number(runs: TableRuns) -> None:
    runs.report(RUN, 1, Report())

    assert runs.reported(RUN, (0, 1)) == {1}


def test_a_decision_is_read_back_once_it_was_made(runs: TableRuns) -> None:
    decision = Decision(run_id=RUN, decided_at=AT, refusal="market_feed_failed")

    assert runs.decided(RUN) is None
    runs.adopt_decision(decision)
    assert runs.decided(RUN) == decision
