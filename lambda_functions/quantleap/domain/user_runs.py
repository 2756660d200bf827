"""Runs as somebody who signed in sees them: their own orders, and of the run itself no more than when and what."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from quantleap.domain.execution import Due, Ticket
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Page


class OwnRun(NamedTuple):
    """A run and one user's tickets in it, one for each account."""

    due: Due
    tickets: Sequence[Ticket]

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to any of them."""
        return all(ticket.settled for ticket in self.tickets)


class UserRuns(Protocol):
    """Runs by the user they traded for."""

    def of_user(self, tenant: Tenant, user_id: str, limit: int, token: str | None) -> Page[OwnRun]:
        """A user's runs, newest boundary first; the token is the last run's id."""
