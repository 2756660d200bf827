"""What each of Upstox's calls does: from a request in form to a reply."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from quantleap.domain.clock import IST
from sandbox.broker import money
from sandbox.broker.accounts import LoginRefused
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.simulator import Firm
from sandbox.broker.upstox import replies
from sandbox.broker.upstox.masters import SEGMENT, Master, key, master
from sandbox.broker.upstox.orders import Leg, change, changed_ticket, new_ticket
from sandbox.broker.upstox.wire import TEXT, TOO_MANY, UNAUTHORIZED, Ask, Data, Refusal, token_dead, typed

LOGIN_FIELDS = ("code", "client_id", "client_secret", "redirect_uri", "grant_type")
MOST_LEGS = 20
MOST_QUOTES = 500

type Call = Callable[[Ask], Data]


class Calls:
    """Upstox's calls over one firm."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._market = firm.floor.market
        self._burnt: set[str] = set()
        self._stopped: set[str] = set()
        self.table: dict[str, Call] = {
            "GET /v2/user/profile": lambda ask: replies.user(ask.client_id),
            "GET /v3/user/get-funds-and-margin": self.funds,
            "GET /v2/user/kill-switch": self.switch,
            "POST /v2/user/kill-switch": self.turn,
            "POST /v3/order/place": self.place,
            "PUT /v3/order/modify": self.modify,
            "DELETE /v3/order/cancel": self.cancel,
            "GET /v2/order/retrieve-all": self.orders,
            "GET /v2/order/details": lambda ask: replies.order_line(self._order(ask.client_id, ask.order_id, ask.at)),
            "GET /v2/order/history": self.history,
            "GET /v2/order/trades": self.trades_of,
            "GET /v2/portfolio/short-term-positions": self.positions,
            "POST /v2/charges/margin": self.basket,
            "GET /v2/market-quote/quotes": self.quote,
            "DELETE /v2/logout": self.log_out,
        }

    def log_in(self, fields: Fields, at: datetime) -> replies.Line:
        """Swap the code of a finished login for an access token; one attempt burns it."""
        for name in LOGIN_FIELDS:
            if not fields.get(name):
                raise Wrong(name, "is required")
        if fields["grant_type"] != "authorization_code":
            raise Wrong("grant_type")
        code = fields["code"]
        proof = hashlib.sha256(f"{fields['client_id']}{fields['client_secret']}{code}".encode()).hexdigest()
        if code in self._burnt:
            raise _login_refusal("code")
        self._burnt.add(code)
        try:
            return replies.login(self._firm.accounts.redeem(code, proof, None, at))
        except LoginRefused as refused:
            raise _login_refusal(refused.field) from None

    def log_out(self, ask: Ask) -> Data:
        """End the client's sessions."""
        self._firm.accounts.expire(ask.client_id)
        return {}

    def funds(self, ask: Ask) -> Data:
        """The client's money."""
        return replies.funds(self._firm.book.positions(ask.client_id))

    def place(self, ask: Ask) -> Data:
        """Enter an order; what the broker's risk system refuses is told in the book."""
        ticket = new_ticket(ask.client_id, ask.body, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection is Rejection.SESSION_EXPIRED:
            raise token_dead()
        if rejection is Rejection.RATE_LIMITED:
            raise Refusal("Too Many Request Sent", "UDAPI10005", TOO_MANY)
        if rejection is Rejection.MARKET_CLOSED:
            raise Refusal(replies.REJECTIONS[rejection], "UDAPI100057")
        if rejection is Rejection.ADDRESS_UNKNOWN:
            raise Refusal("Request from an IP address that is not the static IP of the account", "UDAPI1154")
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal(UNCLEAR_TEXT, "UDAPI999999")
        if ask.client_id in self._stopped:
            rejection = Rejection.ACCOUNT_BLOCKED
        return {"order_ids": [self._firm.place(ticket, rejection, ask.at).number]}

    def modify(self, ask: Ask) -> Data:
        """Change a resting order."""
        fields = change(ask.body)
        order = self._order(ask.client_id, fields["order_id"], ask.at)
        if order.status.final:
            raise _finished("Modification", "UDAPI100041")
        listing = self._master(ask).by_key[key(order.ticket.token)]
        self._firm.replace(order, changed_ticket(fields, order, listing), ask.at)
        return {"order_id": order.number}

    def cancel(self, ask: Ask) -> Data:
        """Take a resting order back."""
        order = self._order(ask.client_id, ask.order_id, ask.at)
        if order.status.final:
            raise _finished("Cancel", "UDAPI100040")
        order.cancel(ask.at)
        return {"order_id": order.number}

    def orders(self, ask: Ask) -> Data:
        """The client's orders, oldest first."""
        return [replies.order_line(order) for order in self._firm.orders(ask.client_id, ask.at)]

    def history(self, ask: Ask) -> Data:
        """The life of one order, or of all with a tag."""
        if ask.query.get("tag") is None:
            return replies.history_lines(self._order(ask.client_id, ask.order_id, ask.at))
        mine = self._firm.orders(ask.client_id, ask.at)
        found = [order for order in mine if order.ticket.tag == ask.query["tag"]]
        if not found:
            raise _not_found()
        return [line for order in found for line in replies.history_lines(order)]

    def trades_of(self, ask: Ask) -> Data:
        """One order's fills."""
        order = self._order(ask.client_id, ask.order_id, ask.at)
        return [replies.trade_line(order, trade) for trade in order.trades]

    def positions(self, ask: Ask) -> Data:
        """The client's positions, all of today."""
        self._firm.orders(ask.client_id, ask.at)
        return [
            replies.position_line(position, self._market.quote(position.ticket.contract, ask.at))
            for position in self._firm.book.positions(ask.client_id)
        ]

    def basket(self, ask: Ask) -> Data:
        """What a basket of orders would block; a leg without a price counts at the market."""
        lines = ask.body.get("instruments") if isinstance(ask.body, dict) else None
        if not isinstance(lines, list) or not 0 < len(lines) <= MOST_LEGS:
            raise Wrong("instruments")
        legs = [self._leg(Leg(line, self._master(ask)), ask.at) for line in lines]
        return replies.basket(money.basket(legs), [money.basket([leg]) for leg in legs])

    def quote(self, ask: Ask) -> Data:
        """Prices of the instruments named; unknown ones are left out."""
        keys, listed = ask.query.get("instrument_key", "").split(","), self._master(ask).by_key
        if len(keys) > MOST_QUOTES:
            raise Wrong("instrument_key", f"names more than {MOST_QUOTES} instruments")
        found = [listed[each] for each in keys if each in listed]
        return {
            replies.quote_name(one): replies.quote_line(one, self._market.quote(one.contract, ask.at), ask.at)
            for one in found
        }

    def switch(self, ask: Ask) -> Data:
        """Whether the segment is closed by the client's own switch."""
        return [{"segment": SEGMENT, "segment_status": "ACTIVE", "kill_switch_enabled": ask.client_id in self._stopped}]

    def turn(self, ask: Ask) -> Data:
        """Close the segment, which cancels its orders, or open it; the cooling period is not simulated."""
        for line in ask.body if isinstance(ask.body, list) else [None]:
            fields = typed(line, {"segment": TEXT, "action": TEXT}, {})
            if fields["segment"] != SEGMENT:
                raise Refusal("The specified segment does not exist.", "UDAPI1186")
            if fields["action"] not in {"ENABLE", "DISABLE"}:
                raise Refusal("Invalid action. Allowed values are ENABLE and DISABLE.", "UDAPI1188")
            self._close(ask) if fields["action"] == "DISABLE" else self._stopped.discard(ask.client_id)
        return self.switch(ask)

    def _close(self, ask: Ask) -> None:
        orders = self._firm.orders(ask.client_id, ask.at)
        if any(position.net for position in self._firm.book.positions(ask.client_id)):
            raise Refusal("Segment status cannot be changed until all open positions are closed.", "UDAPI1184")
        for order in orders:
            if not order.status.final:
                order.cancel(ask.at)
        self._stopped.add(ask.client_id)

    def _leg(self, leg: Leg, at: datetime) -> money.Leg:
        price = self._market.quote(leg.contract, at).last if leg.price is None else leg.price
        return money.Leg(leg.contract, leg.units, price)

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _order(self, client_id: str, number: str, at: datetime) -> Order:
        order = self._firm.book.find(client_id, number)
        if order is None:
            raise _not_found()
        self._firm.refresh([order], at)
        return order


def _not_found() -> Refusal:
    return Refusal("Order not found", "UDAPI100010")


def _finished(what: str, code: str) -> Refusal:
    return Refusal(f"{what} of already cancelled/rejected/completed order is not allowed", code)


def _login_refusal(field: str) -> Refusal:
    if field == "code":
        return Refusal("Invalid Auth code", "UDAPI100057", UNAUTHORIZED)
    return Refusal("Invalid Credentials", "UDAPI100016", UNAUTHORIZED)
