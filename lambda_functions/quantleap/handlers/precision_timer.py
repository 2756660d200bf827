"""The steps of the precision-timer state machine before and after the boundary.

Each answers with data and a `status` the state machine branches on; an error is a fault, and is retried.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.execution import Due, Plan, Trigger
from quantleap.domain.model import parse
from quantleap.domain.sessions import CalendarExhausted
from quantleap.runtime import engine, outcomes, start, wiring
from quantleap.services import precision_timer

logger = Logger()

type Event = dict[str, Any]


@logger.inject_lambda_context(clear_state=True)
def due(event: Event, context: LambdaContext) -> Event:
    """`{"started_at", "request"}` -> what is due at the boundary that start serves.

    The request is a trigger, or `{"scheduled_at"}` of the schedule.
    """
    request = event.get("request") or {}
    if request.keys() - {"scheduled_at"}:
        trigger = parse(Trigger, request)
        boundary = trigger.at
        found = precision_timer.triggered(engine.timer(), trigger)
    else:
        boundary = precision_timer.boundary_after(_scheduled(request, event["started_at"]))
        found = _due_in_session(boundary)
    logger.info("due", extra={"boundary": boundary.isoformat(), "runs": [each.run_id for each in found]})
    return {
        "status": "due" if found else "nothing_due",
        "boundary": boundary.isoformat(),
        "runs": [each.model_dump(mode="json") for each in found],
    }


def _scheduled(request: Event, started_at: str) -> datetime:
    """The schedule's own minute, so that a start that comes late loses no boundary; without one, the start."""
    try:
        return datetime.fromisoformat(request["scheduled_at"])
    except (KeyError, ValueError):
        return datetime.fromisoformat(started_at)


def _due_in_session(boundary: datetime) -> list[Due]:
    try:
        return precision_timer.due(engine.timer(), boundary)
    except CalendarExhausted:
        logger.exception("the table of trading sessions has ended; nothing is traded")
        return []


@logger.inject_lambda_context(clear_state=True)
def plan(event: Event, context: LambdaContext) -> Event:
    """The output of `due` -> the shards to serve, listed in S3, and when their workers start to warm up."""
    plans = precision_timer.plan(engine.timer(), [Due.model_validate(run) for run in event["runs"]])
    if not plans:
        logger.info("nobody follows what is due", extra={"boundary": event["boundary"]})
        return {**event, "status": "nobody"}
    bucket, key = engine.timer().plans.write_items(_name(plans), [item for made in plans for item in _items(made)])
    logger.info("planned", extra={"runs": [made.due.run_id for made in plans]})
    return {
        "status": "planned",
        "boundary": event["boundary"],
        "runs": [made.due.run_id for made in plans],
        "bucket": bucket,
        "key": key,
        "warm_at": _warm_at(plans[0].due.boundary),
    }


def _name(plans: Sequence[Plan]) -> str:
    """Of these runs and no others: an execution that serves one of them must not write over the list of them all."""
    return hashlib.sha256("/".join(made.plan_id for made in plans).encode()).hexdigest()


def _items(made: Plan) -> list[Event]:
    return [
        {
            "run_id": made.due.run_id,
            "plan_id": made.plan_id,
            "shard": number,
            "boundary": made.due.boundary.isoformat(),
            "template_id": made.due.template_id,
            "version": made.due.version,
            "closes": made.due.closes,
            "only": made.due.only,
            "tries": made.due.tries,
        }
        for number in made.served
    ]


def _warm_at(boundary: datetime) -> str:
    """Whole seconds: a Wait state drops the rest."""
    warm = boundary - engine.warm_lead()
    return warm.strftime("%Y-%m-%dT%H:%M:%SZ")


@logger.inject_lambda_context(clear_state=True)
def decide(event: Event, context: LambdaContext) -> Event:
    """Decide every run's contracts and prices; the input goes on unchanged."""
    timer = engine.timer()
    decisions = precision_timer.decide(timer, [timer.runs.plan(run_id) for run_id in event["runs"]])
    refusals = {decision.run_id: decision.refusal for decision in decisions if decision.refusal}
    logger.info("decided", extra={"runs": event["runs"], "refusals": refusals})
    return event


@logger.inject_lambda_context(clear_state=True)
def report(event: Event, context: LambdaContext) -> Event:
    """Close every run with the sum of its shards' reports; what it left half is closed where its rule says so."""
    for run_id in event["runs"]:
        total = precision_timer.close(engine.timer(), wiring.starter(), engine.soonest(), run_id)
        outcomes.tell_run(run_id, total, wiring.clock())
    return {"status": "reported", "runs": event["runs"]}


start.finish(engine.timer)
