"""Templates as the marketplace shows them."""

from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from quantleap.domain.basket import Day, Difficulty, Pricing, Visibility
from quantleap.domain.contracts import ExpiryType, Index
from quantleap.domain.model import Model
from quantleap.domain.trading import Product
from sandbox.openapi.answers.common import Answer, Minute, Token


class ShownPrice(Pricing):
    """What a month costs."""


class Metrics(Model):
    """Recorded results; null while there are none that may be shown."""

    win_rate: Decimal | None
    avg_monthly_return: Decimal | None
    max_drawdown: Decimal | None
    sharpe_ratio: Decimal | None


class Performance(Model):
    """The same in percent, with the number of subscribers."""

    subscriber_count: int
    avg_monthly_return_pct: Decimal | None
    max_drawdown_pct: Decimal | None
    win_rate_pct: Decimal | None


class Offer(Model):
    """How a template is offered."""

    is_template: Literal[True]
    category: str
    visibility: Visibility
    difficulty_level: Difficulty
    pricing: ShownPrice
    tags: tuple[str, ...]


class Summary(Model):
    """What a strategy trades when; strikes and sizes stay with the administrator."""

    index: Index
    entry_time: Minute
    exit_time: Minute
    num_legs: int
    expiry_type: ExpiryType


class StrategyLine(Summary):
    """A strategy of a template."""

    days: tuple[Day, ...]
    product: Product


class Template(Model):
    """A template as it stands in the marketplace."""

    basket_id: str
    template_id: str
    template_owner_id: str
    name: str
    description: str
    category: str
    index: Index
    entry_time: Minute
    difficulty_level: Difficulty
    subscriber_count: int
    pricing: ShownPrice
    marketplace_config: Offer
    performance: Performance
    performance_metrics: Metrics
    strategy_summary: Summary
    live_version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Pagination(Model):
    """Where a page lies."""

    total: int
    page: int
    per_page: int


class Shelf(Answer):
    """A page of templates, most popular first."""

    templates: tuple[Template, ...]
    pagination: Pagination
    next_token: Token
    previous_token: Token


class TemplateDetail(Template, Answer):
    """One template, with a line for each strategy."""

    strategies: tuple[StrategyLine, ...]
    stop_loss: Decimal | None
    target: Decimal | None
