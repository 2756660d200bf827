"""Baskets and templates in answers.

Strikes and sizes are the admin's own: whoever browses sees what is traded when, not how it is built.
"""

from typing import Any

from quantleap.domain.basket import Basket, MarketplaceConfig, Strategy
from quantleap.domain.marketplace import Shelf

type Body = dict[str, Any]


def basket(shown: Basket) -> Body:
    """A basket as administrators see it, whole."""
    return {
        **shown.model_dump(exclude={"marketplace"}),
        "template_id": shown.basket_id,
        "marketplace_config": None
        if shown.marketplace is None
        else {**_config(shown, shown.marketplace), "partners": shown.marketplace.partners},
    }


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
    }


def _config(shown: Basket, config: MarketplaceConfig) -> Body:
    return {
        "is_template": True,
        "category": shown.category,
        **config.model_dump(exclude={"partners"}),
    }


def _summary(strategy: Strategy) -> Body:
    return {
        "index": strategy.index,
        "entry_time": f"{strategy.entry_time:%H:%M}",
        "exit_time": f"{strategy.exit_time:%H:%M}",
        "num_legs": len(strategy.legs),
        "expiry_type": strategy.expiry_type,
    }
