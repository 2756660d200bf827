"""Runs as a partner asks for them and reads them: its own users' part, never another tenant's."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from quantleap.domain.basket import Basket
from quantleap.domain.clock import Instant
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.execution import FAULT, Due, Kind, Plan, Report, State, Ticket, Trigger
from quantleap.domain.ids import exit_id, run_id
from quantleap.domain.latency import Latencies
from quantleap.domain.model import Digits, Identifier, NamesTemplate, Sent

RECENT = 50
"""How many of a tenant's runs are looked through for the latest entry."""

FURTHEST = timedelta(hours=24)
"""How far ahead a sandbox run may be asked for."""

SLOW_START = timedelta(seconds=30)
"""A run that was asked for and is not planned yet may still be: later than this it enters nobody."""

SECOND = timedelta(seconds=1)


class RunStatus(StrEnum):
    """Where a run is: before its boundary, from then on, and once its report is written."""

    PLANNED = "planned"
    RUNNING = "running"
    COMPLETED = "completed"


RunToken = Annotated[str, StringConstraints(pattern=r"^run_[A-Za-z0-9_-]{1,200}$")]
"""A run's id, as the token of the page after it."""


class NewRun(NamesTemplate):
    """A sandbox run of a template; without `at` it fires as soon as it can. An exit closes the latest entry."""

    template_id: Identifier
    at: Instant | None = None
    kind: Kind = Kind.ENTRY


class RunFilter(Sent):
    """Which page of a tenant's runs."""

    limit: Digits = Field(default=20, ge=1, le=100)
    next_token: RunToken | None = None


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


class Left(NamedTuple):
    """What the run `follows` left to be closed at once: in which shards, and how many exits in a row that makes."""

    follows: str
    shards: tuple[int, ...]
    tries: int


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


def exit_of(
    entered: Due,
    boundary: datetime,
    strategies: tuple[int, ...],
    *,
    scope: str | None = None,
    only: str | None = None,
    left: Left | None = None,
) -> Due:
    """The run in which strategies of an entry run leave, by the version that entered.

    A `scope` narrows it to one tenant, `only` to a part of the positions, `left` to what another run left.
    """
    follows, shards, tries = left or (None, None, 1)
    return Due(
        run_id=exit_id(
            boundary,
            entered.run_id,
            only,
            part=_part(entered, strategies, scope),
            left="" if left is None else f"{follows}/{shards}/{tries}",
        ),
        kind=Kind.EXIT,
        boundary=boundary,
        template_id=entered.template_id,
        version=entered.version,
        strategies=strategies,
        scope=scope or entered.scope,
        closes=entered.run_id,
        only=only,
        follows=follows,
        shards=shards,
        tries=tries,
    )


def _part(entered: Due, strategies: Iterable[int], scope: str | None) -> str:
    """What of an entry run an exit closes, for its id; nothing where it is the whole of it."""
    wanted = sorted({*strategies})
    whole = wanted == sorted({*entered.strategies}) and scope in {None, entered.scope}
    return "" if whole else f"{wanted}/{scope or entered.scope}"


def asked(due: Due) -> dict[str, object]:
    """The trigger that asks the precision timer for a run outside the schedule, as JSON."""
    trigger = Trigger(
        at=due.boundary.astimezone(UTC),
        template_id=due.template_id,
        scope=due.scope,
        kind=due.kind,
        closes=due.closes,
        strategies=due.strategies if due.closes else None,
        only=due.only,
        follows=due.follows,
        shards=due.shards,
        tries=due.tries if due.follows else None,
    )
    return trigger.model_dump(mode="json", exclude_none=True)


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


def report_of(
    shards: Sequence[Sequence[Ticket]], unwinding: Container[int] = (), *, closing: bool = False, unreadable: int = 0
) -> Report:
    """What became of some tickets of a run's shards, added up; times in milliseconds after the boundary.

    A shard that was not served to its end counts as missing: its silence is no success. `unwinding` are the
    strategies whose halves are to be closed. Nobody knows what is open of `unreadable` tickets, so they are incomplete.
    """
    tickets = [ticket for shard in shards for ticket in shard]
    intents = [intent for ticket in tickets for intent in ticket.intents]
    first = [sent for ticket in tickets if (sent := _first_sent(ticket)) is not None]
    refusals = (i.reason or str(i.state) for i in intents if not i.state.placed)
    halves = sorted({number for ticket in tickets for number in ticket.incomplete})
    return Report(
        seats=len({ticket.subscription_id for ticket in tickets}),
        missing_shards=sum(not shard or not all(ticket.settled for ticket in shard) for shard in shards),
        planned=len(intents),
        sent=sum(intent.sent for intent in intents),
        acknowledged=sum(intent.acknowledged for intent in intents),
        filled=sum(intent.state is State.FILLED for intent in intents),
        counts=dict(Counter(str(intent.state) for intent in intents)),
        skipped=dict(Counter([*(t.skipped for t in tickets if t.skipped), *[FAULT] * unreadable])),
        refused=dict(Counter(refusals)),
        resolved=sum(intent.doubted and intent.state is not State.UNKNOWN for intent in intents),
        incomplete=unreadable + sum(_stands_half(ticket, closing=closing) for ticket in tickets),
        unwind=tuple(number for number in halves if number in unwinding),
        boundary_error_ms=min(first, default=None),
        dispatch=Latencies.of(first),
        acknowledge=Latencies.of(i.acknowledged_after_ms for i in intents if i.acknowledged_after_ms is not None),
    )


def _stands_half(ticket: Ticket, *, closing: bool) -> bool:
    """Whether somebody has to look; a ticket without its last word may stand anyhow."""
    return not ticket.settled or (ticket.left_open if closing else bool(ticket.incomplete))


def total(reports: Sequence[Report]) -> Report:
    """The shards' reports added up; of the boundary errors the worst is what a run is judged by."""
    return Report(
        seats=sum(report.seats for report in reports),
        planned=sum(report.planned for report in reports),
        sent=sum(report.sent for report in reports),
        acknowledged=sum(report.acknowledged for report in reports),
        filled=sum(report.filled for report in reports),
        counts=_sum(report.counts for report in reports),
        skipped=_sum(report.skipped for report in reports),
        refused=_sum(report.refused for report in reports),
        resolved=sum(report.resolved for report in reports),
        incomplete=sum(report.incomplete for report in reports),
        unwind=tuple(sorted({number for report in reports for number in report.unwind})),
        boundary_error_ms=max((r.boundary_error_ms for r in reports if r.boundary_error_ms is not None), default=None),
        dispatch=reduce(Latencies.plus, (report.dispatch for report in reports), Latencies()),
        acknowledge=reduce(Latencies.plus, (report.acknowledge for report in reports), Latencies()),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for each in counts:
        added.update(each)
    return dict(added)


def _first_sent(ticket: Ticket) -> Decimal | None:
    return min((i.sent_after_ms for i in ticket.intents if i.sent_after_ms is not None), default=None)
