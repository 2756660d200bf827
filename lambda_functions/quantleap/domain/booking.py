"""What a broker's book says of intents."""

from collections.abc import Iterable, Mapping

from quantleap.domain.broker import BookedOrder, OrderStatus
from quantleap.domain.execution import Intent, State, Ticket

BOOKED = {
    OrderStatus.FILLED: State.FILLED,
    OrderStatus.OPEN: State.OPEN,
    OrderStatus.PARTIAL: State.OPEN,
    OrderStatus.REJECTED: State.REJECTED,
    OrderStatus.CANCELLED: State.CANCELLED,
}


def as_booked(intent: Intent, book: Mapping[str, BookedOrder]) -> Intent:
    """The intent as the day's orders by tag have it; as it was where they do not."""
    order = book.get(intent.tag)
    if order is None:
        return intent
    return intent.became(
        BOOKED[order.status],
        order_id=order.order_id,
        filled_quantity=order.filled,
        average_price=order.average_price,
        reason=order.refusal or order.reason,
    )


def reread(ticket: Ticket, book: Mapping[str, BookedOrder]) -> Ticket:
    """A settled ticket with what has become of it since its run ended.

    An order that nobody could look up then, and that is not in the book now, never arrived: a run ends seconds after
    its last order, and a book lags by less than one.
    """
    intents = (as_booked(intent, book) for intent in ticket.intents)
    return ticket.with_intents(tuple(_unless_lost(intent) for intent in intents), settled=True)


def _unless_lost(intent: Intent) -> Intent:
    lost = intent.state is State.UNKNOWN and intent.order_id is None
    return intent.became(State.NOT_SENT, reason="never_arrived") if lost else intent


def doubted(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Settled ones of which an order may have been filled since."""
    return [ticket for ticket in tickets if ticket.settled and not ticket.certain]
