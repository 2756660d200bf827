"""What a broker's book says of intents."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from decimal import Decimal

from quantleap.domain.broker import BookedOrder, OrderStatus, Unknown, kept
from quantleap.domain.execution import Intent, State, Ticket
from quantleap.domain.ids import is_whole_tag, remnant_of

ENDED = {OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED}
WORKING = {OrderStatus.OPEN, OrderStatus.PARTIAL}
PAISA = Decimal("0.01")

OVER = {State.FILLED, State.REJECTED, State.CANCELLED}
UNHEARD = {State.PLANNED, State.UNKNOWN}


class Book:
    """A day's orders of an account as one look shows them, each once.

    Of an order with several lines the one counts that shows most of it filled, then the one that ended it.
    """

    def __init__(self, lines: Iterable[BookedOrder] = ()) -> None:
        self._orders: dict[str, BookedOrder] = {}
        self._by_tag: dict[str, list[BookedOrder]] = defaultdict(list)
        for line in sorted(lines, key=_progress):
            self._orders[line.order_id or line.tag] = line
        for order in self._orders.values():
            self._by_tag[order.tag.strip()].append(order)
        self._spoilt = [order for order in self._orders.values() if not is_whole_tag(order.tag.strip())]

    def of(self, intent: Intent) -> Sequence[BookedOrder]:
        """The intent's orders: the one that was acknowledged, and all that carry its tag or what is left of it."""
        own = self._orders.get(intent.order_id or "")
        tagged = [*self._by_tag.get(intent.tag, ()), *(each for each in self._spoilt if _remains(each, intent))]
        return tagged if own is None or own in tagged else [own, *tagged]

    def spoils(self, intents: Iterable[Intent]) -> bool:
        """Whether an order of these is seen under another tag than it was given."""
        return any(order.tag.strip() != intent.tag for intent in intents for order in self.of(intent))

    def hidden(self, intents: Iterable[Intent]) -> set[str]:
        """Which of these an order without a tag of ours may be, by intent id: the same contract, side and units."""
        return {each.intent_id for each in intents if any(_alike(order, each) for order in self._spoilt)}


def _remains(order: BookedOrder, intent: Intent) -> bool:
    return remnant_of(order.tag.strip(), intent.tag)


def _alike(order: BookedOrder, intent: Intent) -> bool:
    return (order.symbol, order.quantity) == (intent.symbol, intent.quantity) and order.side in {None, intent.side}


def _progress(line: BookedOrder) -> tuple[int, bool, bool]:
    return line.filled, line.status not in WORKING, line.status in {OrderStatus.FILLED, OrderStatus.UNCERTAIN}


def as_booked(intent: Intent, book: Book) -> Intent:
    """The intent as all its orders in a book have it; as it was where there is none, or the book is behind.

    Fills of all of them count, also where that is more than was wanted. What is filled never becomes less and what
    has ended does not begin again: a book that says so is an older one.
    """
    orders = book.of(intent)
    filled = sum(order.filled for order in orders)
    if not orders or filled < intent.filled_quantity:
        return intent
    state, shown = _state(intent, orders, filled), _foremost(intent, orders)
    resurrected = intent.state in OVER and state is State.OPEN and shown.order_id == intent.order_id
    if resurrected and filled == intent.filled_quantity:
        return intent
    return intent.became(
        state,
        order_id=intent.order_id if _awaited(intent, orders) else shown.order_id or intent.order_id,
        filled_quantity=filled,
        average_price=_average(orders),
        reason=shown.refusal if state is not State.FILLED else None,
        said=kept(shown.reason) if shown.reason else intent.said,
    )


def as_booked_if_last(intent: Intent, book: Book) -> Intent:
    """The same of an order that may have been sent again: one turned away, alone, may be an earlier try of it.

    Then nobody knows what became of it until the book can be believed.
    """
    booked = as_booked(intent, book)
    unheard = intent.state in UNHEARD and intent.order_id is None
    in_vain = booked.state in {State.REJECTED, State.CANCELLED} and not booked.filled_quantity
    if not (unheard and in_vain):
        return booked
    return intent.became(State.UNKNOWN, reason=intent.reason or Unknown.reason, doubted=True)


