"""Subscriptions: a user's reference to a template, with the accounts and lots it trades."""

import calendar
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator

from quantleap.domain.account import ClientId, Email, PersonName
from quantleap.domain.basket import MaxLots, Pricing
from quantleap.domain.clock import IST, Instant
from quantleap.domain.errors import Conflict, InvalidRequest
from quantleap.domain.model import NUMBER, Digits, Identifier, Model, NamesTemplate, Sent, Whole


class Status(StrEnum):
    """Where a subscription is in its life."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"


class Action(StrEnum):
    """What its owner may do with it."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


MOVES = {
    (Status.ACTIVE, Action.PAUSE): Status.PAUSED,
    (Status.PAUSED, Action.RESUME): Status.ACTIVE,
    (Status.ACTIVE, Action.CANCEL): Status.CANCELLED,
    (Status.PAUSED, Action.CANCEL): Status.CANCELLED,
}
"""Every move there is; CANCELLED is final, subscribing again makes a new subscription."""

MOST_ACCOUNTS = 5
"""Accounts that one subscription may trade."""

Multiplier = Annotated[Decimal, Field(ge=Decimal("0.01"), le=1000, decimal_places=2), NUMBER]


class NewSubscription(NamesTemplate):
    """What a partner asks for; `template_basket_id` is another name of `template_id`."""

    template_id: Identifier
    user_email: Email
    user_name: PersonName | None = None
    broker_client_id: ClientId
    lot_multiplier: Multiplier = Decimal(1)
    auto_link_broker: Literal[True] = True


class OwnSubscription(Sent):
    """What somebody who signed in asks for; the template is in the address. Who has one account need not name it."""

    broker_client_id: ClientId | None = None
    lot_multiplier: Multiplier = Decimal(1)


class Share(Sent):
    """One account's part of a subscription."""

    client_id: ClientId
    lot_multiplier: Multiplier = Decimal(1)
    priority: Whole = Field(default=1, ge=1, le=100)
    max_lots_per_order: MaxLots | None = None


class SubscriptionChange(Sent):
    """What may be changed: lots and account of a subscription with one account, or the split over several."""

    lot_multiplier: Multiplier | None = None
    broker_client_id: ClientId | None = None
    allocations: tuple[Share, ...] | None = Field(default=None, min_length=1, max_length=MOST_ACCOUNTS)

    @property
    def client_ids(self) -> tuple[str, ...]:
        """The accounts it names."""
        if self.allocations is not None:
            return tuple(share.client_id for share in self.allocations)
        return () if self.broker_client_id is None else (self.broker_client_id,)

    @field_validator("allocations")
    @classmethod
    def _is_a_split(cls, value: tuple[Share, ...] | None, info: ValidationInfo) -> tuple[Share, ...] | None:
        if value is None:
            return value
        if any(info.data.get(name) is not None for name in ("lot_multiplier", "broker_client_id")):
            raise ValueError("send either allocations, or lot_multiplier and broker_client_id")
        if len({share.client_id for share in value}) != len(value):
            raise ValueError("an account may have one part only")
        return value


class OwnFilter(NamesTemplate):
    """Which of their own subscriptions somebody lists."""

    status: Status | None = None
    template_id: Identifier | None = None


class SubscriptionFilter(NamesTemplate):
    """Which of a tenant's subscriptions to list, and which page of them."""

    user_email: Email | None = None
    status: Status | None = None
    template_id: Identifier | None = None
    limit: Digits = Field(default=50, ge=1, le=200)
    next_token: str | None = Field(default=None, max_length=400)


class ReadinessFilter(NamesTemplate):
    """Which subscriptions to judge, and for which moment; without one for now."""

    at: Instant | None = None
    template_id: Identifier | None = None
    limit: Digits = Field(default=50, ge=1, le=200)
    next_token: str | None = Field(default=None, max_length=400)


class Allocation(Model):
    """Which account trades how much of a template."""

    allocation_id: str
    broker_id: str
    client_id: str
    lot_multiplier: Multiplier = Decimal(1)
    priority: int = Field(default=1, ge=1, le=100)
    max_lots_per_order: int | None = Field(default=None, ge=1, le=1000)

    def lots(self, of_leg: int) -> int:
        """Whole lots for a leg of that many: `floor(lots * multiplier)`, at least one."""
        return max(1, int(of_leg * self.lot_multiplier))


class Attribution(Model):
    """Who brought the subscription, and what it earns a month; for those who come by themselves the platform."""

    partner_id: str
    partner_api_key_id: str | None = None
    commission_rate: Decimal
    monthly_commission: Decimal
    platform_fee: Decimal
    billing_start_date: datetime


class Subscription(Model):
    """A reference to a template, never a copy of it; `index_shard` is its place among the template's subscribers."""

    subscription_id: str
    user_id: str
    user_email: str
    user_name: str | None = None
    tenant: str
    template_id: str
    template_owner_id: str
    index_shard: int = Field(default=0, ge=0)
    status: Status = Status.ACTIVE
    allocations: tuple[Allocation, ...] = Field(min_length=1)
    pricing: Pricing
    attribution: Attribution
    subscription_date: datetime
    next_billing_date: datetime
    changed_at: datetime
    version: int = 1

    def shares(self, change: SubscriptionChange) -> tuple[Share, ...]:
        """The split over accounts that a change asks for; raises `InvalidRequest`."""
        if change.allocations is not None:
            return change.allocations
        if len(self.allocations) > 1:
            several = "The subscription trades several accounts; send allocations"
            raise InvalidRequest(dict.fromkeys(sorted(change.model_fields_set) or ["allocations"], several))
        (only,) = self.allocations
        given = {"client_id": change.broker_client_id, "lot_multiplier": change.lot_multiplier}
        was = {name: getattr(only, name) for name in Share.model_fields}
        return (Share(**{**was, **{name: value for name, value in given.items() if value is not None}}),)

    def split(self, allocations: tuple[Allocation, ...], at: datetime) -> Self:
        """The subscription over other accounts or lots."""
        if self.status is Status.CANCELLED:
            raise Conflict("Cannot change a subscription that is CANCELLED", code="invalid_state")
        return self.model_copy(update={"allocations": allocations, "changed_at": at, "version": self.version + 1})

    def after(self, action: Action, at: datetime) -> Self:
        """The subscription as `action` leaves it."""
        try:
            status = MOVES[self.status, action]
        except KeyError:
            message = f"Cannot {action} a subscription that is {self.status}"
            raise Conflict(message, code="invalid_state") from None
        return self.model_copy(update={"status": status, "changed_at": at, "version": self.version + 1})


def states_before(action: Action) -> tuple[Status, ...]:
    """From which states `action` is a move."""
    return tuple(status for status, move in MOVES if move is action)


def next_billing_date(start: datetime, months: int = 1) -> datetime:
    """The same day of India's calendar `months` later, or that month's last: 31 Jan, 28 Feb, 31 Mar.

    Counted from the start each time, so a short month does not move the months after it.
    """
    local = start.astimezone(IST)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)
