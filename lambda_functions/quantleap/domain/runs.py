"""Runs as a partner asks for them and reads them: its own users' part, never another tenant's."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, Field

from quantleap.domain.basket import Basket
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.execution import Due, Kind, Plan, Report, Ticket
from quantleap.domain.ids import exit_id, run_id
from quantleap.domain.model import Identifier, Model

RECENT = 50
"""How many of a tenant's runs are looked through for the latest entry."""

FURTHEST = timedelta(hours=24)
"""How far ahead a sandbox run may be asked for."""

SECOND = timedelta(seconds=1)


class RunStatus(StrEnum):
    """Where a run is: before its boundary, from then on, and once its report is written."""

    PLANNED = "planned"
    RUNNING = "running"
    COMPLETED = "completed"


class NewRun(Model):
    """A sandbox run of a template; without `at` it fires as soon as it can. An exit closes the latest entry."""

    template_id: Identifier
    at: AwareDatetime | None = None
    kind: Kind = Kind.ENTRY


class RunFilter(Model):
    """Which page of a tenant's runs."""

    limit: int = Field(default=20, ge=1, le=100)
    next_token: Identifier | None = None


def sandbox_boundary(at: datetime | None, now: datetime, lead: timedelta) -> datetime:
    """The whole second a sandbox run fires at: the one asked for, or the next that leaves time to warm up."""
    earliest = now + lead
    if at is None:
        return earliest.replace(microsecond=0) + (SECOND if earliest.microsecond else timedelta(0))
    if at.microsecond:
        raise InvalidRequest({"at": "Must be a whole second"})
    if at < earliest:
        raise InvalidRequest({"at": f"Must lie at least {lead.total_seconds():.0f} seconds ahead"})
    if at > now + FURTHEST:
        raise InvalidRequest({"at": f"Must lie at most {FURTHEST.total_seconds() / 3600:.0f} hours ahead"})
    return at


def entry_of(basket: Basket, boundary: datetime, strategies: tuple[int, ...], scope: str | None) -> Due:
    """The run in which strategies of a basket's live version enter."""
    return Due(
        run_id=run_id(Kind.ENTRY, boundary, basket.basket_id, basket.live_version, scope),
        kind=Kind.ENTRY,
        boundary=boundary,
        template_id=basket.basket_id,
        version=basket.live_version,
        strategies=strategies,
        scope=scope,
    )


def exit_of(entered: Due, boundary: datetime, strategies: tuple[int, ...]) -> Due:
    """The run in which strategies of an entry run leave, by the version that entered."""
    return Due(
        run_id=exit_id(boundary, entered.run_id),
        kind=Kind.EXIT,
        boundary=boundary,
        template_id=entered.template_id,
        version=entered.version,
        strategies=strategies,
        scope=entered.scope,
        closes=entered.run_id,
    )


def latest_entry(newest_first: Iterable[Plan], template_id: str, scope: str, before: datetime) -> Due | None:
    """The entry a hand-made exit closes: the last one of that template and scope before a moment."""
    wanted = (template_id, scope, Kind.ENTRY)
    dues = (plan.due for plan in newest_first)
    return next((d for d in dues if (d.template_id, d.scope, d.kind) == wanted and d.boundary < before), None)


def status(boundary: datetime, now: datetime, *, closed: bool) -> RunStatus:
    """Where a run is at that time."""
    if closed:
        return RunStatus.COMPLETED
    return RunStatus.PLANNED if now < boundary else RunStatus.RUNNING


def report_of(shards: Sequence[Sequence[Ticket]]) -> Report:
    """What became of some tickets of a run's shards, added up; times in milliseconds after the boundary.

    A shard that was not served to its end counts as missing: its silence is no success.
    """
    tickets = [ticket for shard in shards for ticket in shard]
    intents = [intent for ticket in tickets for intent in ticket.intents]
    first = sorted(sent for ticket in tickets if (sent := _first_sent(ticket)) is not None)
    acknowledged = sorted(i.acknowledged_after_ms for i in intents if i.acknowledged_after_ms is not None)
    refusals = (i.reason or str(i.state) for i in intents if not i.state.placed)
    return Report(
        seats=len({ticket.subscription_id for ticket in tickets}),
        missing_shards=sum(not shard or not all(ticket.settled for ticket in shard) for shard in shards),
        counts=dict(Counter(str(intent.state) for intent in intents)),
        skipped=dict(Counter(ticket.skipped for ticket in tickets if ticket.skipped)),
        refused=dict(Counter(refusals)),
        boundary_error_ms=first[0] if first else None,
        dispatch_p99_ms=_p99(first),
        acknowledge_p99_ms=_p99(acknowledged),
    )


def _first_sent(ticket: Ticket) -> Decimal | None:
    return min((i.sent_after_ms for i in ticket.intents if i.sent_after_ms is not None), default=None)


def _p99(ordered: Sequence[Decimal]) -> Decimal | None:
    """The value that 99 of 100 do not exceed (nearest rank)."""
    return ordered[-(-len(ordered) * 99 // 100) - 1] if ordered else None
