"""What each call of Breeze does: from a request in form to a reply."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from quantleap.domain.clock import IST
from sandbox.broker import money
from sandbox.broker.accounts import LoginRefused
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.icici_direct import orders, replies
from sandbox.broker.icici_direct.login import RULES
from sandbox.broker.icici_direct.masters import Master, master
from sandbox.broker.icici_direct.wire import Ask, Data, Refusal, day, key_unknown, nothing_found, session_dead, texts
from sandbox.broker.simulator import Firm

FINISHED = "Order has already been executed and cannot be modified."
MOST_LEGS = 50

type Call = Callable[[Ask], Data]


class Calls:
    """Breeze's calls over one firm."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._market = firm.floor.market
        self.table: dict[str, Call] = {
            "POST /order": self.place,
            "PUT /order": self.modify,
            "DELETE /order": self.cancel,
            "GET /order": self.orders,
            "GET /trades": self.trades,
            "GET /portfoliopositions": self.positions,
            "GET /funds": self.funds,
            "POST /margincalculator": self.margin,
            "GET /quotes": self.quote,
        }

    def log_in(self, body: Mapping[str, Any], at: datetime) -> Data:
        """Swap the code of a finished login for the token of the day; it is not signed."""
        fields = texts(body, ("SessionToken", "AppKey"))
        key, code = fields["AppKey"], fields["SessionToken"]
        secret = self._firm.accounts.apps.get(key)
        if secret is None:
            raise key_unknown()
        proof = hashlib.sha256(RULES.proof(key, secret, code).encode()).hexdigest()
        try:
            session = self._firm.accounts.redeem(code, proof, None, at)
        except LoginRefused:
            message = "Unable to retrieve customer details. Please provide valid Session Token."
            raise Refusal(message) from None
        return replies.customer(session.client_id, session.access_token, at)

    def place(self, ask: Ask) -> Data:
        """Enter an order, unless it is refused at once."""
        ticket = orders.new_ticket(ask.client_id, ask.body, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection is Rejection.SESSION_EXPIRED:
            raise session_dead()
        if rejection is Rejection.RATE_LIMITED:
            raise Refusal("Limit exceed: API call per minute")
        if rejection is Rejection.ADDRESS_UNKNOWN:
            raise Refusal("Request came from an IP address that is not registered")
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal(UNCLEAR_TEXT)
        if rejection not in {None, Rejection.EXCHANGE_CANCELLED}:
            raise Refusal(replies.REJECTIONS[rejection])
        order = self._firm.place(ticket, rejection, ask.at)
        return _told(order, "Successfully Placed the order") | {"user_remark": ticket.tag}

    def modify(self, ask: Ask) -> Data:
        """Change a resting order."""
        fields = texts(ask.body, orders.TO_CHANGE, orders.MAY_CHANGE)
        order = self._working(ask, fields)
        self._firm.replace(order, orders.changed_ticket(fields, order, self._master(ask)), ask.at)
        return _told(order, "Successfully Modified the order")

    def cancel(self, ask: Ask) -> Data:
        """Take a resting order back."""
        order = self._working(ask, texts(ask.body, orders.TO_CANCEL))
        order.cancel(ask.at)
        return _told(order, "Your Order Canceled successfully.")

    def orders(self, ask: Ask) -> Data:
        """The client's orders of some days, oldest first, or one order; an error when there are none."""
        found = self._firm.orders(ask.client_id, ask.at)
        if "order_id" in ask.body:
            number = texts(ask.body, orders.TO_CANCEL)["order_id"]
            found = [order for order in found if order.number == number]
        else:
            fields = texts(ask.body, orders.TO_LIST)
            orders.check_exchange(fields)
            first, last = day(fields, "from_date"), day(fields, "to_date")
            found = [order for order in found if first <= order.arrived_at.astimezone(IST).date() <= last]
        return _some([replies.order_line(order) for order in found])

    def trades(self, ask: Ask) -> Data:
        """One order's fills."""
        number = texts(ask.body, orders.TO_CANCEL)["order_id"]
        found = self._firm.orders(ask.client_id, ask.at)
        return _some([replies.trade_line(one, trade) for one in found if one.number == number for trade in one.trades])

    def positions(self, ask: Ask) -> Data:
        """The client's positions; an error when there are none."""
        texts(ask.body, ())
        self._firm.orders(ask.client_id, ask.at)
        held = self._firm.book.positions(ask.client_id)
        return _some([replies.position_line(one, self._market.quote(one.ticket.contract, ask.at)) for one in held])

    def funds(self, ask: Ask) -> Data:
        """The client's money."""
        texts(ask.body, ())
        return replies.funds(self._firm.book.positions(ask.client_id))

    def margin(self, ask: Ask) -> Data:
        """What a basket of orders would block."""
        lines = ask.body.get("list_of_positions")
        orders.check_exchange({"exchange_code": str(ask.body.get("exchange_code"))})
        if not isinstance(lines, list) or not 0 < len(lines) <= MOST_LEGS:
            raise Wrong("list_of_positions")
        return replies.margin(lines, money.basket([orders.leg(line, self._master(ask)) for line in lines]))

    def quote(self, ask: Ask) -> Data:
        """One contract's price."""
        fields = texts(ask.body, orders.TO_QUOTE)
        if fields["product_type"] != "options":
            raise Wrong("product_type")
        listing = orders.listed(fields, self._master(ask))
        return [replies.quote_line(listing, self._market.quote(listing.contract, ask.at), ask.at)]

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _working(self, ask: Ask, fields: Fields) -> Order:
        orders.check_exchange(fields)
        if self._firm.book.find(ask.client_id, fields["order_id"]) is None:
            raise Refusal("Order not found")
        order = self._firm.working(ask.client_id, fields["order_id"], ask.at)
        if order is None:
            raise Refusal(FINISHED)
        return order


def _told(order: Order, message: str) -> dict[str, object]:
    return {"order_id": order.number, "message": message}


def _some(lines: list[replies.Line]) -> Data:
    if not lines:
        raise nothing_found()
    return lines
