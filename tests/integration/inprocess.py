"""The sandbox's client, asking the functions of this process, and runs that are over without an engine."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from cdk_stack.constructs.gateway_responses import ANSWERS
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.execution import Due, Intent, Kind, Plan, Report, Ticket
from quantleap.domain.partner import Environment, Tenant
from quantleap.domain.subscription import Subscription, SubscriptionFilter
from quantleap.domain.trading import Side
from quantleap.runtime import wiring
from sandbox.client import Client, Reply
from tests.builders import an_intent
from tests.integration.gateway import Gateway

CALLS = {0, 1}
"""Legs of the sandbox's iron condor; the others are puts."""
UNAUTHORIZED = next(answer for answer in ANSWERS if answer.status == 401)


class InProcess(Client):
    """Somebody who asks the functions of this process."""

    def __init__(self, headers: Mapping[str, str] | None = None, claims: Mapping[str, Any] | None = None) -> None:
        super().__init__("http://in-process", headers)
        self._gateway = Gateway(self.headers, claims)

    def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> Reply:
        target = path + (f"?{urlencode(query)}" if query else "")
        try:
            status, headers, said = self._gateway(f"{method} {target}", body)
        except Exception as refusal:
            if str(refusal) != "Unauthorized":
                raise
            status, headers, said = _turned_away()
        return Reply(method, path, status, said, headers, 0)


def _turned_away() -> tuple[int, Mapping[str, str], Any]:
    """What the gateway makes of the authorizer's refusal."""
    _, code, error, message, _ = UNAUTHORIZED
    body = {"statusCode": 401, "error": error, "message": message, "code": code, "request_id": "request-1"}
    return 401, {"WWW-Authenticate": "Bearer"}, body


def complete(partner: Client, run_id: str) -> None:
    """Store what an engine would: orders that filled, and why whoever is not logged in was skipped."""
    tenant = Tenant(partner.get("/partner/me").expect(200)["partner_id"], Environment.TEST)
    due, runs = wiring.tenant_runs().get(tenant, run_id).due, wiring.runs()
    followers = wiring.subscriptions().of_partner(tenant, SubscriptionFilter(template_id=due.template_id)).items
    runs.adopt_plan(Plan(due=due, plan_id="plan", shards=1, tenants={tenant.key: (0,)}, venues=()))
    tickets = [_ticket(each, due) for each in followers]
    runs.write_tickets([ticket for ticket in tickets if due.kind is Kind.ENTRY or not ticket.skipped])
    runs.close(run_id, Report())


def _ticket(subscription: Subscription, due: Due) -> Ticket:
    share = subscription.allocations[0]
    ticket = Ticket(
        run_id=due.run_id,
        shard=0,
        tenant=subscription.tenant,
        subscription_id=subscription.subscription_id,
        user_id=subscription.user_id,
        client_id=share.client_id,
        broker_id=share.broker_id,
        allocation_id=share.allocation_id,
    )
    account = wiring.accounts().get(subscription.user_id, share.client_id)
    reason = account.not_ready_because(due.boundary)
    return ticket.skip(reason) if reason else ticket.with_intents(_condor(due), settled=True)


def _condor(due: Due) -> tuple[Intent, ...]:
    """Hedges first, as the sandbox's iron condor has its legs: bought at entry, so sold at exit."""
    sells, buys = ((0, 2), (1, 3)) if due.kind is Kind.ENTRY else ((1, 3), (0, 2))
    return tuple(
        an_intent(
            intent_id=f"{due.run_id}{leg}",
            leg=leg,
            side=side,
            contract=Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE if leg in CALLS else Right.PE),
            quantity=130,
            filled_quantity=130,
        )
        for side, legs in ((Side.BUY, buys), (Side.SELL, sells))
        for leg in legs
    )
