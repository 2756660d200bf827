"""Where our requests differ from those of the brokers' own clients, and why.

Checked both ways: a difference without a reason fails, and so does a reason without a difference.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Reason(NamedTuple):
    """In which calls which facts differ, and why."""

    calls: Sequence[str]
    facts: Sequence[str]
    why: str


EVERY = ("place", "modify", "cancel", "place stop", "cancel stop")
PLACING = ("place", "place stop")
CANCELLING = ("cancel", "cancel stop")

REASONS: Mapping[str, Sequence[Reason]] = {
    "angel_one": (
        Reason(
            EVERY,
            ("header x-clientpublicip", "header x-macaddress"),
            "the client sends one address built into it, and its machine's MAC; we send the address orders leave from",
        ),
    ),
    "icici_direct": (),
    "mstock": (
        Reason(
            ("modify",),
            ("body exchange", "body product", "body tradingsymbol", "body transaction_type"),
            "the documentation says that a change replaces the whole order, so we send the whole order",
        ),
    ),
    "upstox": (
        Reason(
            EVERY,
            ("header x-upstox-sdk-language", "header x-upstox-sdk-version"),
            "they name the client's software, which ours is not",
        ),
        Reason(CANCELLING, ("header content-type",), "the client names a type of a body that is not there"),
    ),
    "zebu": (
        Reason(EVERY, ("header content-type",), "the client names no type; the documentation has text/plain"),
        Reason(
            PLACING,
            ("body ordersource",),
            "the client calls itself API2; the documentation and the OMS vendor's client have API",
        ),
        Reason(
            ("modify", *CANCELLING),
            ("body ordersource",),
            "the client sends it with every call; these calls have no such field in the documentation, nor miss it",
        ),
        Reason(PLACING, ("body algo_id",), "the client has no way to send it; the OMS vendor's client sends it so"),
    ),
    "zerodha": (),
}
