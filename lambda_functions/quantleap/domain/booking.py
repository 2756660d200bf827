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
    """A settled ticket with what has become of it since."""
    return ticket.with_intents(tuple(as_booked(intent, book) for intent in ticket.intents), settled=True)


def doubted(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Settled ones of which an order may have been filled since."""
    return [ticket for ticket in tickets if ticket.settled and not ticket.certain]
