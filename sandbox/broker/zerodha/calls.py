"""What each call of Kite Connect does: from a request in form to a reply."""

from collections.abc import Callable
from datetime import datetime

from quantleap.domain.clock import IST
from sandbox.broker import forms, kite, money
from sandbox.broker.accounts import LoginRefused
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order
from sandbox.broker.checks import Fields
from sandbox.broker.simulator import Firm
from sandbox.broker.zerodha import replies
from sandbox.broker.zerodha.masters import Master, master
from sandbox.broker.zerodha.orders import changed_ticket, new_ticket
from sandbox.broker.zerodha.wire import (
    BAD_REQUEST,
    FORBIDDEN,
    TOO_MANY,
    Ask,
    Data,
    Refusal,
    session_dead,
)

LOGIN_FIELDS = ("api_key", "request_token", "checksum")

AT_ONCE = {
    Rejection.INSUFFICIENT_FUNDS: ("MarginException", BAD_REQUEST),
    Rejection.MARKET_CLOSED: ("OrderException", BAD_REQUEST),
    Rejection.ACCOUNT_BLOCKED: ("UserException", FORBIDDEN),
}
"""Rejections that the answer tells; the order is in the book all the same, rejected."""

UNKNOWN_ADDRESS = "IP (203.0.113.9) is not allowed to place orders for this app."

type Call = Callable[[Ask], Data]


class Calls:
    """Kite Connect's calls over one firm."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._market = firm.floor.market
        self.table: dict[str, Call] = {
            "GET /user/profile": self.profile,
            "GET /user/margins/equity": self.margins,
            "POST /orders/{variety}": self.place,
            "PUT /orders/{variety}/{order_id}": self.modify,
            "DELETE /orders/{variety}/{order_id}": self.cancel,
            "GET /orders": self.orders,
            "GET /orders/{order_id}": self.history,
            "GET /orders/{order_id}/trades": self.trades_of,
            "GET /trades": self.trades,
            "GET /portfolio/positions": self.positions,
            "POST /margins/basket": self.basket,
            "GET /quote": self.quote,
            "DELETE /session/token": self.log_out,
        }

    def log_in(self, fields: Fields, at: datetime) -> Data:
        """Swap the request token of a finished login for an access token."""
        forms.need(fields, LOGIN_FIELDS)
        code = fields["request_token"]
        try:
            session = self._firm.accounts.redeem(code, fields["checksum"], None, at)
        except LoginRefused as refused:
            raise _login_refusal(refused.field) from None
        if session.api_key != fields["api_key"]:
            raise Refusal("Invalid `api_key`.")
        return dict(replies.user(session.client_id)) | {
            "api_key": session.api_key,
            "access_token": session.access_token,
            "public_token": session.user_token,
            "refresh_token": "",
            "login_time": f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}",
        }

    def log_out(self, ask: Ask) -> Data:
        """End the client's sessions."""
        self._firm.accounts.expire(ask.client_id)
        return True

    def profile(self, ask: Ask) -> Data:
        """Who the client is."""
        return replies.user(ask.client_id)

    def margins(self, ask: Ask) -> Data:
        """The client's money."""
        return replies.margins(self._firm.book.positions(ask.client_id))

    def place(self, ask: Ask) -> Data:
        """Enter an order."""
        ticket = new_ticket(ask.client_id, ask.parts["variety"], ask.fields, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection is Rejection.SESSION_EXPIRED:
            raise session_dead()
        if rejection is Rejection.RATE_LIMITED:
            raise Refusal("Too many requests", "NetworkException", TOO_MANY)
        if rejection is Rejection.ADDRESS_UNKNOWN:
            raise Refusal(UNKNOWN_ADDRESS, "PermissionException", FORBIDDEN)
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal(UNCLEAR_TEXT, "SomethingException")
        order = self._firm.place(ticket, rejection, ask.at)
        if rejection in AT_ONCE:
            raise Refusal(replies.REJECTIONS[rejection], *AT_ONCE[rejection])
        return {"order_id": order.number}

    def modify(self, ask: Ask) -> Data:
        """Change a resting order."""
        order = self._working(ask)
        self._firm.replace(order, changed_ticket(ask.parts["variety"], ask.fields, order, self._master(ask)), ask.at)
        return {"order_id": order.number}

    def cancel(self, ask: Ask) -> Data:
        """Take a resting order back."""
        order = self._working(ask)
        order.cancel(ask.at)
        return {"order_id": order.number}

    def orders(self, ask: Ask) -> Data:
        """The client's orders, oldest first."""
        return [replies.order_line(order) for order in self._firm.orders(ask.client_id, ask.at)]

    def history(self, ask: Ask) -> Data:
        """One order's life."""
        return replies.history_lines(self._order(ask))

    def trades_of(self, ask: Ask) -> Data:
        """One order's fills."""
        order = self._order(ask)
        return [replies.trade_line(order, trade) for trade in order.trades]

    def trades(self, ask: Ask) -> Data:
        """The client's fills."""
        orders = self._firm.orders(ask.client_id, ask.at)
        return [replies.trade_line(order, trade) for order in orders for trade in order.trades]

    def positions(self, ask: Ask) -> Data:
        """The client's positions, all of today."""
        self._firm.orders(ask.client_id, ask.at)
        lines = [
            replies.position_line(position, self._market.quote(position.ticket.contract, ask.at))
            for position in self._firm.book.positions(ask.client_id)
        ]
        return {"net": lines, "day": lines}

    def basket(self, ask: Ask) -> Data:
        """What a basket of orders would block."""
        legs = [kite.leg(line, self._master(ask).by_symbol) for line in ask.lines]
        counted = dict(ask.query).get("consider_positions", "true").lower() == "true"
        before = money.held(self._firm.book.positions(ask.client_id) if counted else [])
        return replies.basket(before, money.basket(legs), [money.basket([leg]) for leg in legs])

    def quote(self, ask: Ask) -> Data:
        """Prices of the instruments named; unknown ones are left out."""
        listings = self._master(ask).by_symbol
        wanted = [name.partition(":")[2] for key, name in ask.query if key == "i" and name.startswith("NFO:")]
        return {
            f"NFO:{name}": replies.quote_line(
                listings[name], self._market.quote(listings[name].contract, ask.at), ask.at
            )
            for name in wanted
            if name in listings
        }

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _order(self, ask: Ask) -> Order:
        order = self._firm.book.find(ask.client_id, ask.parts["order_id"])
        if order is None:
            raise Refusal("Couldn't find that `order_id`.", "GeneralException", 404)
        self._firm.refresh([order], ask.at)
        return order

    def _working(self, ask: Ask) -> Order:
        order = self._firm.working(ask.client_id, ask.parts["order_id"], ask.at)
        if order is None:
            raise Refusal("Couldn't find that `order_id`.", "OrderException")
        return order


def _login_refusal(field: str) -> Refusal:
    if field == "code":
        return Refusal("Token is invalid or has expired.", "TokenException", FORBIDDEN)
    if field == "checksum":
        return Refusal("Invalid `checksum`.")
    return Refusal("Invalid `api_key`.")
