"""Subscriptions in answers: the canonical object, and the flat fields of the integration flow beside it."""

from datetime import datetime
from typing import Any

from quantleap.domain.basket import Basket
from quantleap.domain.clock import IST
from quantleap.domain.ports import Page
from quantleap.domain.subscription import Allocation, Status, Subscription
from quantleap.services.subscriptions import Shown

type Body = dict[str, Any]


def subscription(shown: Subscription) -> Body:
    """The canonical object."""
    main = shown.allocations[0]
    return {
        "subscription_id": shown.subscription_id,
        "user_id": shown.user_id,
        "user_email": shown.user_email,
        "user_name": shown.user_name,
        "template_id": shown.template_id,
        "template_basket_id": shown.template_id,
        "template_owner_id": shown.template_owner_id,
        "status": shown.status,
        "pricing": {
            **shown.pricing.model_dump(),
            "billing_start_date": _day(shown.attribution.billing_start_date),
            "next_billing_date": _day(shown.next_billing_date),
        },
        "broker_allocation": _allocation(main, shown),
        "allocations": [_allocation(each, shown) for each in shown.allocations],
        "partner_attribution": {
            **shown.attribution.model_dump(exclude={"billing_start_date"}),
            "billing_start_date": _day(shown.attribution.billing_start_date),
        },
        "subscription_date": shown.subscription_date,
        "created_at": shown.subscription_date,
        "updated_at": shown.changed_at,
        "next_billing_date": shown.next_billing_date,
        "version": shown.version,
    }


def begun(shown: Subscription, basket: Basket) -> Body:
    """A new subscription, in the words of both documents, with the lots each leg comes to."""
    whole = subscription(shown)
    lots = _lots(shown.allocations[0], basket)
    return {
        "message": "Subscription created successfully",
        "subscription": {**whole, "lots": lots},
        "subscription_id": shown.subscription_id,
        "user_id": shown.user_id,
        "template_id": shown.template_id,
        "template_basket_id": shown.template_id,
        "status": shown.status,
        "broker_allocation": whole["broker_allocation"],
        "next_billing_date": shown.next_billing_date,
        "revenue_share": {
            "partner_commission": shown.attribution.monthly_commission,
            "platform_fee": shown.attribution.platform_fee,
            "currency": shown.pricing.currency,
        },
    }


def detail(shown: Shown) -> Body:
    """A subscription with what it comes to."""
    return {"subscription": {**subscription(shown.subscription), "effective_configuration": _effective(shown)}}


def rearranged(shown: Shown) -> Body:
    """A subscription after its accounts or lots were changed."""
    return {
        "message": "Subscription changed",
        **detail(shown),
        "subscription_id": shown.subscription.subscription_id,
        "status": shown.subscription.status,
    }


def _effective(shown: Shown) -> Body:
    """What the next run will go by: the template's part, which the user cannot change, and the user's own."""
    return {
        "from_template": None if shown.basket is None else _from_template(shown.basket),
        "from_user": [
            {
                **each.model_dump(include={"allocation_id", "client_id", "broker_id", "lot_multiplier", "priority"}),
                "max_lots_per_order": each.max_lots_per_order,
                "lots": [] if shown.basket is None else _lots(each, shown.basket),
            }
            for each in shown.subscription.allocations
        ],
    }


def _from_template(basket: Basket) -> Body:
    """What is traded when; how it is built stays with the admin."""
    return {
        "template_id": basket.basket_id,
        "name": basket.name,
        "version": basket.live_version,
        "on_marketplace": basket.marketplace is not None,
        "stop_loss": basket.stop_loss,
        "target": basket.target,
        "max_lots": basket.max_lots,
        "strategies": [
            {
                "index": strategy.index,
                "entry_time": f"{strategy.entry_time:%H:%M}",
                "exit_time": f"{strategy.exit_time:%H:%M}",
                "days": strategy.days,
                "expiry_type": strategy.expiry_type,
                "product": strategy.product,
                "num_legs": len(strategy.legs),
            }
            for strategy in basket.strategies
        ],
    }


def changed(shown: Subscription, message: str) -> Body:
    """A subscription after a move of its life."""
    return {
        "message": message,
        "subscription": subscription(shown),
        "subscription_id": shown.subscription_id,
        "status": shown.status,
    }


def page(found: Page[Subscription]) -> Body:
    """Some of a tenant's subscriptions."""
    shown = [subscription(each) for each in found.items]
    return {"subscriptions": shown, "count": len(shown), "next_token": found.next_token}


def _allocation(shown: Allocation, of: Subscription) -> Body:
    return {
        **shown.model_dump(),
        "status": Status.CANCELLED if of.status is Status.CANCELLED else Status.ACTIVE,
    }


def _lots(allocation: Allocation, basket: Basket) -> list[Body]:
    return [
        {
            "strategy": number,
            "leg": position,
            "side": leg.side,
            "right": leg.right,
            "lots": allocation.lots(leg.lots),
        }
        for number, strategy in enumerate(basket.strategies)
        for position, leg in enumerate(strategy.legs)
    ]


def _day(instant: datetime) -> str:
    """The day of India's calendar, which is what a bill goes by."""
    return f"{instant.astimezone(IST):%Y-%m-%d}"
