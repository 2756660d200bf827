"""Zerodha's order forms: from texts to a ticket, refusing what the broker would refuse."""

import re

from sandbox.broker import forms, kite
from sandbox.broker.book import Order, Ticket
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.zerodha.masters import Master
from sandbox.broker.zerodha.wire import Refusal

VARIETY = "regular"
"""The one variety that is simulated."""

NEEDED = ("exchange", "tradingsymbol", "transaction_type", "order_type", "quantity", "product")
OPTIONAL = (
    "variety",
    "price",
    "validity",
    "validity_ttl",
    "disclosed_quantity",
    "trigger_price",
    "algo_id",
    "tag",
    "market_protection",
    "autoslice",
)
CHANGEABLE = ("quantity", "price", "order_type", "trigger_price", "validity", "disclosed_quantity", "market_protection")
NAMES = ("variety", "order_id", "parent_order_id")

TAG = re.compile(r"[A-Za-z0-9]{0,20}", re.ASCII)
UNPROTECTED = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a limit order."
)


def new_ticket(client_id: str, variety: str, fields: Fields, master: Master) -> Ticket:
    """The ticket of a form to place an order; raises `Wrong`."""
    forms.need(fields, NEEDED)
    forms.only(fields, NEEDED + OPTIONAL)
    _check_variety(variety, fields)
    _check_protection(fields)
    if not TAG.fullmatch(fields.get("tag", "")):
        raise Wrong("tag", "has more than 20 characters, or others than letters and digits")
    return kite.new_ticket(client_id, {"validity": "DAY", **fields}, kite.listed(fields, master.by_symbol))


def changed_ticket(variety: str, fields: Fields, order: Order, master: Master) -> Ticket:
    """The ticket as a form to change it leaves the order; what the form leaves out stays."""
    forms.only(fields, CHANGEABLE + NAMES)
    _check_variety(variety, fields)
    if fields.get("order_id", order.number) != order.number:
        raise Wrong("order_id")
    kept = dict(kite.as_fields(order.ticket))
    if fields.get("order_type") == "LIMIT":
        kept["trigger_price"] = "0"
    _check_protection({**kept, **fields})
    return kite.changed_ticket({**kept, **fields}, order, master.by_symbol[order.ticket.symbol])


def _check_variety(variety: str, fields: Fields) -> None:
    if variety != VARIETY or fields.get("variety", VARIETY) != VARIETY:
        raise Wrong("variety")


def _check_protection(fields: Fields) -> None:
    """Since April 2026 an order without a limit needs protection: -1, or a percentage above 0 up to 100."""
    given = fields.get("market_protection", "0")
    try:
        percent = float(given)
    except ValueError:
        raise Wrong("market_protection") from None
    if fields.get("order_type") in kite.MARKET_TYPES and not (percent == -1 or 0 < percent <= 100):  # noqa: PLR2004
        raise Refusal(UNPROTECTED)
