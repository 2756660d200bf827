"""Baskets of strategies, and the templates they become on the marketplace."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from quantleap.domain.clock import ClockTime
from quantleap.domain.contracts import ExpiryType, Index, Right
from quantleap.domain.errors import Conflict
from quantleap.domain.model import NUMBER, READABLE, Model, Whole, readable
from quantleap.domain.money import Rupees
from quantleap.domain.partner import PartnerId
from quantleap.domain.sharding import Shards, grown
from quantleap.domain.strikes import AtmStrike, StrikeRule
from quantleap.domain.trading import Product, Side

MAX_LEGS = 8
MAX_STRATEGIES = 4


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


def _readable_lines(value: str, info: ValidationInfo) -> str:
    for line in value.split("\n"):
        readable(line, info)
    return value


def _upper_word(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,31}", value):
        raise ValueError("write one upper-case word, such as NIFTY or INCOME")
    return value


Category = Annotated[str, AfterValidator(_upper_word)]
Percent = Annotated[Decimal, Field(gt=0, le=100, decimal_places=2), NUMBER]
Gain = Annotated[Decimal, Field(gt=0, le=1000, decimal_places=2), NUMBER]
BasketName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80), READABLE]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(_readable_lines)]
MaxLots = Annotated[int, Field(ge=1, le=1000), NUMBER]
AlgoId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class Leg(Model):
    """One option of a strategy; `lots` are for a multiplier of one."""

    side: Side
    right: Right
    strike: StrikeRule = AtmStrike()
    lots: Whole = Field(default=1, ge=1, le=50)

    def __str__(self) -> str:
        """As an administrator reads it."""
        return f"{self.side} {self.lots} {self.right}, {self.strike}"


class OnIncomplete(StrEnum):
    """What happens to a position of which some orders were filled and others could not be: tell, or close it too."""

    FLAG = "flag"
    UNWIND = "unwind"


class Strategy(Model):
    """What to enter at a minute of certain weekdays, and when to leave."""

    index: Index
    entry_time: ClockTime
    exit_time: ClockTime
    days: tuple[Day, ...] = Field(default=(Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), min_length=1)
    expiry_type: ExpiryType = ExpiryType.WEEKLY
    product: Product = Product.INTRADAY
    on_incomplete: OnIncomplete = OnIncomplete.FLAG
    legs: tuple[Leg, ...] = Field(min_length=1, max_length=MAX_LEGS)

    @field_validator("exit_time")
    @classmethod
    def _leaves_after_entry(cls, value: time, info: ValidationInfo) -> time:
        entry: time | None = info.data.get("entry_time")
        if entry is not None and value <= entry:
            raise ValueError(f"must come after entry_time {entry:%H:%M}")
        return value

    @field_validator("days")
    @classmethod
    def _days_differ(cls, value: tuple[Day, ...]) -> tuple[Day, ...]:
        if len(set(value)) != len(value):
            raise ValueError("days must not repeat")
        return value

    @field_validator("legs")
    @classmethod
    def _legs_do_not_cancel_out(cls, value: tuple[Leg, ...]) -> tuple[Leg, ...]:
        sides: dict[tuple[Right, StrikeRule], Side] = {}
        for leg in value:
            if sides.setdefault((leg.right, leg.strike), leg.side) is not leg.side:
                raise ValueError(f"the {leg.right}, {leg.strike}, is both bought and sold")
        return value


class Pricing(Model):
    """What a month costs; a paid template has a fee, a free one has none."""

    type: PricingType
    monthly_fee: Rupees = Field(default=Decimal(0), validate_default=True)
    currency: Literal["INR"] = "INR"

    @field_validator("monthly_fee")
    @classmethod
    def _fee_fits(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        if "type" in info.data and (info.data["type"] is PricingType.PAID) != (value > 0):
            raise ValueError("a PAID template needs a monthly_fee above 0, a FREE one none")
        return value


class MarketplaceConfig(Model):
    """How a basket is offered; `subscriber_shards` is a wish that the basket keeps, none leaves it as it is."""

    visibility: Visibility = Visibility.PUBLIC
    partners: tuple[PartnerId, ...] = Field(default=(), max_length=200, validate_default=True)
    difficulty_level: Difficulty = Difficulty.INTERMEDIATE
    pricing: Pricing = Pricing(type=PricingType.FREE)
    tags: tuple[Category, ...] = Field(default=(), max_length=12)
    subscriber_shards: Shards | None = None

    @field_validator("partners")
    @classmethod
    def _partners_fit(cls, value: tuple[PartnerId, ...], info: ValidationInfo) -> tuple[PartnerId, ...]:
        if "visibility" in info.data and (info.data["visibility"] is Visibility.PRIVATE) != bool(value):
            raise ValueError("a PRIVATE template names its partners, a PUBLIC one has none")
        return tuple(dict.fromkeys(value))


class UpdatePolicy(StrEnum):
    """When a new version goes live: at once, or when it is approved under an exchange's id."""

    INSTANT = "instant"
    REGISTERED = "registered"


class BasketDraft(Model):
    """What an admin writes; `max_lots` is the most a subscriber may trade of any one leg."""

    name: BasketName
    description: Description = ""
    category: Category
    strategies: tuple[Strategy, ...] = Field(min_length=1, max_length=MAX_STRATEGIES)
    stop_loss: Percent | None = None
    target: Gain | None = None
    max_lots: MaxLots | None = None


class Approval(Model):
    """That a version may trade."""

    algo_ids: dict[str, str]
    effective_from: date
    approved_by: str
    approved_at: datetime


