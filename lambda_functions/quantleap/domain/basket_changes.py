"""What administrators send to make, change, offer and approve a basket."""

from datetime import date

from pydantic import Field

from quantleap.domain.basket import (
    MAX_STRATEGIES,
    AlgoId,
    BasketDraft,
    Category,
    Difficulty,
    Gain,
    MaxLots,
    Percent,
    Pricing,
    Strategy,
    UpdatePolicy,
    Visibility,
)
from quantleap.domain.model import Sent
from quantleap.domain.partner import PartnerId
from quantleap.domain.sharding import Shards


class OfferChange(Sent):
    """What an admin may change of an offer; what is left out stays."""

    visibility: Visibility | None = None
    partners: tuple[PartnerId, ...] | None = Field(default=None, max_length=200)
    difficulty_level: Difficulty | None = None
    pricing: Pricing | None = None
    tags: tuple[Category, ...] | None = Field(default=None, max_length=12)
    subscriber_shards: Shards | None = None


class NewBasket(BasketDraft, defer_build=True):
    """A first draft; without a policy the stage's own holds."""

    policy: UpdatePolicy | None = None


class BasketChange(Sent):
    """What an admin may change of a basket; what is left out stays, `null` takes an optional field away."""

    name: str | None = Field(default=None, min_length=3, max_length=80)
    description: str | None = Field(default=None, max_length=1000)
    category: Category | None = None
    strategies: tuple[Strategy, ...] | None = Field(default=None, min_length=1, max_length=MAX_STRATEGIES)
    stop_loss: Percent | None = None
    target: Gain | None = None
    max_lots: MaxLots | None = None


class NewApproval(Sent):
    """The exchange's id of a version at each broker, and the first day it trades (India's calendar; today)."""

    algo_ids: dict[PartnerId, AlgoId] = Field(min_length=1, max_length=50)
    effective_from: date | None = None
