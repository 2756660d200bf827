"""What an order book may make of orders on a bad day; every broker's lines are written from what comes out here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sandbox.broker.behaviour import Misprint, Rejection
from sandbox.broker.book import Event, Happening, Order, Status


def _tagged(order: Order, tag: str) -> Order:
    return replace(order, ticket=order.ticket._replace(tag=tag))


def _without_units(order: Order) -> Order:
    if order.status is not Status.COMPLETE:
        return order
    return replace(order, filled=0, trades=[], history=[event._replace(filled=0) for event in order.history])


def _turned_away(order: Order) -> Order:
    """The try with the same tag before it, which was refused."""
    last = order.history[0]._replace(what=Happening.REJECTED, status=Status.REJECTED)
    gone: list[Event] = [order.history[0], last]
    number = f"9{order.number[1:]}"
    return replace(
        order,
        number=number,
        status=Status.REJECTED,
        rejection=Rejection.INSUFFICIENT_FUNDS,
        filled=0,
        cancelled=0,
        trades=[],
        history=gone,
    )


SPOILT: Mapping[Misprint, Callable[[Sequence[Order]], list[Order]]] = {
    Misprint.TWICE: lambda orders: [each for each in orders for _ in range(2)],
    Misprint.EMPTY: lambda _: [],
    Misprint.TAGS_CUT: lambda orders: [_tagged(each, each.ticket.tag[:10]) for each in orders],
    Misprint.TAGS_UPPER: lambda orders: [_tagged(each, each.ticket.tag.upper()) for each in orders],
    Misprint.TAGS_DROPPED: lambda orders: [_tagged(each, "") for each in orders],
    Misprint.NO_UNITS: lambda orders: [_without_units(each) for each in orders],
    Misprint.TURNED_AWAY_BEFORE: lambda orders: [line for each in orders for line in (each, _turned_away(each))],
}
