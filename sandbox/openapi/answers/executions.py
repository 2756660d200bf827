"""Runs and their orders."""

from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime, Field

from quantleap.domain.contracts import Index, Right
from quantleap.domain.execution import Kind, State
from quantleap.domain.model import Model
from quantleap.domain.runs import RunStatus
from quantleap.domain.trading import Side
from sandbox.openapi.answers.common import Answer, Token


class RunLine(Model):
    """A run: one template at one moment."""

    run_id: str
    kind: Kind
    boundary: AwareDatetime
    template_id: str
    template_version: int
    closes: str | None = Field(description="The entry run that an exit closes.")
    sandbox: bool


class Fired(RunLine, Answer):
    """A sandbox run on its way."""

    message: str
    status_url: str


class Runs(Answer):
    """A page of runs, newest first."""

    executions: tuple[RunLine, ...]
    count: int
    next_token: Token


class ShownContract(Model):
    """An option."""

    index: Index
    expiry: date
    strike: Decimal
    right: Right


class ShownOrder(Model):
    """One order, and what became of it; times are milliseconds after the run's boundary."""

    strategy: int
    leg: int
    side: Side
    symbol: str
    contract: ShownContract
    quantity: int
    limit_price: Decimal
    tag: str
    order_id: str | None
    state: State
    reason: str | None
    sent_after_ms: Decimal | None
    acknowledged_after_ms: Decimal | None
    filled_quantity: int
    average_price: Decimal | None


class OwnPart(Model):
    """One subscription's part in a run at one account."""

    subscription_id: str
    client_id: str
    broker_id: str
    settled: bool
    skipped: str | None = Field(description="Why nothing was traded; null where something was.")
    orders: tuple[ShownOrder, ...]


class OwnRun(RunLine):
    """A run with every order of one's own."""

    status: RunStatus
    subscriptions: tuple[OwnPart, ...]


class OwnRuns(Answer):
    """A page of one's own runs, newest first."""

    executions: tuple[OwnRun, ...]
    count: int
    next_token: Token


class Part(OwnPart):
    """One subscription's part in a run at one account, and whose it is."""

    user_id: str
    user_email: str | None


class Times(Model):
    """How long it took, in milliseconds after the boundary."""

    p50: Decimal
    p95: Decimal
    p99: Decimal
    max: Decimal


class ShownReport(Model):
    """A run in figures; of what is refused or skipped, how often for which reason."""

    seats: int
    missing_shards: int
    planned: int
    sent: int
    acknowledged: int
    filled: int
    counts: dict[str, int]
    skipped: dict[str, int]
    refused: dict[str, int]
    resolved: int
    incomplete: int
    boundary_error_ms: Decimal | None
    dispatch_ms: Times | None
    acknowledge_ms: Times | None


class OneRun(RunLine, Answer):
    """A run with every order of the caller's users."""

    status: RunStatus
    report: ShownReport | None
    subscriptions: tuple[Part, ...]
