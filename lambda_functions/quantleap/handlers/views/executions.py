"""Executions in answers: one tenant's users, their orders and times."""

from collections.abc import Mapping
from typing import Any

from quantleap.domain.account import User
from quantleap.domain.execution import Due, Intent, Plan, Report, Ticket
from quantleap.domain.latency import Latencies
from quantleap.domain.ports import Page
from quantleap.services.executions import Execution, OwnExecution

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
        "report": None if shown.report is None else report(shown.report),
        "subscriptions": [_theirs(ticket, shown.users) for ticket in shown.tickets],
    }


def own(found: Page[OwnExecution]) -> Body:
    """Some of a user's own runs, each with every order of theirs."""
    return {
        "executions": [_own(each) for each in found.items],
        "count": len(found.items),
        "next_token": found.next_token,
    }


def _own(shown: OwnExecution) -> Body:
    run = shown.run
    return {**_due(run.due), "status": shown.status, "subscriptions": [_ticket(ticket) for ticket in run.tickets]}


def report(shown: Report) -> Body:
    """A run's figures; times in milliseconds after the boundary."""
    return {
        **shown.model_dump(exclude={"dispatch", "acknowledge", "unwind"}),
        "dispatch_ms": _percentiles(shown.dispatch),
        "acknowledge_ms": _percentiles(shown.acknowledge),
    }


def _percentiles(times: Latencies) -> Body | None:
    found = times.percentiles()
    return None if found is None else found._asdict()


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


def _theirs(ticket: Ticket, users: Mapping[str, User]) -> Body:
    user = users.get(ticket.user_id)
    whose = {"user_id": ticket.user_id, "user_email": None if user is None else user.email}
    return {"subscription_id": ticket.subscription_id, **whose, **_ticket(ticket)}


def _ticket(ticket: Ticket) -> Body:
    return {
        "subscription_id": ticket.subscription_id,
        "client_id": ticket.client_id,
        "broker_id": ticket.broker_id,
        "settled": ticket.certain,
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
