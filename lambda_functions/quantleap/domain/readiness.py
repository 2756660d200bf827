"""What stands in the way of an account at a moment, in the words a run itself would use."""

from collections.abc import Iterable
from datetime import datetime

from quantleap.domain.account import BrokerAccount
from quantleap.domain.basket import Basket, Day, Strategy
from quantleap.domain.clock import IST

DIES_BEFORE_EXIT = "broker_token_dies_before_exit"
"""The account could enter, but nobody could close for it without another login."""


def in_the_way(account: BrokerAccount | None, at: datetime, until: datetime) -> str | None:
    """Why an account could not enter at a moment and leave by another, or None."""
    if account is None:
        return "broker_account_missing"
    return account.not_ready_because(at) or (DIES_BEFORE_EXIT if account.not_ready_because(until) else None)


def entering_from(basket: Basket, at: datetime) -> list[Strategy]:
    """What a basket enters from a moment on that day."""
    local = at.astimezone(IST)
    return [each for each in basket.strategies if Day.of(local) in each.days and each.entry_time >= local.time()]


def last_exit(entering: Iterable[Strategy], at: datetime) -> datetime:
    """When the last of some strategies leaves that enter on the day of a moment; the moment where nothing does."""
    day = at.astimezone(IST).date()
    return max([at, *(datetime.combine(day, each.exit_time, IST) for each in entering)])
