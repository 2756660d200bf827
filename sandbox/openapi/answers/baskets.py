"""Baskets, their versions and their offers, as administrators see them."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from quantleap.domain.basket import BasketDraft, BasketVersion, Upcoming, UpdatePolicy
from sandbox.openapi.answers.common import Answer
from sandbox.openapi.answers.templates import Offer

Warnings = Annotated[
    tuple[str, ...], Field(description="Strategies that leave after a broker has closed intraday positions itself.")
]


class AdminOffer(Offer):
    """How a template is offered, and to which partners where it is private."""

    partners: tuple[str, ...]
    subscriber_shards: int


class Basket(BasketDraft):
    """A basket as administrators see it, whole."""

    basket_id: str
    template_id: str
    template_owner_id: str
    policy: UpdatePolicy
    live_version: int
    latest_version: int
    algo_ids: dict[str, str]
    upcoming: Upcoming | None
    in_words: tuple[tuple[str, ...], ...] = Field(description="Each strategy's legs as a person reads them.")
    marketplace_config: AdminOffer | None
    subscriber_count: int
    subscriber_shards: int = Field(description="Over how many parts of the index subscriptions are spread.")
    created_by: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    version: int


class OneBasket(Basket, Answer):
    """A basket."""


class MadeBasket(OneBasket):
    """A basket just made."""

    warnings: Warnings


class Baskets(Answer):
    """All baskets, newest first."""

    baskets: tuple[Basket, ...]
    count: int


class Version(BasketVersion):
    """A version of a basket."""

    status: Literal["live", "approved", "superseded", "pending"]


class WrittenBasket(Basket, Answer):
    """A basket after a change, and the version that came of it; null where nothing differed.

    `too_large_for` is how many followers may not trade that version; null where too many follow to be counted at once.
    """

    written_version: Version | None
    too_large_for: int | None
    warnings: Warnings


class DeletedBasket(Answer):
    """A basket that is gone."""

    message: str
    basket_id: str


class Versions(Answer):
    """Every version of a basket, newest first."""

    basket_id: str
    versions: tuple[Version, ...]
    count: int


class ApprovedVersion(Answer):
    """A version that may trade, and its basket."""

    version: Version
    basket: Basket


class Templates(Answer):
    """Every template, whoever may see it."""

    templates: tuple[Basket, ...]
    count: int


class ChangedOffer(Answer):
    """A template with its offer."""

    message: str
    template: Basket
    warnings: Warnings


class Withdrawn(Answer):
    """A template off the marketplace; while subscriptions are left, send the same request again."""

    message: str
    template: Basket
    subscriptions_ended: int
    subscriptions_left: int
