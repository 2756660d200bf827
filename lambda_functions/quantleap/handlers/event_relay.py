"""What the table's stream tells of events, handed on to the bus.

Started by hand with `{"tenant", "since"}` it hands a tenant's stored events on once more.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.model import parse
from quantleap.domain.relaying import Retelling
from quantleap.runtime import relay, start
from quantleap.runtime.settings import settings
from quantleap.services import event_relay

logger = Logger()


class NotDelivered(Exception):
    """Some events have to come again."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A batch of the stream's records -> those that have to come again.

    Where nobody reads that answer, the whole batch has to come again, and raising says so.
    """
    if "Records" not in event:
        return _retell(parse(Retelling, event))
    relayed = event_relay.relay(relay.bus(), relay.dead_letters(), relay.records(event["Records"]))
    told = {"taken": relayed.taken, "aside": relayed.aside, "left": len(relayed.left), "reasons": relayed.reasons}
    logger.info("events relayed", extra=told)
    if relayed.left and not settings().takes_partial_failures:
        raise NotDelivered(f"{len(relayed.left)} events: {', '.join(relayed.reasons)}")
    return {"batchItemFailures": [{"itemIdentifier": record.place} for record in relayed.left]}


def _retell(wanted: Retelling) -> dict[str, Any]:
    told = event_relay.retell(relay.bus(), relay.outbox(), wanted)
    logger.info("events told again", extra={"tenant": wanted.tenant, **told._asdict()})
    return told._asdict()


start.finish(relay.bus, relay.dead_letters)
