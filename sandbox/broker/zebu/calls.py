"""What each call of Zebu's API does: from a request in form to a reply."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.contracts import Index
from sandbox.broker import money
from sandbox.broker.accounts import LoginRefused
from sandbox.broker.behaviour import UNCLEAR_TEXT, Rejection
from sandbox.broker.book import Order
from sandbox.broker.checks import Wrong
from sandbox.broker.gateway import OK
from sandbox.broker.listing import Listing, chain
from sandbox.broker.simulator import Firm
from sandbox.broker.zebu import replies
from sandbox.broker.zebu.masters import EXCHANGE, INDEX_TOKENS, Described, Master, master, symbol
from sandbox.broker.zebu.orders import (
    MODIFY_FIELDS,
    PLACE_FIELDS,
    PRODUCTS,
    changed_ticket,
    new_ticket,
)
from sandbox.broker.zebu.wire import (
    NO_DATA,
    SESSION_DEAD,
    UNAUTHORIZED,
    Ask,
    Fields,
    Json,
    Refusal,
    invalid,
    ok,
)

REFUSALS = {
    Rejection.SESSION_EXPIRED: (SESSION_DEAD, OK),
    Rejection.RATE_LIMITED: ("Rate limit exceeded : too many requests", 429),
    Rejection.ADDRESS_UNKNOWN: ("Invalid IP : address is not registered", UNAUTHORIZED),
}
"""Rejections that answer the request, text and HTTP status; Zebu documents none for pace, HTTP 429 is the rule."""

MOST_FOUND = 50
"""Matches a search returns at most."""

INDEX_EXCHANGE = "NSE"

type Call = Callable[[Ask], Json]


class Calls:
    """Zebu's calls over one simulator."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._market = firm.floor.market
        self.table: dict[str, tuple[tuple[str, ...], Call]] = {
            "PlaceOrder": (PLACE_FIELDS, self.place),
            "ModifyOrder": (MODIFY_FIELDS, self.modify),
            "CancelOrder": (("uid", "norenordno"), self.cancel),
            "SingleOrdHist": (("uid", "norenordno"), self.history),
            "OrderBook": (("uid",), self.order_book),
            "TradeBook": (("uid",), self.trade_book),
            "PositionBook": (("uid", "actid"), self.position_book),
            "Limits": (("uid", "actid"), self.limits),
            "ClientDetails": (("uid", "actid"), self.details),
            "SpanCalc": (("actid",), self.span),
            "GetQuotes": (("uid", "exch", "token"), self.quotes),
            "GetSecurityInfo": (("uid", "exch", "token"), self.security_info),
            "SearchScrip": (("uid", "stext", "exch"), self.search),
            "GetOptionChain": (("uid", "exch", "tsym", "strprc", "cnt"), self.option_chain),
        }
        """By path: the fields a call cannot do without, and what it does."""

    def log_in(self, fields: Fields, at: datetime) -> Json:
        """GenAcsTok: swap the code of a finished login for tokens."""
        try:
            session = self._firm.accounts.redeem(fields["code"], fields["checksum"], fields.get("uid"), at)
        except LoginRefused as refused:
            raise invalid(refused.field) from None
        client_id = session.client_id
        return ok(
            at,
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_in=str(int((session.expires_at - at).total_seconds())),
            susertoken=session.user_token,
            uname=f"SANDBOX {client_id}",
            exarr=[INDEX_EXCHANGE, EXCHANGE],
            prarr=list(PRODUCTS),
            orarr=["LMT", "SL-LMT"],
        )

    def place(self, ask: Ask) -> Json:
        """Enter an order; a rejection of the broker's own shows in the order book, not here."""
        with _worded():
            ticket = new_ticket(ask.fields, self._master(ask))
        rejection = self._firm.floor.rejection(ask.client_id, ask.at)
        if rejection in REFUSALS:
            raise Refusal(*REFUSALS[rejection])
        if rejection is Rejection.UNCLEAR:
            self._firm.place(ticket, None, ask.at)
            raise Refusal(UNCLEAR_TEXT)
        order = self._firm.place(ticket, rejection, ask.at)
        return ok(ask.at, norenordno=order.number)

    def modify(self, ask: Ask) -> Json:
        """Change a resting order."""
        order = self._working(ask, "Rejected : ORA:Order not found")
        with _worded():
            ticket = changed_ticket(ask.fields, order.ticket, self._master(ask))
        if ticket.quantity <= order.filled:
            raise invalid("qty is not above what is filled")
        self._firm.replace(order, ticket, ask.at)
        return ok(ask.at, result=order.number)

    def cancel(self, ask: Ask) -> Json:
        """Take a resting order back."""
        order = self._working(ask, "Rejected : ORA:Order not found to Cancel")
        order.cancel(ask.at)
        return ok(ask.at, result=order.number)

    def history(self, ask: Ask) -> Json:
        """One order's life, newest first."""
        order = self._firm.book.find(ask.client_id, ask.fields["norenordno"])
        if order is None:
            raise Refusal(NO_DATA)
        self._firm.refresh([order], ask.at)
        return replies.history_lines(order)

    def order_book(self, ask: Ask) -> Json:
        """The client's orders, newest first."""
        orders = self._firm.orders(ask.client_id, ask.at)
        return _book([replies.order_line(order) for order in reversed(orders)])

    def trade_book(self, ask: Ask) -> Json:
        """The client's fills, newest first."""
        orders = reversed(self._firm.orders(ask.client_id, ask.at))
        return _book([replies.trade_line(order, trade) for order in orders for trade in reversed(order.trades)])

    def position_book(self, ask: Ask) -> Json:
        """The client's positions, valued at the market."""
        self._firm.orders(ask.client_id, ask.at)
        return _book(
            [
                replies.position_line(position, self._market.quote(position.ticket.contract, ask.at))
                for position in self._firm.book.positions(ask.client_id)
            ]
        )

    def limits(self, ask: Ask) -> Json:
        """The client's money."""
        return ok(ask.at) | replies.limits(self._firm.book.positions(ask.client_id))

    def details(self, ask: Ask) -> Json:
        """Who the client is."""
        return ok(ask.at, **replies.details(ask.client_id))

    def span(self, ask: Ask) -> Json:
        """SpanCalc: what a basket of positions blocks."""
        listings = self._master(ask).by_described
        try:
            legs = [_leg(leg, listings) for leg in ask.legs]
        except (KeyError, ValueError):
            raise invalid("pos") from None
        return ok(ask.at) | replies.span(money.basket(legs))

    def quotes(self, ask: Ask) -> Json:
        """Prices of an index (exchange NSE) or an option (NFO)."""
        token = ask.fields["token"]
        if ask.fields["exch"] == INDEX_EXCHANGE and token in INDEX_TOKENS:
            return self._index_quote(INDEX_TOKENS[token], token, ask.at)
        listing = self._listed(ask)
        quote = self._market.quote(listing.contract, ask.at)
        prices = replies.quote_fields(quote, listing.lot_size)
        return ok(ask.at) | replies.listing_line(listing) | prices

    def security_info(self, ask: Ask) -> Json:
        """What is known of a contract."""
        return ok(ask.at) | replies.listing_line(self._listed(ask))

    def search(self, ask: Ask) -> Json:
        """Contracts whose description holds every word of the text."""
        words = ask.fields["stext"].upper().split()
        found = [
            replies.listing_line(listing)
            for name, listing in self._master(ask).by_symbol.items()
            if all(word in f"{name} {replies.described(listing.contract)}" for word in words)
        ]
        return _values(found[:MOST_FOUND] if ask.fields["exch"] == EXCHANGE else [], ask.at)

    def option_chain(self, ask: Ask) -> Json:
        """The contracts of one expiry with the `cnt` strikes nearest to `strprc` on each side."""
        master, fields = self._master(ask), ask.fields
        listing = master.by_symbol.get(fields["tsym"])
        if listing is None or fields["exch"] != EXCHANGE:
            raise invalid("tsym")
        try:
            middle, count = float(fields["strprc"]), int(fields["cnt"])
        except ValueError:
            raise invalid("strprc or cnt") from None
        contracts = chain(listing.contract.index, listing.contract.expiry)
        below = [contract for contract in contracts if contract.strike < middle][-2 * count :] if count else []
        above = [contract for contract in contracts if contract.strike >= middle][: 2 * count + 2]
        lines = [replies.listing_line(master.by_symbol[symbol(contract)]) for contract in below + above]
        return _values(lines, ask.at)

    def _index_quote(self, index: Index, token: str, at: datetime) -> Json:
        level = str(self._market.spot(index, at))
        return ok(
            at,
            exch=INDEX_EXCHANGE,
            token=token,
            tsym=index.value,
            symname=index.value,
            instname="UNDIND",
            lp=level,
        )

    def _master(self, ask: Ask) -> Master:
        return master(ask.at.astimezone(IST).date())

    def _listed(self, ask: Ask) -> Listing:
        listing = self._master(ask).by_token.get(ask.fields["token"])
        if listing is None or ask.fields["exch"] != EXCHANGE:
            raise invalid("token")
        return listing

    def _working(self, ask: Ask, absent: str) -> Order:
        order = self._firm.working(ask.client_id, ask.fields["norenordno"], ask.at)
        if order is None:
            raise Refusal(absent)
        return order


def _leg(fields: Fields, listings: Mapping[Described, Listing]) -> money.Leg:
    listing = listings[Described(*(fields[name] for name in Described._fields))]
    if int(fields["buyqty"]) - int(fields["sellqty"]) != int(fields["netqty"]) or fields["exch"] != EXCHANGE:
        raise ValueError
    return money.Leg(listing.contract, int(fields["netqty"]), Decimal())


@contextmanager
def _worded() -> Iterator[None]:
    try:
        yield
    except Wrong as wrong:
        raise invalid(str(wrong)) from None


def _book(lines: list[replies.Line]) -> Json:
    if not lines:
        raise Refusal(NO_DATA)
    return lines


def _values(lines: list[replies.Line], at: datetime) -> Json:
    if not lines:
        raise Refusal(NO_DATA)
    return ok(at, values=lines)
