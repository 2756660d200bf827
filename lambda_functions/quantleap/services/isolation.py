"""What faults for one account ends that account's part of a run, and nobody else's.

Its ticket says `internal_fault`, and the log whose it was and where; not what was said, for that may hold a token.
"""

import logging
from collections.abc import Callable
from pathlib import PurePath
from traceback import extract_tb
from typing import TypeGuard

from quantleap.domain.errors import Conflict
from quantleap.domain.execution import Ticket
from quantleap.services.gate import Shut

FAULTED = "an account's part of a run ended in a fault"
"""What the log says of each; an alarm listens for it."""

log = logging.getLogger(__name__)


class Spared:
    """Around what is done for one account: after a fault in it `then` is done, and the others go on."""

    def __init__(self, ticket: Ticket, then: Callable[[], object] | None = None) -> None:
        self._ticket = ticket
        self._then = then
        self.faulted = False

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> bool:
        """Keep a fault that is the account's own."""
        if not _own(fault):
            return False
        self.faulted = True
        note(self._ticket, fault)
        if self._then is not None:
            self._then()
        return True


def note(ticket: Ticket, fault: Exception) -> None:
    """Write into the log that something faulted, for nobody else hears of it."""
    frame = extract_tb(fault.__traceback__)[-1]
    where = f"{PurePath(frame.filename).name}:{frame.lineno}"
    log.error("%s: %s %s: %s at %s", FAULTED, ticket.run_id, ticket.name, type(fault).__name__, where)


def _own(fault: BaseException | None) -> TypeGuard[Exception]:
    """Whether it is the account's: a lease that is gone, or a successor that serves the tickets, is everybody's."""
    return isinstance(fault, Exception) and not isinstance(fault, Shut | Conflict)
