"""The brokers' lists of contracts, looked after before the market opens."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.broker import Broker
from quantleap.domain.clock import IST
from quantleap.domain.sessions import CalendarExhausted
from quantleap.runtime import engine, start, wiring
from quantleap.services import instruments
from quantleap.services.lending import Lender

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Started several times a morning: a list that is good already is left alone. Answers what each came to."""
    day = wiring.clock().astimezone(IST).date()
    lender = Lender(wiring.keys(), wiring.accounts(), wiring.vault(), wiring.clock)
    try:
        outcomes = instruments.refresh(engine.masters(), _in_use(), lender.loans, wiring.calendar(), day)
    except CalendarExhausted:
        logger.exception("the table of trading sessions has ended; no list is fetched")
        outcomes = {}
    logger.info("instrument masters", extra={"day": day.isoformat(), "brokers": outcomes})
    return {"day": day.isoformat(), "brokers": outcomes}


def _in_use() -> list[Broker]:
    """The brokers partners bring; for any other a list is fetched when somebody trades there."""
    brought = {key.broker_id for key in wiring.keys().list()}
    return [broker for broker in wiring.brokers().all() if broker.name in brought]


start.finish(engine.masters, wiring.accounts, wiring.brokers, wiring.calendar, wiring.keys, wiring.vault)
