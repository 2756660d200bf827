"""Half an hour before each boundary: how its entries would fare, and whether the calendar is long enough."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.firing import horizon
from quantleap.domain.rehearsal import Rehearsal
from quantleap.domain.sessions import CalendarExhausted
from quantleap.runtime import engine, start, wiring
from quantleap.runtime.metrics import metrics
from quantleap.services import rehearsal

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`{"scheduled_at"}`, the minute the schedule meant -> what was rehearsed, by run."""
    _warn_of_the_calendars_end()
    boundary = rehearsal.boundary_after(_scheduled(event))
    found = _rehearsed(boundary)
    for each in found:
        _tell(each)
    return {"boundary": boundary.isoformat(), "runs": sorted({each.run_id for each in found})}


def _scheduled(event: dict[str, Any]) -> datetime:
    """The schedule's own minute, so that a late or repeated start rehearses what it was meant to; else this one."""
    try:
        return datetime.fromisoformat(event["scheduled_at"])
    except (KeyError, ValueError):
        return wiring.clock()


def _rehearsed(boundary: datetime) -> list[Rehearsal]:
    try:
        return rehearsal.rehearse(engine.stage(), boundary)
    except CalendarExhausted:
        logger.exception("the table of trading sessions has ended; nothing is rehearsed")
        return []


def _tell(each: Rehearsal) -> None:
    counts = {"rehearsal_ready": each.ready, "rehearsal_not_ready": each.subscriptions - each.ready}
    facts = each.model_dump(mode="json", exclude={"accounts"})
    logger.info("rehearsed", extra={**facts, **metrics(counts, each.rehearsed_at)})


def _warn_of_the_calendars_end() -> None:
    """An alarm hears this, weeks before nothing can be traded any more."""
    warning = horizon(wiring.calendar(), wiring.clock()).warning
    if warning is not None:
        logger.error(engine.CALENDAR_ENDS, extra={"warning": warning})


start.finish(engine.stage)
