"""Halts, the calendar, and the dated facts."""

from datetime import date

from pydantic import AwareDatetime, Field

from quantleap.domain.execution import Kind
from quantleap.domain.market_data import (
    BrokerLimit,
    DataKind,
    ExpiryRule,
    FreezeQuantity,
    LotSize,
    SessionCoverage,
    SessionDay,
    SessionHours,
    SquareOffHour,
    StrikeStep,
    Tick,
)
from quantleap.domain.model import Model
from sandbox.openapi.answers.common import Answer


class Halt(Model):
    """Where trading stops."""

    scope: str
    reason: str
    until: AwareDatetime | None
    set_by: str
    set_at: AwareDatetime
    square_off: bool
    stands: bool = Field(description="Whether it holds now.")


class OneHalt(Halt, Answer):
    """A halt."""


class Halts(Answer):
    """All halts, by scope."""

    halts: tuple[Halt, ...]
    count: int


class LiftedHalt(Answer):
    """A halt that is gone."""

    message: str
    scope: str


class FireTime(Model):
    """A moment at which strategies of a template enter or leave."""

    at: AwareDatetime
    at_ist: str
    kind: Kind
    template_id: str
    template_name: str
    template_version: int
    strategies: tuple[int, ...]


class Calendar(Answer):
    """The next fire times, soonest first, and the last day whose sessions are known."""

    fire_times: tuple[FireTime, ...]
    count: int
    sessions_end_on: date | None = Field(description="Null where trading is always open, as in the sandbox.")
    warning: str | None


AnyRow = (
    SessionDay
    | SessionCoverage
    | SessionHours
    | ExpiryRule
    | LotSize
    | FreezeQuantity
    | Tick
    | StrikeStep
    | SquareOffHour
    | BrokerLimit
)


class MarketDataKind(Model):
    """A kind of dated facts; version 0 of what nobody has written yet."""

    kind: DataKind
    version: int
    changed_by: str | None
    changed_at: AwareDatetime | None
    rows: int = Field(description="How many were written over those of the release.")


class MarketDataKinds(Answer):
    """Every kind of dated facts, and the last day whose session is confirmed."""

    kinds: tuple[MarketDataKind, ...]
    sessions_end_on: date | None = Field(description="Null where trading is always open, as in the sandbox.")
    warning: str | None


class MarketDataVersion(Model):
    """The dated facts of a kind as somebody wrote them."""

    kind: DataKind
    version: int
    changed_by: str | None
    changed_at: AwareDatetime | None
    rows: tuple[AnyRow, ...]


class MarketData(MarketDataVersion, Answer):
    """The dated facts of a kind: what was written, and what of the release lies under it."""

    shipped: tuple[AnyRow, ...]


class MarketDataVersions(Answer):
    """Everything that was ever written of a kind, newest first."""

    kind: DataKind
    versions: tuple[MarketDataVersion, ...]
    count: int
