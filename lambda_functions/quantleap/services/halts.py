"""Halts: set, shown, lifted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from quantleap.domain.clock import Clock
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.execution import Due, Kind
from quantleap.domain.halts import Halt, NewHalt, scope_of
from quantleap.domain.ports import DayRuns, Halts, Starter, Users
from quantleap.domain.runs import asked, exit_of, sandbox_boundary


class Halting(NamedTuple):
    """What setting a halt needs; `lead` is how far ahead a run has to lie that closes what is open."""

    halts: Halts
    runs: DayRuns
    users: Users
    starter: Starter
    clock: Clock
    lead: timedelta


def put(halting: Halting, admin: str, scope: str, wanted: NewHalt) -> Halt:
    """Stop trading in a scope, from the next order on that has not left, and square off where that is asked for.

    The halt is stored first. Asked again, whatever is still open then is squared off again: an exit closes only
    what no other exit has.
    """
    now = halting.clock()
    if wanted.until is not None and wanted.until <= now:
        raise InvalidRequest({"until": "Must lie in the future"})
    halt = Halt(**dict(wanted), scope=scope_of(scope), set_by=admin, set_at=now)
    halting.halts.put(halt)
    if halt.square_off:
        _square_off(halting, halt, now)
    return halt


def _square_off(halting: Halting, halt: Halt, now: datetime) -> None:
    """Start an exit of every entry of the day, of the part the halt covers."""
    boundary = sandbox_boundary(None, now, halting.lead)
    kind, _, name = halt.scope.partition(":")
    tenant = _tenant_of(halting, name) if kind == "user" else None
    only = halt.scope if kind in {"user", "partner", "broker"} else None
    for entered in halting.runs.of_day(now):
        if _entered_in(entered, boundary, name if kind == "template" else None):
            due = exit_of(entered, boundary, entered.strategies, scope=tenant, only=only)
            halting.starter.start(due, asked(due))


def _entered_in(run: Due, before: datetime, template_id: str | None) -> bool:
    return run.kind is Kind.ENTRY and run.boundary < before and template_id in {None, run.template_id}


def _tenant_of(halting: Halting, user_id: str) -> str | None:
    user = halting.users.many([user_id]).get(user_id)
    return None if user is None else user.tenant


def one(halts: Halts, scope: str) -> Halt:
    """The halt of a scope."""
    return halts.get(scope_of(scope))


def every(halts: Halts) -> Sequence[Halt]:
    """All halts, those that ended too."""
    return halts.list()


def lift(halts: Halts, scope: str) -> Halt:
    """Let trading go on."""
    return halts.lift(scope_of(scope))
