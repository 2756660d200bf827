"""Keys and indexes of the one table, as data without CDK, so that a test can make the same table."""

from typing import Literal, NamedTuple


class Key(NamedTuple):
    """One attribute of a key: `S` for text, `N` for numbers."""

    name: str
    type: Literal["S", "N"] = "S"


class Index(NamedTuple):
    """A global secondary index; without a list of attributes it carries whole items."""

    name: str
    partition: Key
    sort: Key
    projected: tuple[str, ...] = ()


PARTITION = Key("user_id")
SORT = Key("sort_key")
EXPIRES = "expires_at"

INDEXES = (
    Index("AllocationsByBasket", Key("basket_id"), Key("user_id")),
    Index("ScheduleDiscovery", Key("schedule_slot"), Key("basket_id")),
    Index("MarketplaceDiscovery", Key("marketplace_category"), Key("subscriber_count", "N")),
    Index("UserSubscriptions", Key("user_id"), Key("subscription_status_date")),
    # Read for every subscriber two minutes before a boundary: small items, and nothing left to look up.
    Index(
        "TemplateSubscribers",
        Key("template_basket_id"),
        Key("subscription_status_date"),
        ("subscription_id", "partner_id", "tenant", "allocations", "status", "entity_type", "version"),
    ),
    Index("PartnerSubscriptions", Key("tenant"), Key("subscription_status_date")),
    # Names tickets alone: it is written with a ticket, and not again when the ticket changes.
    Index("UserExecutions", Key("executed_for"), Key("executed_run"), ("entity_type",)),
)
