"""A request that is sent twice under one `Idempotency-Key` is carried out once.

Only answers that did something are kept, for 24 hours. A refusal changed nothing, so the key is free again and the
same request may be tried anew. A worker that dies leaves its attempt running; after `LEASE` the same request may be
carried out again. It draws the same ids then, so it finds what it made before it died; for the rest the rules of what
is asked decide, as they would for any second request.
"""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from quantleap.domain.errors import Conflict, Reused
from quantleap.domain.model import Model

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""Longer than the gateway waits for any function, so nobody is at work on an attempt that is older."""


class Attempt(NamedTuple):
    """One try to carry a request out: `name` stands for caller and key, `fingerprint` for what is asked."""

    name: str
    fingerprint: str
    token: str
    at: datetime


class Record(Model):
    """What is known of a key: its request, and the answer once there is one.

    `token` is the attempt's that holds it, `seed` the first attempt's: what ids are drawn from.
    """

    fingerprint: str
    token: str
    seed: str
    running_until: datetime
    status: int | None = None
    body: str | None = None

    @property
    def answered(self) -> bool:
        """Whether the request was carried out."""
        return self.status is not None

    def held_by(self, attempt: Attempt) -> bool:
        """Whether it is that attempt's to carry out."""
        return self.token == attempt.token

    def abandoned(self, attempt: Attempt) -> bool:
        """Whether it is the same request, begun by a worker that cannot be at work any more."""
        return not self.answered and self.running_until <= attempt.at and self.fingerprint == attempt.fingerprint

    def require_same(self, attempt: Attempt) -> None:
        """Refuse another request under the same key, and the same one while it is being carried out."""
        if self.fingerprint != attempt.fingerprint:
            raise Reused("This Idempotency-Key was used for another request; take a new one")
        if not self.answered:
            text = "The first request with this Idempotency-Key is still being carried out"
            raise Conflict(text, code="idempotency_in_progress")


def digest(*parts: str) -> str:
    """One name for several texts, from which none of them can be read."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
    return whole.hexdigest()
