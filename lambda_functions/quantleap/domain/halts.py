"""Halts: nothing new is traded for whom they cover, until they end or somebody lifts them.

| scope             | covers                       |
| ----------------- | ---------------------------- |
| `platform`        | everybody                    |
| `partner:zebu`    | users of a partner           |
| `template:bsk_..` | subscribers of a template    |
| `user:usr_..`     | one user                     |
| `broker:zebu-live` | a broker, live or in the sandbox |
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import StrictBool, StringConstraints

from quantleap.domain.broker_id import BROKER_IDS
from quantleap.domain.clock import Instant
from quantleap.domain.errors import NotFound
from quantleap.domain.model import READABLE, Sent

SCOPE = re.compile(
    r"platform|partner:[a-z][a-z0-9]{1,23}|template:[A-Za-z0-9_-]{2,128}|user:usr_[0-9a-z]{20}"
    rf"|broker:({'|'.join(BROKER_IDS)})-(live|test)"
)

HALTED = "halted"
"""The reason that is told of what a halt kept from trading."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300), READABLE]


class NewHalt(Sent):
    """Why trading stops, and when it goes on by itself; without an end somebody has to lift it.

    With `square_off` what the day's runs opened in its scope is closed as well, as soon as it can be.
    """

    reason: Reason
    until: Instant | None = None
    square_off: StrictBool = False


class Trade(NamedTuple):
    """What is about to be traded, for whom, and where that is known: a subscription may trade at several brokers."""

    partner_id: str
    template_id: str
    user_id: str
    venue: str = ""

    @property
    def scopes(self) -> frozenset[str]:
        """Every halt that would stop it."""
        own = f"partner:{self.partner_id}", f"template:{self.template_id}", f"user:{self.user_id}"
        return frozenset({"platform", *own, of_broker(self.venue)})


class Halt(NewHalt):
    """A halt as stored."""

    scope: str
    set_by: str
    set_at: datetime

    def stands(self, at: datetime) -> bool:
        """Whether it still holds at that time."""
        return self.until is None or at < self.until


def of_broker(venue: str) -> str:
    """The scope of everybody who trades at a broker of one environment, `zebu#test`."""
    return f"broker:{venue.replace('#', '-')}"


def scope_of(text: str) -> str:
    """A scope as somebody wrote it; a text that is none names nothing."""
    if SCOPE.fullmatch(text) is None:
        raise NotFound("A scope is platform, partner:{id}, template:{id}, user:{id} or broker:{id}-live")
    return text


def halted(halts: Iterable[Halt], trade: Trade, at: datetime) -> Halt | None:
    """The halt that stops a trade at that time, or None."""
    return next((halt for halt in halts if halt.scope in trade.scopes and halt.stands(at)), None)
