"""Halts: set, shown, lifted."""

from collections.abc import Sequence

from quantleap.domain.clock import Clock
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.halts import Halt, NewHalt, scope_of
from quantleap.domain.ports import Halts


def put(halts: Halts, clock: Clock, admin: str, scope: str, wanted: NewHalt) -> Halt:
    """Stop trading in a scope, from the next order on that has not left."""
    now = clock()
    if wanted.until is not None and wanted.until <= now:
        raise InvalidRequest({"until": "Must lie in the future"})
    halt = Halt(**dict(wanted), scope=scope_of(scope), set_by=admin, set_at=now)
    halts.put(halt)
    return halt


def one(halts: Halts, scope: str) -> Halt:
    """The halt of a scope."""
    return halts.get(scope_of(scope))


def every(halts: Halts) -> Sequence[Halt]:
    """All halts, those that ended too."""
    return halts.list()


def lift(halts: Halts, scope: str) -> Halt:
    """Let trading go on."""
    return halts.lift(scope_of(scope))
