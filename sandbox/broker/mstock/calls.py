"""What each call of Type A does: from a request in form to a reply."""

from collections.abc import Callable

from quantleap.domain.clock import IST
from sandbox.broker import forms, kite, money
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order
from sandbox.broker.checks import Wrong
from sandbox.broker.mstock import replies
from sandbox.broker.mstock.masters import Master, master
from sandbox.broker.mstock.orders import changed_ticket, new_ticket
from sandbox.broker.mstock.wire import FORBIDDEN, TOO_MANY, Ask, Data, Refusal, token_dead
from sandbox.broker.simulator import Firm

AT_ONCE = {Rejection.INSUFFICIENT_FUNDS, Rejection.MARKET_CLOSED, Rejection.ACCOUNT_BLOCKED}
"""Rejections that the answer tells and that leave no order."""

SEGMENT = "D"
"""Derivatives, in a question for one order."""

type Call = Callable[[Ask], Data]


class Calls:
    """Type A's calls over one firm."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._market = firm.floor.market
        self.table: dict[str, Call] = {
            "POST /orders/regular": self.place,
            "PUT /orders/regular/{order_id}": self.modify,
            "DELETE /orders/regular/{order_id}": self.cancel,
            "POST /orders/cancelall": self.cancel_all,
            "GET /orders": self.orders,
            "POST /order/details": self.details,
            "GET /tradebook": self.trade_book,
            "GET /portfolio/positions": self.positions,
            "GET /user/fundsummary": self.funds,
            "POST /margins/orders": self.margin,
            "GET /instruments/quote/ohlc": self.prices,
            "GET /instruments/quote/ltp": self.prices,
            "GET /logout": self.log_out,
        }

    def place(self, ask: Ask) -> Data:
        """Enter an order."""
        ticket = new_ticket(ask.client_id, ask.fields, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection is Rejection.SESSION_EXPIRED:
            raise token_dead()
        if rejection is Rejection.RATE_LIMITED:
            raise Refusal("Too many requests", "GeneralException", TOO_MANY)
        if rejection is Rejection.ADDRESS_UNKNOWN:
            raise Refusal("Request came from an IP address that is not registered", "APIKeyException", FORBIDDEN)
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal(UNCLEAR_TEXT)
        if rejection in AT_ONCE:
            raise Refusal(replies.REJECTIONS[rejection])
        return {"order_id": self._firm.place(ticket, rejection, ask.at).number}

    def modify(self, ask: Ask) -> Data:
        """Replace a resting order."""
        order = self._working(ask)
        self._firm.replace(order, changed_ticket(ask.fields, order, self._master(ask)), ask.at)
        return {"order_id": order.number}

    def cancel(self, ask: Ask) -> Data:
        """Take a resting order back."""
        order = self._working(ask)
        order.cancel(ask.at)
        return {"order_id": order.number}

    def cancel_all(self, ask: Ask) -> Data:
        """Take every resting order back; how many there were is not told."""
        for order in self._firm.orders(ask.client_id, ask.at):
            if not order.status.final:
                order.cancel(ask.at)
        return None

    def orders(self, ask: Ask) -> Data:
        """The client's orders, oldest first; nothing without one."""
        return [replies.order_line(order) for order in self._firm.orders(ask.client_id, ask.at)] or None

    def details(self, ask: Ask) -> Data:
        """One order."""
        forms.need(ask.fields, ("order_no", "segment"))
        if ask.fields["segment"] != SEGMENT:
            raise Wrong("segment")
        order = self._firm.book.find(ask.client_id, ask.fields["order_no"])
        if order is None:
            raise Refusal("ORDER NOT FOUND")
        self._firm.refresh([order], ask.at)
        return [replies.order_line(order)]

    def trade_book(self, ask: Ask) -> Data:
        """The client's fills."""
        orders = self._firm.orders(ask.client_id, ask.at)
        return [replies.trade_line(order, trade) for order in orders for trade in order.trades] or None

    def positions(self, ask: Ask) -> Data:
        """The client's positions, all of today."""
        self._firm.orders(ask.client_id, ask.at)
        lines = [
            replies.position_line(position, self._market.quote(position.ticket.contract, ask.at))
            for position in self._firm.book.positions(ask.client_id)
        ]
        return {"net": lines or None, "day": lines or None}

    def funds(self, ask: Ask) -> Data:
        """The client's money."""
        return [replies.funds(self._firm.book.positions(ask.client_id))]

    def margin(self, ask: Ask) -> Data:
        """What one order would block."""
        return replies.margin(money.basket([kite.leg(ask.fields, self._master(ask).by_symbol)]))

    def prices(self, ask: Ask) -> Data:
        """Last prices of the instruments named; unknown ones are left out."""
        listings = self._master(ask).by_symbol
        wanted = [name.partition(":")[2] for key, name in ask.query if key == "i" and name.startswith("NFO:")]
        found = {name: listings[name] for name in wanted if name in listings}
        return {
            f"NFO:{name}": replies.price_line(listing, self._market.quote(listing.contract, ask.at))
            for name, listing in found.items()
        }

    def log_out(self, ask: Ask) -> Data:
        """End the client's sessions."""
        self._firm.accounts.expire(ask.client_id)
        return "Logged out"

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _working(self, ask: Ask) -> Order:
        order = self._firm.working(ask.client_id, ask.parts["order_id"], ask.at)
        if order is None:
            raise Refusal("ORDER NOT FOUND")
        return order
