"""What each call of SmartAPI does: from a request in form to a reply."""

from collections.abc import Callable

from quantleap.domain.clock import IST
from sandbox.broker import money
from sandbox.broker.angel_one import orders, replies
from sandbox.broker.angel_one.masters import EXCHANGE, Master, master
from sandbox.broker.angel_one.wire import Ask, Data, Refusal, Stopped, TooFast, texts, token_dead
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.simulator import Firm

MOST_QUOTES = 50

type Call = Callable[[Ask], Data]


class Calls:
    """SmartAPI's calls over one firm."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._market = firm.floor.market
        self.table: dict[str, Call] = {
            "GET /user/v1/getProfile": self.profile,
            "GET /user/v1/getRMS": self.rms,
            "POST /user/v1/logout": self.log_out,
            "POST /order/v1/placeOrder": self.place,
            "POST /order/v1/modifyOrder": self.modify,
            "POST /order/v1/cancelOrder": self.cancel,
            "GET /order/v1/getOrderBook": self.order_book,
            "GET /order/v1/getTradeBook": self.trades,
            "GET /order/v1/getPosition": self.positions,
            "POST /margin/v1/batch": self.margin,
            "POST /market/v1/quote": self.quote,
        }

    def profile(self, ask: Ask) -> Data:
        """Who the client is."""
        return replies.profile(ask.client_id)

    def rms(self, ask: Ask) -> Data:
        """The client's money."""
        return replies.rms(self._firm.book.positions(ask.client_id))

    def log_out(self, ask: Ask) -> Data:
        """End the client's sessions."""
        if texts(ask.body, ("clientcode",))["clientcode"] != ask.client_id:
            raise Wrong("clientcode")
        self._firm.accounts.expire(ask.client_id)
        return None

    def place(self, ask: Ask) -> Data:
        """Enter an order; what the broker rejects is accepted first and shows in the book."""
        ticket = orders.new_ticket(ask.client_id, ask.body, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection is Rejection.SESSION_EXPIRED:
            raise token_dead()
        if rejection is Rejection.RATE_LIMITED:
            raise TooFast
        if rejection is Rejection.ADDRESS_UNKNOWN:
            raise Stopped("IP address is not registered", "AG7002")
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal(UNCLEAR_TEXT, "AB9998")
        return _told(self._firm.place(ticket, rejection, ask.at))

    def modify(self, ask: Ask) -> Data:
        """Change a resting order."""
        fields = texts(ask.body, orders.TO_CHANGE, orders.MAY_CHANGE)
        order = self._working(ask, fields)
        self._firm.replace(order, orders.changed_ticket(fields, order, self._master(ask)), ask.at)
        return _told(order)

    def cancel(self, ask: Ask) -> Data:
        """Take a resting order back."""
        order = self._working(ask, texts(ask.body, orders.TO_CANCEL))
        order.cancel(ask.at)
        return _told(order)

    def order_book(self, ask: Ask) -> Data:
        """The client's orders, oldest first; null when there are none."""
        return [replies.order_line(order) for order in self._firm.orders(ask.client_id, ask.at)] or None

    def trades(self, ask: Ask) -> Data:
        """The client's fills; null when there are none."""
        found = self._firm.orders(ask.client_id, ask.at)
        return [replies.trade_line(order, trade) for order in found for trade in order.trades] or None

    def positions(self, ask: Ask) -> Data:
        """The client's positions; null when there are none."""
        self._firm.orders(ask.client_id, ask.at)
        held = self._firm.book.positions(ask.client_id)
        return [
            replies.position_line(position, self._market.quote(position.ticket.contract, ask.at)) for position in held
        ] or None

    def margin(self, ask: Ask) -> Data:
        """What a basket of orders would block."""
        lines = ask.body.get("positions")
        if not isinstance(lines, list) or not 0 < len(lines) <= orders.MOST_LEGS:
            raise Wrong("positions")
        return replies.margin(money.basket([orders.leg(line, self._master(ask)) for line in lines]))

    def quote(self, ask: Ask) -> Data:
        """Prices of the tokens named; unknown ones come back unfetched."""
        named = ask.body.get("exchangeTokens")
        tokens = named.get(EXCHANGE) if isinstance(named, dict) else None
        if ask.body.get("mode") != "FULL" or not isinstance(tokens, list) or not 0 < len(tokens) <= MOST_QUOTES:
            raise Wrong("exchangeTokens")
        listed = self._master(ask).by_token
        found = [listed[token] for token in tokens if token in listed]
        return {
            "fetched": [replies.quote_line(one, self._market.quote(one.contract, ask.at)) for one in found],
            "unfetched": [{"exchange": EXCHANGE, "symbolToken": token} for token in tokens if token not in listed],
        }

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _working(self, ask: Ask, fields: Fields) -> Order:
        order = self._firm.working(ask.client_id, fields["orderid"], ask.at)
        if order is None:
            raise Refusal("Order not found", "AB1013")
        orders.check_variety(fields, order)
        return order


def _told(order: Order) -> Data:
    return {"script": order.ticket.symbol, "orderid": order.number, "uniqueorderid": replies.unique(order)}
