"""What a run has to tell others: orders refused, positions left half, a run that is over."""

from collections.abc import Sequence
from datetime import datetime

from quantleap.domain.closing import TRIES
from quantleap.domain.events import EventType, Happening, event_id
from quantleap.domain.execution import Decision, Intent, Plan, Report, State, Ticket

REFUSALS = {State.REFUSED, State.REJECTED, State.CANCELLED}


def of_ticket(
    ticket: Ticket, decision: Decision, boundary: datetime, *, closing: bool, tries: int = 1
) -> Sequence[Happening]:
    """What is to be told of a settled ticket, nothing when all went well or nothing was traded.

    `unwinding` says that another exit follows by itself: of halves where their rule says so, of what an exit left
    until its last try.
    """
    refused = [intent for intent in ticket.intents if intent.state in REFUSALS]
    told = [_happening(EventType.ORDER_REFUSED, ticket, boundary, refused)] if refused else []
    left = [intent for intent in ticket.intents if not intent.whole]
    if ticket.incomplete or (closing and ticket.left_open):
        half = _happening(EventType.POSITION_INCOMPLETE, ticket, boundary, left)
        unwinds = tries < TRIES if closing else bool(set(ticket.incomplete) & unwinding(decision, closing=closing))
        told.append(half.model_copy(update={"data": half.data | {"closing": closing, "unwinding": unwinds}}))
    return told


def unwinding(decision: Decision, *, closing: bool) -> set[int]:
    """The strategies whose halves are closed at once by their rule; what an exit leaves open needs none."""
    return set() if closing else {order.strategy for order in decision.orders if order.unwinds}


def of_run(made: Plan, report: Report, decision: Decision | None) -> Sequence[Happening]:
    """That a run is over, for each tenant it concerns: `failed` when it was not served whole or traded nothing.

    Figures are left out, for they are those of all tenants; each reads its own with the run's id.
    """
    refusal = "not_decided" if decision is None else decision.refusal
    failed = bool(report.missing_shards) or refusal is not None
    kind = EventType.EXECUTION_FAILED if failed else EventType.EXECUTION_COMPLETED
    due = made.due
    data = {
        "run_id": due.run_id,
        "kind": due.kind,
        "template_id": due.template_id,
        "template_version": due.version,
        "boundary": due.boundary.isoformat(),
        "reason": refusal or ("not_served_whole" if failed else None),
    }
    return [
        Happening(
            event_id=event_id(kind, f"{due.run_id}/{tenant}"),
            type=kind,
            tenant=tenant,
            occurred_at=due.boundary,
            data=data,
        )
        for tenant in made.tenants
    ]


def _happening(kind: EventType, ticket: Ticket, boundary: datetime, intents: Sequence[Intent]) -> Happening:
    data = {
        "run_id": ticket.run_id,
        "subscription_id": ticket.subscription_id,
        "user_id": ticket.user_id,
        "client_id": ticket.client_id,
        "broker_id": ticket.broker_id,
        "orders": [_order(intent) for intent in intents],
    }
    subject = f"{ticket.run_id}/{ticket.tenant}/{ticket.name}"
    return Happening(event_id=event_id(kind, subject), type=kind, tenant=ticket.tenant, occurred_at=boundary, data=data)


def _order(intent: Intent) -> dict[str, object]:
    return {
        "strategy": intent.strategy,
        "leg": intent.leg,
        "side": intent.side,
        "symbol": intent.symbol,
        "quantity": intent.quantity,
        "filled_quantity": intent.filled_quantity,
        "state": intent.state,
        "order_id": intent.order_id,
        "reason": intent.reason,
    }
