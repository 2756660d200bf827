"""mStock's order forms: every field there, and a change that repeats the whole order; raises `Wrong`."""

import re

from sandbox.broker import forms, kite
from sandbox.broker.book import Order, Ticket
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.mstock.masters import Master

WHAT = ("tradingsymbol", "exchange", "transaction_type", "product")
TERMS = ("order_type", "quantity", "validity", "price", "trigger_price", "disclosed_quantity")
TAG = re.compile(r"[A-Za-z0-9]{0,20}", re.ASCII)


def new_ticket(client_id: str, fields: Fields, master: Master) -> Ticket:
    """The ticket of a form to place an order."""
    forms.need(fields, WHAT + TERMS)
    forms.only(fields, (*WHAT, *TERMS, "tag"))
    if not TAG.fullmatch(fields.get("tag", "")):
        raise Wrong("tag")
    return kite.new_ticket(client_id, fields, kite.listed(fields, master.by_symbol))


def changed_ticket(fields: Fields, order: Order, master: Master) -> Ticket:
    """The ticket as a form to change it leaves the order; contract, side and product cannot change."""
    forms.need(fields, TERMS)
    forms.only(fields, WHAT + TERMS)
    ticket = order.ticket
    same = (ticket.symbol, kite.EXCHANGE, ticket.side.value, kite.WORDS[ticket.product])
    for name, value in zip(WHAT, same, strict=True):
        if fields.get(name, value) != value:
            raise Wrong(name, "is not the order's")
    return kite.changed_ticket(fields, order, master.by_symbol[ticket.symbol])
