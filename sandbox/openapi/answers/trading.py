"""Halts and the calendar."""

from datetime import date

from pydantic import AwareDatetime, Field

from quantleap.domain.execution import Kind
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
