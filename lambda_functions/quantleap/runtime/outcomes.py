"""What became of orders, in the log: a line for every ticket's every order, and a run's figures as metrics."""

from datetime import datetime

from aws_lambda_powertools import Logger

from quantleap.domain.broker import AddressNotAllowed
from quantleap.domain.execution import Report, Ticket, Venue
from quantleap.runtime.metrics import metrics

logger = Logger()

WAYS = ("planned", "sent", "acknowledged", "filled", "resolved", "incomplete", "missing_shards")
"""Counts of a report that are metrics too."""

OUR_FAULT = AddressNotAllowed.reason
"""A refusal that only we can mend: users have nothing to do about the addresses we send from."""


def tell_ticket(ticket: Ticket) -> None:
    """One line for a ticket that was skipped, or one for each of its orders; the order's contract is left out."""
    whose = ticket.model_dump(mode="json", include={"tenant", "subscription_id", "user_id", "client_id", "broker_id"})
    if ticket.skipped is not None:
        logger.info("outcome", extra={**whose, "outcome": "skipped", "reason": ticket.skipped})
    for intent in ticket.intents:
        facts = intent.model_dump(mode="json", exclude={"state", "contract", "exchange", "token", "lot_size", "tick"})
        logger.info("outcome", extra={**whose, "outcome": intent.state, **facts})


def tell_taken_out(venue: Venue, at: datetime) -> None:
    """A broker that a worker took out: somebody has to look before it is let in again."""
    logger.error("broker taken out", extra={"venue": str(venue), **metrics({"brokers_taken_out": 1.0}, at)})


def tell_run(run_id: str, report: Report, at: datetime) -> None:
    """A run's figures, and whether somebody has to see them.

    An error is a run whose shards are missing, one that left a position half, and one of which brokers did not know
    our address.
    """
    values = {f"run_{way}": float(getattr(report, way)) for way in WAYS}
    values["run_skipped"] = float(sum(report.skipped.values()))
    values["run_refused"] = float(sum(report.refused.values()))
    values["run_address_refused"] = float(report.refused.get(OUR_FAULT, 0))
    wrong = report.missing_shards or report.incomplete or OUR_FAULT in report.refused
    log = logger.error if wrong else logger.info
    log(
        "run closed",
        extra={
            "run_id": run_id,
            "report": report.model_dump(mode="json", exclude={"dispatch", "acknowledge"}),
            **metrics(values | _times(report), at),
        },
    )


def _times(report: Report) -> dict[str, float]:
    """Milliseconds; what nothing was measured of is left out."""
    dispatch, acknowledge = report.dispatch.percentiles(), report.acknowledge.percentiles()
    found = {
        "boundary_error_ms": report.boundary_error_ms,
        "dispatch_p99_ms": dispatch and dispatch.p99,
        "acknowledge_p99_ms": acknowledge and acknowledge.p99,
    }
    return {name: float(value) for name, value in found.items() if value is not None}
