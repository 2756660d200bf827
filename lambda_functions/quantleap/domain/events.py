"""What others need to hear: facts that happened, each told once, in the words a partner subscribes to.

An event is stored together with what it tells of, so that neither is there without the other; whoever delivers
events reads them from the table. Its id is worked out from its subject, so the same fact told twice is one event.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any

from quantleap.domain.model import Model

EVENT_ID_PREFIX = "evt_"
ID_LENGTH = 24


class EventType(StrEnum):
    """What can happen."""

    EXECUTION_REHEARSED = "execution.rehearsed"
    EXECUTION_COMPLETED = "execution.completed"
    EXECUTION_FAILED = "execution.failed"
    ORDER_REFUSED = "order.refused"
    POSITION_INCOMPLETE = "position.incomplete"
    LOGIN_REQUIRED = "broker_account.login_required"


class Happening(Model):
    """One fact about a tenant; `data` is plain JSON, names the user where it concerns one, and holds no secret."""

    event_id: str
    type: EventType
    tenant: str
    occurred_at: datetime
    data: dict[str, Any]


def event_id(kind: EventType, subject: str) -> str:
    """`evt_` and a hash of what happened to what."""
    return f"{EVENT_ID_PREFIX}{hashlib.sha256(f'{kind}/{subject}'.encode()).hexdigest()[:ID_LENGTH]}"
