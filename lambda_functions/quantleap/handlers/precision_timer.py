"""The steps of the precision-timer state machine before and after the boundary.

Each answers with data and a `status` the state machine branches on; an error is a fault, and is retried.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.ending import Round, Standing
from quantleap.domain.execution import Due, Plan, Trigger
from quantleap.domain.model import parse
from quantleap.domain.sessions import CalendarExhausted
from quantleap.runtime import engine, outcomes, start, wiring
from quantleap.services import ending, precision_timer

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
    if not found:
        return {"status": "nothing_due", "boundary": boundary.isoformat()}
    _, key = engine.timer().plans.write_list([each.model_dump(mode="json") for each in found])
    return {"status": "due", "boundary": boundary.isoformat(), "runs": key}


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
    """The output of `due` -> the shards to serve, listed in S3, and when their workers start to warm up.

    What grows with the number of runs is handed on in S3: a step may say no more than 256 KB.
    """
    plans = precision_timer.plan(engine.timer(), [Due.model_validate(run) for run in _listed(event["runs"])])
    if not plans:
        logger.info("nobody follows what is due", extra={"boundary": event["boundary"]})
        return {**event, "status": "nobody"}
    bucket, key = _list(item for made in plans for item in _items(made, made.served))
    _, runs = _list({"run_id": made.due.run_id} for made in plans)
    logger.info("planned", extra={"runs": [made.due.run_id for made in plans]})
    return {
        "status": "planned",
        "boundary": event["boundary"],
        "runs": runs,
        "bucket": bucket,
        "key": key,
        "round": 0,
        "warm_at": _warm_at(plans[0].due.boundary),
    }


def _list(items: Iterable[Event]) -> tuple[str, str]:
    return engine.timer().plans.write_list(list(items))


def _listed(key: str) -> Sequence[Event]:
    return engine.timer().plans.read_list(key)


def _run_ids(event: Event) -> list[str]:
    return [each["run_id"] for each in _listed(event["runs"])]


def _items(made: Plan, shards: Iterable[int]) -> list[Event]:
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
        for number in shards
    ]


def _warm_at(boundary: datetime) -> str:
    """Whole seconds: a Wait state drops the rest."""
    return _second(boundary - engine.warm_lead())


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@logger.inject_lambda_context(clear_state=True)
def decide(event: Event, context: LambdaContext) -> Event:
    """Decide every run's contracts and prices; the input goes on unchanged."""
    timer = engine.timer()
    runs = _run_ids(event)
    decisions = precision_timer.decide(timer, [timer.runs.plan(run_id) for run_id in runs])
    refusals = {decision.run_id: decision.refusal for decision in decisions if decision.refusal}
    logger.info("decided", extra={"runs": runs, "refusals": refusals})
    return event


@logger.inject_lambda_context(clear_state=True)
def report(event: Event, context: LambdaContext) -> Event:
    """`{"execution", "planned"}` -> close every run that is over; what it left half is closed where its rule says so.

    A run that others may still serve is waited for, and what they left is served: the same minute may have been started
    twice. `planned` names the round that is over, and has `failed` where workers could not even be started.
    """
    planned, timer = event["planned"], engine.timer()
    over = Round(event["execution"], planned["round"], served="failed" not in planned)
    stands = {run_id: ending.standing(timer.runs, run_id, over, timer.clock()) for run_id in _run_ids(planned)}
    for run_id, standing in stands.items():
        if standing.report is not None:
            outcomes.tell_run(run_id, standing.report, timer.clock())  # once more rather than not at all
            precision_timer.close(timer, wiring.starter(), engine.soonest(), run_id)
    logger.info("reported", extra={"runs": [run_id for run_id, each in stands.items() if each.report is not None]})
    return _next(planned, stands, over)


def _next(planned: Event, stands: Mapping[str, Standing], over: Round) -> Event:
    again = {run_id: each.again for run_id, each in stands.items() if each.again}
    if again:
        runs = engine.timer().runs
        bucket, key = _list(item for run_id, shards in again.items() for item in _items(runs.plan(run_id), shards))
        logger.warning("shards are served again", extra={"shards": again, "round": over.next.number})
        served = {name: value for name, value in planned.items() if name != "failed"}
        return {**served, "status": "left", "bucket": bucket, "key": key, "round": over.next.number}
    waiting = [each.until for each in stands.values() if each.until is not None]
    if waiting:
        return {**planned, "status": "served", "until": _second(min(waiting) + timedelta(seconds=1))}
    return {"status": "reported", "boundary": planned["boundary"]}


start.finish(engine.timer)