def _state(intent: Intent, orders: Sequence[BookedOrder], filled: int) -> State:
    """What all orders of an intent come to; `acknowledged` where that is not clear yet."""
    left = [order for order in orders if not _over(order, intent)]
    if any(order.status in WORKING for order in left):
        return State.OPEN
    if left or _awaited(intent, orders):
        return State.ACKNOWLEDGED
    if filled >= intent.quantity:
        return State.FILLED
    statuses = {order.status for order in orders}
    if OrderStatus.FILLED in statuses:
        return State.ACKNOWLEDGED
    return State.CANCELLED if OrderStatus.CANCELLED in statuses else State.REJECTED


def _awaited(intent: Intent, orders: Iterable[BookedOrder]) -> bool:
    """Whether the order that was acknowledged is not there yet."""
    return intent.order_id is not None and all(order.order_id != intent.order_id for order in orders)


def _over(order: BookedOrder, intent: Intent) -> bool:
    """Whether nothing more comes of it: the line says so, or has all units that were wanted and names no number."""
    return order.status in ENDED or (not order.quantity and order.filled == intent.quantity)


def _foremost(intent: Intent, orders: Sequence[BookedOrder]) -> BookedOrder:
    """The order that an intent is known by: one to take back perhaps, else the acknowledged, else the most filled."""
    return max(orders, key=lambda each: (not _over(each, intent), each.order_id == intent.order_id, each.filled))


def _average(orders: Iterable[BookedOrder]) -> Decimal | None:
    """The mean price of what is filled; None where an order with fills does not say its own."""
    fills = [(order.filled, order.average_price) for order in orders if order.filled]
    if len(fills) == 1:
        return fills[0][1]
    known = [(units, price) for units, price in fills if price is not None]
    if not known or len(known) < len(fills):
        return None
    paid = sum((units * price for units, price in known), Decimal())
    return (paid / sum(units for units, _ in known)).quantize(PAISA)


def reread(ticket: Ticket, book: Book) -> Ticket:
    """A settled ticket with what has become of its orders since, also of those that had ended."""
    return ticket.with_intents(tuple(as_booked_if_last(each, book) for each in ticket.intents), settled=ticket.settled)


def left_behind(ticket: Ticket, *, may_have_sent: bool) -> Ticket:
    """The ticket of a run that died, before anybody looked into a book: settled, so that nothing more is sent."""
    if ticket.settled:
        return ticket
    state = State.UNKNOWN if may_have_sent else State.NOT_SENT
    intents = (
        each.became(state, reason="run_died", doubted=may_have_sent) if each.state is State.PLANNED else each
        for each in ticket.intents
    )
    return ticket.with_intents(tuple(intents), settled=True)


def without_lost(ticket: Ticket, book: Book, hidden: Container[str]) -> Ticket:
    """The ticket once its book can be believed: an order nobody could look up then never arrived."""
    return ticket.with_intents(
        tuple(unless_lost(each, book, hidden) for each in ticket.intents), settled=ticket.settled
    )


def unless_lost(intent: Intent, book: Book, hidden: Container[str]) -> Intent:
    """The intent once its book can be believed: of one nobody answered for it then shows every try, or none was sent.

    It stays in doubt where something there may be it.
    """
    if intent.state is not State.UNKNOWN or intent.order_id is not None or intent.intent_id in hidden:
        return intent
    return as_booked(intent, book) if book.of(intent) else intent.became(State.NOT_SENT, reason="never_arrived")


def doubted(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Settled ones of which an order may have been filled since."""
    return [ticket for ticket in tickets if ticket.settled and not ticket.certain]


def worth_asking(tickets: Iterable[Ticket]) -> bool:
    """Whether a book may know more of settled ones: brokers have told of fills after they told of an end."""
    return any(ticket.settled and any(each.sent and not each.whole for each in ticket.intents) for ticket in tickets)
