"""The composition root of execution: what the precision timer and its workers stand on."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.config import Config

from quantleap.adapters.halts import TableHalts
from quantleap.adapters.lines import AsyncLines, new_loop
from quantleap.adapters.market_feed import HttpMarketFeed
from quantleap.adapters.masters import S3MasterStore
from quantleap.adapters.plan_store import S3PlanStore
from quantleap.adapters.runs import TableRuns
from quantleap.adapters.table import Table
from quantleap.adapters.timer import SystemTimer
from quantleap.domain.execution import Timing
from quantleap.domain.instruments import Finding
from quantleap.runtime import aws, wiring
from quantleap.runtime.settings import settings
from quantleap.services.desk import Desk
from quantleap.services.instruments import DailyMasters
from quantleap.services.margins import Bank
from quantleap.services.precision_timer import Timer
from quantleap.services.rehearsal import Stage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = Logger()

URGENT_CALLS = wiring.CALLS.merge(Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}))
"""One try of a second: whoever makes these calls makes them again beside themselves (services/urgent.py)."""

MASTER_REFUSED = "instrument master refused"
TERMS_DIFFER = "contract terms differ"
ODD_LINES = "instrument lines left out"
CALENDAR_ENDS = "trading calendar ends soon"
"""What the log says; the stack's alarms listen for all but the lines left out."""

SERIES_NAMED = 50
"""Series in one log line; a list that is wrong throughout has dozens."""


@cache
def s3() -> "S3Client":
    """The client of S3."""
    client: S3Client = aws.client("s3", wiring.CALLS)
    return client


@cache
def plans() -> S3PlanStore:
    """Where plans lie."""
    return S3PlanStore(s3(), settings().plans_bucket)


@cache
def warm_lead() -> timedelta:
    """How long before the boundary workers start."""
    return timedelta(seconds=settings().warm_lead_s)


@cache
def soonest() -> timedelta:
    """How far ahead a run has to lie that closes what should not be open."""
    return timedelta(seconds=settings().urgent_lead_s)


@cache
def masters() -> DailyMasters:
    """The brokers' lists of contracts."""
    store = S3MasterStore(s3(), settings().plans_bucket)
    return DailyMasters(store, wiring.http(), wiring.calendar(), wiring.clock, tell)


def tell(finding: Finding) -> None:
    """Write what was found of a list into the log, where alarms are made of it."""
    of = {"broker": finding.broker_id, "day": finding.day.isoformat()}
    if finding.flaw is not None:
        why = {"flaw": finding.flaw.value, "said": finding.said, "stands_in": finding.stands_in}
        logger.error(MASTER_REFUSED, extra={**of, **why})
    if finding.doubts:
        series = [f"{each.index} {each.expiry}: {each.term} {each.theirs}" for each in finding.doubts]
        logger.error(TERMS_DIFFER, extra={**of, "series": series[:SERIES_NAMED], "count": len(series)})
    if finding.odd:
        logger.warning(ODD_LINES, extra={**of, "lines": finding.odd})


@cache
def timer() -> Timer:
    """What the steps before the boundary need."""
    return Timer(
        baskets=wiring.baskets(),
        subscriptions=wiring.subscriptions(),
        runs=wiring.runs(),
        halts=wiring.halts(),
        plans=plans(),
        feed=HttpMarketFeed(wiring.http(), settings().market_feed_url),
        masters=masters(),
        brokers=wiring.brokers(),
        calendar=wiring.calendar(),
        clock=wiring.clock,
        draw=wiring.draw,
        shard_size=settings().shard_size,
    )


@cache
def stage() -> Stage:
    """What a rehearsal needs."""
    bank = Bank(wiring.vault(), wiring.http(), wiring.brokers(), wiring.clock, wiring.accounts())
    return Stage(timer(), wiring.accounts(), wiring.rehearsals(), bank)


@cache
def urgent_table() -> Table:
    """The table for calls in the seconds that matter."""
    return Table(aws.client("dynamodb", URGENT_CALLS), settings().table_name)


@cache
def desk() -> Desk:
    """What a worker works with."""
    return Desk(
        runs=wiring.runs(),
        leases=TableRuns(urgent_table()),
        plans=plans(),
        baskets=wiring.baskets(),
        subscriptions=wiring.subscriptions(),
        accounts=wiring.accounts(),
        vault=wiring.vault(),
        halts=TableHalts(urgent_table()),
        brokers=wiring.brokers(),
        lines=AsyncLines(),
        timer=SystemTimer(),
        timing=Timing(
            last_look=timedelta(seconds=settings().last_look_lead_s),
            max_lateness=timedelta(seconds=settings().max_lateness_s),
        ),
    )


def played[T](work: Coroutine[Any, Any, T]) -> T:
    """What a worker's coroutine comes to, on an event loop of its own."""
    return asyncio.run(work, loop_factory=new_loop)
