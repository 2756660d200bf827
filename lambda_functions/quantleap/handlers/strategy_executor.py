"""One shard of a run, from warming up to its report."""

import gc
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.ending import Round
from quantleap.domain.errors import Conflict
from quantleap.runtime import engine, outcomes, start
from quantleap.services import shard
from quantleap.services.desk import Errand
from quantleap.services.gate import Fenced, from_ns

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`{"shard": {...}, "attempt": {"execution", "round", "retry"}}` -> what became of it.

    Being turned away because another worker serves the shard is an outcome, not a fault: that worker reports.
    """
    desk = engine.desk()
    errand = _errand(event, from_ns(desk.timer.now_ns()), context)
    logger.append_keys(run_id=errand.run_id, shard=errand.shard, attempt=errand.attempt)
    logger.info("shard begins")
    try:
        served = engine.played(shard.serve(desk, errand))
    except Conflict as conflict:
        logger.warning("shard is served by another worker", extra={"code": conflict.reason})
        return {"status": conflict.reason}
    except Fenced:
        logger.warning("another worker took the shard over")
        return {"status": "fenced"}
    finally:
        gc.collect()  # the run's own garbage: frozen at the boundary, it counts as old and would stay for hours
    for ticket in served.tickets:
        outcomes.tell_ticket(ticket)
    for venue in served.taken_out:
        outcomes.tell_taken_out(venue, from_ns(desk.timer.now_ns()))
    report = served.report.model_dump(mode="json")
    logger.info("shard done", extra={"report": report})
    return {"status": "done", "report": report}


def _errand(event: dict[str, Any], now: datetime, context: LambdaContext) -> Errand:
    item, attempt = event["shard"], event["attempt"]
    return Errand(
        run_id=item["run_id"],
        plan_id=item["plan_id"],
        shard=item["shard"],
        boundary=datetime.fromisoformat(item["boundary"]).astimezone(UTC),
        template_id=item["template_id"],
        version=item["version"],
        closes=item.get("closes"),
        only=item.get("only"),
        tries=item.get("tries", 1),
        holder=Round(attempt["execution"], attempt["round"]).holder,
        attempt=attempt["retry"],
        ends=now + timedelta(milliseconds=context.get_remaining_time_in_millis()),
    )


start.finish(engine.desk)
