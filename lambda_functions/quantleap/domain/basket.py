"""Baskets of strategies, and the templates they become on the marketplace."""

import re
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from quantleap.domain.contracts import ExpiryType, Index, Right, expiry_types
from quantleap.domain.model import Model
from quantleap.domain.money import Rupees
from quantleap.domain.partner import PartnerId

OPENS = time(9, 15)
CLOSES = time(15, 40)
MAX_LEGS = 8
MAX_STRATEGIES = 4


class Side(StrEnum):
    """Which way a leg enters."""

    BUY = "BUY"
    SELL = "SELL"


class Day(StrEnum):
    """A weekday by its three letters."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"
    SUN = "SUN"

    @classmethod
    def of(cls, day: datetime) -> Self:
        """The weekday of an aware instant in the zone it carries."""
        return list(cls)[day.weekday()]


class Product(StrEnum):
    """Closed the same day, or carried."""

    INTRADAY = "INTRADAY"
    CARRY = "CARRY"


class Difficulty(StrEnum):
    """How much a subscriber should know."""

    BEGINNER = "BEGINNER"
    INTERMEDIATE = "INTERMEDIATE"
    ADVANCED = "ADVANCED"


class Visibility(StrEnum):
    """Who finds a template: everyone, or the partners it names."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"


class PricingType(StrEnum):
    """Whether a subscription costs something."""

    FREE = "FREE"
    PAID = "PAID"


def _clock_text(value: object) -> object:
    if not isinstance(value, time) and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value), re.ASCII):
        raise ValueError("write it as HH:MM, 24 hours, IST")
    return value


def _upper_word(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,31}", value):
        raise ValueError("write one upper-case word, such as NIFTY or INCOME")
    return value


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_text),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
]
"""A minute of the day in IST, `"09:20"` on the wire."""

Category = Annotated[str, AfterValidator(_upper_word)]
Percent = Annotated[Decimal, Field(gt=0, le=100, decimal_places=2)]


class StrikeRule(Model):
    """How a leg's strike is chosen: `offset` strike steps above (+) or below (-) the money."""

    rule: Literal["ATM"] = "ATM"
    offset: int = Field(default=0, ge=-40, le=40)


class Leg(Model):
    """One option of a strategy; `lots` are for a multiplier of one."""

    side: Side
    right: Right
    strike: StrikeRule = StrikeRule()
    lots: int = Field(default=1, ge=1, le=50)


class Strategy(Model):
    """What to enter at a minute of certain weekdays, and when to leave."""

    index: Index
    entry_time: ClockTime
    exit_time: ClockTime
    days: tuple[Day, ...] = Field(default=(Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), min_length=1)
    expiry_type: ExpiryType = ExpiryType.WEEKLY
    product: Product = Product.INTRADAY
    legs: tuple[Leg, ...] = Field(min_length=1, max_length=MAX_LEGS)

    @model_validator(mode="after")
    def _is_tradable(self) -> Self:
        if self.entry_time >= self.exit_time:
            raise ValueError(f"exit_time must come after entry_time {self.entry_time:%H:%M}")
        if self.entry_time < OPENS or self.exit_time >= CLOSES:
            session = f"{OPENS:%H:%M} to {CLOSES:%H:%M}"
            raise ValueError(f"entry_time and exit_time must lie inside the session, {session}")
        if self.expiry_type not in expiry_types(self.index):
            raise ValueError(f"{self.index} has no {self.expiry_type.lower()} expiry; use MONTHLY")
        if len(set(self.days)) != len(self.days):
            raise ValueError("days must not repeat")
        return self


class Pricing(Model):
    """What a month costs; a paid template has a fee, a free one has none."""

    type: PricingType
    monthly_fee: Rupees = Decimal(0)
    currency: Literal["INR"] = "INR"

    @model_validator(mode="after")
    def _fee_fits(self) -> Self:
        if (self.type is PricingType.PAID) != (self.monthly_fee > 0):
            raise ValueError("a PAID template needs a monthly_fee above 0, a FREE one none")
        return self


class MarketplaceConfig(Model):
    """How a basket is offered."""

    visibility: Visibility = Visibility.PUBLIC
    partners: tuple[PartnerId, ...] = Field(default=(), max_length=200)
    difficulty_level: Difficulty = Difficulty.INTERMEDIATE
    pricing: Pricing = Pricing(type=PricingType.FREE)
    tags: tuple[Category, ...] = Field(default=(), max_length=12)

    @model_validator(mode="after")
    def _partners_fit(self) -> Self:
        if (self.visibility is Visibility.PRIVATE) != bool(self.partners):
            raise ValueError("a PRIVATE template names its partners, a PUBLIC one has none")
        return self


class BasketDraft(Model):
    """What an admin writes."""

    name: str = Field(min_length=3, max_length=80)
    description: str = Field(default="", max_length=1000)
    category: Category
    strategies: tuple[Strategy, ...] = Field(min_length=1, max_length=MAX_STRATEGIES)
    stop_loss: Percent | None = None
    target: Annotated[Decimal, Field(gt=0, le=1000, decimal_places=2)] | None = None


class Basket(BasketDraft):
    """A basket as stored: the live version of what was written, and how it is offered if it is.

    `live_version` counts states of the strategies; `version` counts writes of the record.
    """

    basket_id: str
    template_owner_id: str
    live_version: int = Field(default=1, ge=1)
    marketplace: MarketplaceConfig | None = None
    subscriber_count: int = Field(default=0, ge=0)
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(default=1, ge=1)

    def offered(self, config: MarketplaceConfig, at: datetime) -> Self:
        """The basket as a template, or with its offer changed."""
        return self._next(at, marketplace=config)

    def withdrawn(self, at: datetime) -> Self:
        """The basket off the marketplace; nothing of it executes any more."""
        return self._next(at, marketplace=None)

    def visible_to(self, partner_id: str | None) -> bool:
        """Whether somebody (None: the public) finds it."""
        if self.marketplace is None:
            return False
        return self.marketplace.visibility is Visibility.PUBLIC or partner_id in self.marketplace.partners

    def slots(self) -> dict[str, tuple[int, ...]]:
        """When something of it enters: `{"MON#09:20": (0, 2)}`, the numbers of the strategies due then."""
        found: dict[str, tuple[int, ...]] = {}
        for number, strategy in enumerate(self.strategies):
            for day in strategy.days:
                name = slot(day, strategy.entry_time)
                found[name] = (*found.get(name, ()), number)
        return found

    def _next(self, at: datetime, **changes: object) -> Self:
        return self.model_copy(update={**changes, "updated_at": at, "version": self.version + 1})


def slot(day: Day, minute: time) -> str:
    """The name of a minute of a weekday, the partition key of the schedule index."""
    return f"{day}#{minute:%H:%M}"
