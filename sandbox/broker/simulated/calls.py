"""What each call does: from a request in form to a reply."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from quantleap.domain.clock import IST
from sandbox.broker import money
from sandbox.broker.accounts import LoginRefused
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order, Status
from sandbox.broker.checks import Wrong
from sandbox.broker.simulated import replies
from sandbox.broker.simulated.masters import Master, master
from sandbox.broker.simulated.orders import changed_ticket, leg, new_ticket
from sandbox.broker.simulated.wire import NOT_FOUND, TOO_MANY, Ask, Data, Refusal, fields, session_dead
from sandbox.broker.simulator import Firm

MOST_ORDERS = 50
"""In one question for margin."""

type Call = Callable[[Ask], Data]


class Calls:
    """The calls over one firm."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self.table: dict[str, Call] = {
            "GET /v1/me": self.me,
            "GET /v1/funds": self.funds,
            "POST /v1/orders": self.place,
            "PUT /v1/orders/{order_id}": self.modify,
            "DELETE /v1/orders/{order_id}": self.cancel,
            "GET /v1/orders": self.orders,
            "GET /v1/positions": self.positions,
            "POST /v1/margin": self.margin,
            "GET /v1/quotes": self.quotes,
        }

    def log_in(self, body: Any, at: datetime) -> Data:  # noqa: ANN401 - whatever was sent
        """Swap the code of a finished login for a session."""
        given = fields(body, ("app", "code", "client_id", "proof"))
        try:
            session = self._firm.accounts.redeem(given["code"], given["proof"], None, at)
        except LoginRefused as refused:
            code = "refused" if refused.field == "code" else "app_refused"
            raise Refusal(code, f"the {refused.field} is not good") from None
        if session.api_key != given["app"]:
            raise Refusal("app_refused", "the code is another app's")
        return {"client_id": session.client_id, "token": session.access_token}

    def me(self, ask: Ask) -> Data:
        """Who the client is."""
        return {"client_id": ask.client_id}

    def funds(self, ask: Ask) -> Data:
        """The client's money."""
        return replies.funds(self._firm.book.positions(ask.client_id))

    def place(self, ask: Ask) -> Data:
        """Enter an order; a rejected one is in the book all the same."""
        ticket = new_ticket(ask.client_id, ask.body, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection is Rejection.SESSION_EXPIRED:
            raise session_dead()
        if rejection is Rejection.RATE_LIMITED:
            raise Refusal("rate_limited", "too many orders", TOO_MANY)
        if rejection is Rejection.ADDRESS_UNKNOWN:
            raise Refusal("ip_not_allowed", "the address is not registered")
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal("something_else", UNCLEAR_TEXT)
        order = self._firm.place(ticket, rejection, ask.at)
        if rejection is not None and order.status is Status.REJECTED:
            raise Refusal(*replies.REJECTIONS[rejection])
        return {"order_id": order.number}

    def modify(self, ask: Ask) -> Data:
        """Change a resting order."""
        order = self._working(ask)
        self._firm.replace(order, changed_ticket(ask.body, order, self._master(ask)), ask.at)
        return {"order_id": order.number}

    def cancel(self, ask: Ask) -> Data:
        """Take a resting order back."""
        order = self._working(ask)
        order.cancel(ask.at)
        return {"order_id": order.number}

    def orders(self, ask: Ask) -> Data:
        """The client's orders, oldest first, or those of a tag."""
        tag = dict(ask.query).get("tag")
        found = self._firm.orders(ask.client_id, ask.at)
        return [replies.order_line(order) for order in found if tag in {None, order.ticket.tag}]

    def positions(self, ask: Ask) -> Data:
        """The client's positions, all of today."""
        self._firm.orders(ask.client_id, ask.at)
        return [
            replies.position_line(position, self._firm.floor.market.quote(position.ticket.contract, ask.at))
            for position in self._firm.book.positions(ask.client_id)
        ]

    def margin(self, ask: Ask) -> Data:
        """What a basket would block."""
        found = ask.body.get("orders") if isinstance(ask.body, dict) else None
        if not isinstance(found, list) or not 0 < len(found) <= MOST_ORDERS:
            raise Wrong("orders", f"has to be a list of 1 to {MOST_ORDERS}")
        legs = [leg(each, self._master(ask)) for each in found]
        return {"required": f"{money.basket(legs).total:.2f}"}

    def quotes(self, ask: Ask) -> Data:
        """Prices of the symbols named; those not listed are left out."""
        listed, market = self._master(ask).by_symbol, self._firm.floor.market
        wanted = [name for key, name in ask.query if key == "symbol" and name in listed]
        return {name: replies.quote_line(market.quote(listed[name].contract, ask.at)) for name in wanted}

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _working(self, ask: Ask) -> Order:
        order = self._firm.working(ask.client_id, ask.parts["order_id"], ask.at)
        if order is None:
            raise Refusal("order_gone", "there is no such order, or it is finished", NOT_FOUND)
        return order
