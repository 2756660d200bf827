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
    """A ticket with what has become of what was not certain when its run ended."""
    intents = (as_booked(each, book) if each.state.uncertain else each for each in ticket.intents)
    return ticket.with_intents(tuple(intents), settled=ticket.settled)


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


def without_lost(ticket: Ticket) -> Ticket:
    """The ticket once its book can be believed: an order nobody could look up then never arrived."""
    return ticket.with_intents(tuple(map(_unless_lost, ticket.intents)), settled=ticket.settled)


def _unless_lost(intent: Intent) -> Intent:
    lost = intent.state is State.UNKNOWN and intent.order_id is None
    return intent.became(State.NOT_SENT, reason="never_arrived") if lost else intent


def doubted(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Settled ones of which an order may have been filled since."""
    return [ticket for ticket in tickets if ticket.settled and not ticket.certain]
