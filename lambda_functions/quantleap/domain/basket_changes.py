"""What administrators send to make, change, offer and approve a basket."""

from datetime import date
from typing import Literal

from pydantic import Field

from quantleap.domain.basket import (
    MAX_STRATEGIES,
    AlgoId,
    BasketDraft,
    BasketName,
    Category,
    Description,
    Difficulty,
    Gain,
    MaxLots,
    Percent,
    PricingType,
    Strategy,
    UpdatePolicy,
    Visibility,
)
from quantleap.domain.broker_id import BrokerId
from quantleap.domain.model import Sent
from quantleap.domain.money import Rupees
from quantleap.domain.partner import PartnerId
from quantleap.domain.sharding import Shards


class PricingChange(Sent):
    """What may be changed of a price; what is left out stays."""

    type: PricingType | None = None
    monthly_fee: Rupees | None = None
    currency: Literal["INR"] | None = None


class OfferChange(Sent):
    """What an admin may change of an offer; what is left out stays."""

    visibility: Visibility | None = None
    partners: tuple[PartnerId, ...] | None = Field(default=None, max_length=200)
    difficulty_level: Difficulty | None = None
    pricing: PricingChange | None = None
    tags: tuple[Category, ...] | None = Field(default=None, max_length=12)
    subscriber_shards: Shards | None = None


class NewBasket(BasketDraft, defer_build=True):
    """A first draft; without a policy the stage's own holds."""

    policy: UpdatePolicy | None = None


class BasketChange(Sent):
    """What an admin may change of a basket; what is left out stays, `null` takes an optional field away."""

    name: BasketName | None = None
    description: Description | None = None
    category: Category | None = None
    strategies: tuple[Strategy, ...] | None = Field(default=None, min_length=1, max_length=MAX_STRATEGIES)
    stop_loss: Percent | None = None
    target: Gain | None = None
    max_lots: MaxLots | None = None


class NewApproval(Sent):
    """The exchange's id of a version at each broker, and the first day it trades (India's calendar; today)."""

    algo_ids: dict[BrokerId, AlgoId] = Field(min_length=1, max_length=50)
    effective_from: date | None = None
