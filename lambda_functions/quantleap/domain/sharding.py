"""How a large template's subscribers are spread over partitions of their index.

A partition gives 3,000 reads a second, and one with 100,000 subscribers is read page by page; spread over shards they
are read side by side. How many shards a template has is part of it and only grows. A subscription keeps the shard it
began in, so growing moves nothing, and whoever reads as many shards as the template has finds everybody: a shard
that was chosen under fewer shards is one of the many.
"""

from typing import Annotated
from zlib import crc32

from pydantic import Field

from quantleap.domain.errors import InvalidRequest
from quantleap.domain.model import NUMBER

MOST_SHARDS = 64
"""More would serve templates of more than a million; each costs a query a run."""

Shards = Annotated[int, Field(ge=1, le=MOST_SHARDS), NUMBER]


def shard_of(subscription_id: str, shards: int) -> int:
    """The shard of a subscription that begins now; the same on every machine, and even over many ids."""
    return crc32(subscription_id.encode()) % shards


def grown(shards: int, wanted: int | None) -> int:
    """How many shards a template has once `wanted` (None: as many as now) was asked for; fewer are refused."""
    if wanted is not None and wanted < shards:
        raise InvalidRequest({"subscriber_shards": f"May only grow; the template has {shards}"})
    return wanted or shards
