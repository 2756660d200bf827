"""A broker's id: one list, which linking, partners' keys and approvals are read against."""

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from quantleap.domain.model import OUTSIDE

BROKER_IDS = ("angel_one", "icici_direct", "mstock", "simulated", "upstox", "zebu", "zerodha")


def unknown_broker() -> str:
    """What to write in place of an id that no broker has."""
    return f"Unknown broker; use one of {', '.join(BROKER_IDS)}"


def _known(value: str, info: ValidationInfo) -> str:
    """The id in lower case; what stands in the table may name a broker that is gone."""
    lower = value.lower()
    if info.context == OUTSIDE and lower not in BROKER_IDS:
        raise ValueError(unknown_broker())
    return lower


BrokerId = Annotated[str, AfterValidator(_known)]
