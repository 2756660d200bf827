"""Executions in answers: one tenant's users, their orders and times."""

from typing import Any

from quantleap.domain.execution import Due, Intent, Plan, Ticket
from quantleap.domain.ports import Page
from quantleap.services.executions import Execution

type Body = dict[str, Any]


def fired(due: Due) -> Body:
    """A sandbox run on its way."""
    return {
        **_due(due),
        "message": "Execution started",
        "status_url": f"/partner/executions/{due.run_id}",
    }


def page(found: Page[Plan]) -> Body:
    """Some of a tenant's runs."""
    return {
        "executions": [_due(plan.due) for plan in found.items],
        "count": len(found.items),
        "next_token": found.next_token,
    }


def execution(shown: Execution) -> Body:
    """A run and what became of each of the tenant's subscriptions in it."""
    return {
        **_due(shown.plan.due),
        "status": shown.status,
        "report": None if shown.report is None else shown.report.model_dump(),
        "subscriptions": [_ticket(ticket, shown) for ticket in shown.tickets],
    }


def _due(due: Due) -> Body:
    return {
        "run_id": due.run_id,
        "kind": due.kind,
        "boundary": due.boundary,
        "template_id": due.template_id,
        "template_version": due.version,
        "closes": due.closes,
        "sandbox": due.scope is not None,
    }


def _ticket(ticket: Ticket, shown: Execution) -> Body:
    user = shown.users.get(ticket.user_id)
    return {
        "subscription_id": ticket.subscription_id,
        "user_id": ticket.user_id,
        "user_email": None if user is None else user.email,
        "client_id": ticket.client_id,
        "broker_id": ticket.broker_id,
        "settled": ticket.settled,
        "skipped": ticket.skipped,
        "orders": [_order(intent) for intent in ticket.intents],
    }


def _order(intent: Intent) -> Body:
    contract = intent.contract
    return {
        "strategy": intent.strategy,
        "leg": intent.leg,
        "side": intent.side,
        "symbol": intent.symbol,
        "contract": {
            "index": contract.index,
            "expiry": contract.expiry.isoformat(),
            "strike": contract.strike,
            "right": contract.right,
        },
        "quantity": intent.quantity,
        "limit_price": intent.limit_price,
        "tag": intent.tag,
        "order_id": intent.order_id,
        "state": intent.state,
        "reason": intent.reason,
        "sent_after_ms": intent.sent_after_ms,
        "acknowledged_after_ms": intent.acknowledged_after_ms,
        "filled_quantity": intent.filled_quantity,
        "average_price": intent.average_price,
    }
