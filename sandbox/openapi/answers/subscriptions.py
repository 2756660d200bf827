"""Subscriptions, and whether they could trade."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from quantleap.domain.basket import Pricing
from quantleap.domain.contracts import Right
from quantleap.domain.model import Model
from quantleap.domain.subscription import Status
from quantleap.domain.trading import Side
from sandbox.openapi.answers.common import Answer, Reason, Token
from sandbox.openapi.answers.templates import StrategyLine


class ShownPricing(Pricing):
    """What a month costs, and from when."""

    billing_start_date: date
    next_billing_date: date


class ShownAllocation(Model):
    """Which account trades how much."""

    allocation_id: str
    broker_id: str
    client_id: str
    lot_multiplier: Decimal
    priority: int
    max_lots_per_order: int | None
    status: Status


class ShownAttribution(Model):
    """Who brought the subscription and what it earns a month."""

    partner_id: str
    partner_api_key_id: str | None
    commission_rate: Decimal
    monthly_commission: Decimal
    platform_fee: Decimal
    billing_start_date: date


class LegLots(Model):
    """The whole lots that a leg comes to."""

    strategy: int
    leg: int
    side: Side
    right: Right
    lots: int


class Subscription(Model):
    """A user's subscription to a template."""

    subscription_id: str
    user_id: str
    user_email: str
    user_name: str | None
    template_id: str
    template_basket_id: str
    template_owner_id: str
    status: Status
    pricing: ShownPricing
    broker_allocation: ShownAllocation
    allocations: tuple[ShownAllocation, ...]
    partner_attribution: ShownAttribution
    subscription_date: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime
    next_billing_date: AwareDatetime
    version: int


class SubscriptionWithLots(Subscription):
    """A subscription, and the lots of each leg."""

    lots: tuple[LegLots, ...]


class MonthlyShare(Model):
    """How the month's fee is shared."""

    partner_commission: Decimal
    platform_fee: Decimal
    currency: Literal["INR"]


class Subscribed(Answer):
    """A new subscription, its main fields once more at the top."""

    message: str
    subscription: SubscriptionWithLots
    subscription_id: str
    user_id: str
    template_id: str
    template_basket_id: str
    status: Status
    broker_allocation: ShownAllocation
    next_billing_date: AwareDatetime
    revenue_share: MonthlyShare


class TemplateStrategy(StrategyLine):
    """A strategy that the next run goes by."""


class FromTemplate(Model):
    """What the next run takes from the template; the user cannot change it."""

    template_id: str
    name: str
    version: int
    on_marketplace: bool
    stop_loss: Decimal | None
    target: Decimal | None
    max_lots: int | None
    strategies: tuple[TemplateStrategy, ...]


class FromUser(Model):
    """What the next run takes from the user, for one account."""

    allocation_id: str
    client_id: str
    broker_id: str
    lot_multiplier: Decimal
    priority: int
    max_lots_per_order: int | None
    lots: tuple[LegLots, ...]


class Effective(Model):
    """What the next run will go by."""

    from_template: FromTemplate | None
    from_user: tuple[FromUser, ...]


class EffectiveSubscription(Subscription):
    """A subscription, and what it comes to."""

    effective_configuration: Effective


class OneSubscription(Answer):
    """A subscription."""

    subscription: EffectiveSubscription


class ChangedSubscription(OneSubscription):
    """A subscription after its lots or accounts were changed."""

    message: str
    subscription_id: str
    status: Status


class MovedSubscription(Answer):
    """A subscription after it was paused, resumed or cancelled."""

    message: str
    subscription: Subscription
    subscription_id: str
    status: Status


class Subscriptions(Answer):
    """A page of subscriptions."""

    subscriptions: tuple[Subscription, ...]
    count: int
    next_token: Token


class AccountOutlook(Model):
    """Whether one account could trade."""

    client_id: str
    broker_id: str
    ready: bool
    not_ready_because: Reason


class Outlook(Model):
    """Whether a subscription could trade."""

    subscription_id: str
    user_id: str
    user_email: str
    template_id: str
    ready: bool
    not_ready_because: Reason
    accounts: tuple[AccountOutlook, ...]


class Rehearsed(Model):
    """What the rehearsal of a run found, of all of the partner's subscriptions in it."""

    run_id: str
    boundary: AwareDatetime
    template_id: str
    template_version: int
    rehearsed_at: AwareDatetime
    count: int
    ready: int
    not_ready: int
    reasons: dict[str, int]


class Readiness(Answer):
    """Active subscriptions as they would fare at a moment; the counts are of the page, those of rehearsals of all."""

    at: AwareDatetime
    count: int
    ready: int
    not_ready: int
    reasons: dict[str, int]
    subscriptions: tuple[Outlook, ...]
    rehearsals: tuple[Rehearsed, ...]
    next_token: Token
