"""Baskets and templates in answers.

Strikes and sizes are the admin's own: whoever browses sees what is traded when, not how it is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quantleap.domain.basket import Basket, BasketVersion, MarketplaceConfig, Strategy

if TYPE_CHECKING:  # two functions show templates, and neither loads what only the other needs
    from quantleap.domain.halts import Halt
    from quantleap.domain.marketplace import Shelf
    from quantleap.services.baskets import Written
    from quantleap.services.marketplace import Withdrawn

type Body = dict[str, Any]


def basket(shown: Basket) -> Body:
    """A basket as administrators see it, whole, and each strategy's legs in words."""
    return {
        **shown.model_dump(exclude={"marketplace", "leaving"}),
        "template_id": shown.basket_id,
        "in_words": [[str(leg) for leg in strategy.legs] for strategy in shown.strategies],
        "marketplace_config": None
        if shown.marketplace is None
        else {
            **_config(shown, shown.marketplace),
            "partners": shown.marketplace.partners,
            "subscriber_shards": shown.subscriber_shards,
        },
    }


def version(shown: BasketVersion, of: Basket) -> Body:
    """A version of a basket, and whether it is live."""
    return {**shown.model_dump(), "status": _status(shown, of)}


def _status(shown: BasketVersion, of: Basket) -> str:
    if shown.number == of.live_version:
        return "live"
    if of.upcoming is not None and shown.number == of.upcoming.number:
        return "approved"
    return "superseded" if shown.number < of.live_version or shown.approval is not None else "pending"


def versions(of: Basket, shown: Sequence[BasketVersion]) -> Body:
    """Every version of a basket."""
    return {"basket_id": of.basket_id, "versions": [version(each, of) for each in shown], "count": len(shown)}


def written(done: Written, misfits: int | None) -> Body:
    """A basket after a change, with the version that came of it and how many followers it is too large for."""
    made = None if done.version is None else version(done.version, done.basket)
    return {**basket(done.basket), "written_version": made, "too_large_for": misfits}


def withdrawn(done: Withdrawn) -> Body:
    """A template off the marketplace; while some subscriptions are left the same request goes on with them."""
    return {
        "message": "Template was withdrawn",
        "template": basket(done.basket),
        "subscriptions_ended": done.ended,
        "subscriptions_left": done.left,
    }


def halt(shown: Halt, now: datetime) -> Body:
    """A halt, and whether it still stands."""
    return {**shown.model_dump(), "stands": shown.stands(now)}


def template(shown: Basket) -> Body:
    """A template as a partner or the public sees it in a list."""
    config = shown.marketplace or MarketplaceConfig()
    first = shown.strategies[0]
    return {
        "basket_id": shown.basket_id,
        "template_id": shown.basket_id,
        "template_owner_id": shown.template_owner_id,
        "name": shown.name,
        "description": shown.description,
        "category": shown.category,
        "index": first.index,
        "entry_time": f"{first.entry_time:%H:%M}",
        "difficulty_level": config.difficulty_level,
        "subscriber_count": shown.subscriber_count,
        "pricing": config.pricing.model_dump(),
        "marketplace_config": _config(shown, config),
        "performance": {
            "subscriber_count": shown.subscriber_count,
            "avg_monthly_return_pct": None,
            "max_drawdown_pct": None,
            "win_rate_pct": None,
        },
        "performance_metrics": {
            "win_rate": None,
            "avg_monthly_return": None,
            "max_drawdown": None,
            "sharpe_ratio": None,
        },
        "strategy_summary": _summary(first),
        "live_version": shown.live_version,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
    }


def detail(shown: Basket) -> Body:
    """A template by itself, with a line for each of its strategies."""
    lines = [
        {**_summary(strategy), "days": strategy.days, "product": strategy.product} for strategy in shown.strategies
    ]
    return {**template(shown), "strategies": lines, "stop_loss": shown.stop_loss, "target": shown.target}


def shelf(page: Shelf) -> Body:
    """A page of templates."""
    return {
        "templates": [template(each) for each in page.templates],
        "pagination": {"total": page.total, "page": page.page, "per_page": page.per_page},
        "next_token": page.next_token,
        "previous_token": page.previous_token,
    }


def _config(shown: Basket, config: MarketplaceConfig) -> Body:
    return {
        "is_template": True,
        "category": shown.category,
        **config.model_dump(exclude={"partners", "subscriber_shards"}),
    }


def _summary(strategy: Strategy) -> Body:
    return {
        "index": strategy.index,
        "entry_time": f"{strategy.entry_time:%H:%M}",
        "exit_time": f"{strategy.exit_time:%H:%M}",
        "num_legs": len(strategy.legs),
        "expiry_type": strategy.expiry_type,
    }