class BasketVersion(BasketDraft):
    """A state of a basket as it was written; nothing of it ever changes, an approval may be added once."""

    basket_id: str
    number: int = Field(ge=1)
    created_by: str
    created_at: datetime
    approval: Approval | None = None


class Upcoming(Model):
    """An approved version whose first day is still to come."""

    number: int
    effective_from: date
    algo_ids: dict[str, str]
    draft: BasketDraft


class Basket(BasketDraft):
    """A basket as stored: the live version of what was written, and how it is offered if it is.

    `live_version` numbers the state of the strategies, 0 while none was approved; `version` counts writes of the
    record. `leaving` are strategies that went out of life when an upcoming version came in.
    """

    basket_id: str
    template_owner_id: str
    policy: UpdatePolicy = UpdatePolicy.INSTANT
    live_version: int = Field(default=1, ge=0)
    latest_version: int = Field(default=1, ge=1)
    algo_ids: dict[str, str] = {}
    upcoming: Upcoming | None = None
    leaving: tuple[Strategy, ...] = ()
    marketplace: MarketplaceConfig | None = None
    subscriber_count: int = Field(default=0, ge=0)
    subscriber_shards: Shards = 1
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(default=1, ge=1)

    @property
    def draft(self) -> BasketDraft:
        """The live version as it was written."""
        return BasketDraft(**{name: getattr(self, name) for name in BasketDraft.model_fields})

    @property
    def first(self) -> BasketVersion:
        """Version 1 of a basket just made."""
        return self.state(self.draft, 1, self.created_by, self.created_at)

    def state(self, draft: BasketDraft, number: int, author: str, at: datetime) -> BasketVersion:
        """A draft as a version of this basket."""
        facts = {"basket_id": self.basket_id, "number": number, "created_by": author, "created_at": at}
        return BasketVersion.model_validate({**dict(draft), **facts})

    @staticmethod
    def draft_of(version: BasketVersion) -> BasketDraft:
        """What was written in a version."""
        return BasketDraft(**{name: getattr(version, name) for name in BasketDraft.model_fields})

    def as_of(self, day: date) -> Self:
        """The basket on a day: an upcoming version is live from its first day on."""
        if self.upcoming is None or day < self.upcoming.effective_from:
            return self
        live = self._live(self.upcoming.draft, self.upcoming.number, self.upcoming.algo_ids)
        return self.model_copy(update={**live, "upcoming": None, "leaving": self.strategies})

    def written(self, draft: BasketDraft, at: datetime) -> Self:
        """The basket after a new version was written; under policy `registered` the live one stays."""
        number = self.latest_version + 1
        live = self._live(draft, number, {}) if self.policy is UpdatePolicy.INSTANT else {}
        return self._next(at, **live, latest_version=number)

    def approved(self, wanted: BasketVersion, approval: Approval, at: datetime, today: date) -> Self:
        """The basket after a version was approved: live at once, or from its first day on."""
        if self.policy is not UpdatePolicy.REGISTERED:
            raise Conflict("The basket's versions go live without approval", code="invalid_state")
        if wanted.approval is not None:
            raise Conflict("The version was approved before", code="version_approved")
        if wanted.number <= max(self.live_version, self.upcoming.number if self.upcoming else 0):
            raise Conflict("A later version is live or approved already", code="version_superseded")
        draft = self.draft_of(wanted)
        if approval.effective_from <= today:
            return self._next(at, **self._live(draft, wanted.number, approval.algo_ids), upcoming=None)
        upcoming = Upcoming(
            number=wanted.number,
            effective_from=approval.effective_from,
            algo_ids=approval.algo_ids,
            draft=draft,
        )
        return self._next(at, upcoming=upcoming)

    @staticmethod
    def _live(draft: BasketDraft, number: int, algo_ids: Mapping[str, str]) -> dict[str, object]:
        return {**dict(draft), "live_version": number, "algo_ids": dict(algo_ids)}

    def offered(self, config: MarketplaceConfig, at: datetime) -> Self:
        """The basket as a template, or its offer changed; a withdrawn one comes back once nobody follows it."""
        if not self.live_version:
            raise Conflict("No version of the basket is approved", code="version_not_approved")
        if self.marketplace is None and self.subscriber_count:
            raise Conflict("Subscriptions of the withdrawn template are still being ended", code="still_closing")
        shards = grown(self.subscriber_shards, config.subscriber_shards)
        kept = config.model_copy(update={"subscriber_shards": None})
        return self._next(at, marketplace=kept, subscriber_shards=shards)

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
        return slots(self.strategies)

    def exits(self, day: Day, entered: time, numbers: Iterable[int]) -> dict[str, tuple[int, ...]]:
        """When strategies that entered at a minute of a day leave: `{"MON#15:20": (0, 2)}`."""
        found: dict[str, tuple[int, ...]] = {}
        for number in numbers:
            leaves = self.strategies[number].exit_time
            if leaves > entered:
                name = slot(day, leaves)
                found[name] = (*found.get(name, ()), number)
        return found

    def _next(self, at: datetime, **changes: object) -> Self:
        return self.model_copy(update={"leaving": (), **changes, "updated_at": at, "version": self.version + 1})


def slots(strategies: Iterable[Strategy]) -> dict[str, tuple[int, ...]]:
    """The minutes of weekdays at which strategies enter, with the numbers of those due then."""
    found: dict[str, tuple[int, ...]] = {}
    for number, strategy in enumerate(strategies):
        for day in strategy.days:
            name = slot(day, strategy.entry_time)
            found[name] = (*found.get(name, ()), number)
    return found


def slot(day: Day, minute: time) -> str:
    """The name of a minute of a weekday, the partition key of the schedule index."""
    return f"{day}#{minute:%H:%M}"
