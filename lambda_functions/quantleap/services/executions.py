"""Executions as a partner reads them, and the sandbox's own: a template fired seconds from now."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from quantleap.domain.account import Person, User
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict, Forbidden, NotFound
from quantleap.domain.execution import Due, Kind, Plan, Report, Ticket, Tickets
from quantleap.domain.partner import Environment, PartnerKey, Tenant
from quantleap.domain.ports import Baskets, Page, RunRecords, Starter, TenantRuns, Users
from quantleap.domain.runs import (
    RECENT,
    SLOW_START,
    NewRun,
    RunFilter,
    RunStatus,
    asked,
    entry_of,
    exit_of,
    latest_entry,
    report_of,
    sandbox_boundary,
    status,
)
from quantleap.domain.user_runs import OwnRun, UserRuns


class Execution(NamedTuple):
    """A run as one tenant sees it: its own users' tickets, and a report of those alone once it is over."""

    plan: Plan
    status: RunStatus
    tickets: Sequence[Ticket]
    users: Mapping[str, User]
    report: Report | None


def listing(runs: RunRecords, tenant: Tenant, wanted: RunFilter) -> Page[Plan]:
    """The tenant's runs, newest boundary first."""
    return runs.of_tenant(tenant, wanted.limit, wanted.next_token)


def one(mine: TenantRuns, runs: RunRecords, users: Users, clock: Clock, tenant: Tenant, wanted: str) -> Execution:
    """A run with what became of the tenant's users in it; a run that concerns none of them is not found."""
    plan = mine.get(tenant, wanted)
    numbers = plan.tenants[tenant.key]
    shards = [runs.tickets(wanted, number, tenant.key) for number in numbers]
    tickets = list(chain.from_iterable(shard.read for shard in shards))
    now = clock()
    closed = runs.closing(wanted) is not None if shards else now >= plan.due.boundary + SLOW_START
    return Execution(
        plan=plan,
        status=status(plan.due.boundary, now, closed=closed),
        tickets=tickets,
        users=users.many(ticket.user_id for ticket in tickets),
        report=_report(runs, plan, numbers, shards) if closed else None,
    )


def _report(runs: RunRecords, plan: Plan, numbers: Sequence[int], shards: Sequence[Tickets]) -> Report:
    """A shard that had nothing to do for the tenant is missing only when it did not report at all."""
    found = {number: shard.read for number, shard in zip(numbers, shards, strict=True)}
    silent = [number for number, tickets in found.items() if not tickets]
    missing = set(silent) - runs.reported(plan.due.run_id, silent) if silent else set()
    kept = [tickets for number, tickets in found.items() if tickets or number in missing]
    unreadable = sum(shard.unreadable for shard in shards)
    return report_of(kept, closing=plan.due.closes is not None, unreadable=unreadable)


class OwnExecution(NamedTuple):
    """A run as one user sees it: over once nothing more will happen to the user's own orders."""

    run: OwnRun
    status: RunStatus


def of_person(mine: UserRuns, clock: Clock, person: Person, wanted: RunFilter) -> Page[OwnExecution]:
    """Somebody's own runs with their own orders, newest boundary first."""
    found = mine.of_user(person.tenant, person.user_id, wanted.limit, wanted.next_token)
    now = clock()
    return Page([OwnExecution(run, _standing(run, now)) for run in found.items], found.next_token)


def _standing(run: OwnRun, now: datetime) -> RunStatus:
    at = run.due.boundary
    return status(at, now, closed=run.settled and now >= at)


class Firing(NamedTuple):
    """What firing the sandbox needs."""

    baskets: Baskets
    runs: RunRecords
    mine: TenantRuns
    starter: Starter
    clock: Clock
    lead: timedelta


def fire(firing: Firing, key: PartnerKey, wanted: NewRun) -> Due:
    """Run every strategy of a template for the users of a test key, at a whole second soon, or close its last run.

    It can be read at once, and stays empty when none of them follows the template.
    """
    if key.environment is not Environment.TEST:
        raise Forbidden("Only test keys may fire a template", code="sandbox_only")
    boundary = sandbox_boundary(wanted.at, firing.clock(), firing.lead)
    due = _exit(firing, key, wanted, boundary) if wanted.kind is Kind.EXIT else _entry(firing, key, wanted, boundary)
    firing.starter.start(due, asked(due))
    firing.mine.announce(key.tenant, due)
    return due


def _entry(firing: Firing, key: PartnerKey, wanted: NewRun, boundary: datetime) -> Due:
    basket = firing.baskets.get(wanted.template_id)
    if not basket.visible_to(key.partner_id):
        raise NotFound("No such template")
    return entry_of(basket, boundary, tuple(range(len(basket.strategies))), key.tenant.key)


def _exit(firing: Firing, key: PartnerKey, wanted: NewRun, boundary: datetime) -> Due:
    """A withdrawn template can still be closed: only entries ask whether it is offered."""
    recent = firing.runs.of_tenant(key.tenant, RECENT, None).items
    entered = latest_entry(recent, wanted.template_id, key.tenant.key, boundary)
    if entered is None:
        raise Conflict("The template has no sandbox entry to close", code="nothing_to_close")
    return exit_of(entered, boundary, entered.strategies)
