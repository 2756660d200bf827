"""POSTs with an `Idempotency-Key`: carried out once, answered as often as they are sent."""

import json
import re
from collections.abc import Callable

from quantleap.domain.errors import InvalidRequest, Unavailable
from quantleap.domain.idempotency import Attempt, Record, digest
from quantleap.domain.ids import ALPHABET, Randomness, repeating
from quantleap.runtime import wiring
from quantleap.runtime.ask import Ask
from quantleap.runtime.log import logger
from quantleap.runtime.metrics import metric
from quantleap.runtime.reply import Reply
from quantleap.services import idempotency

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
TOKEN_LENGTH = 20


def repeatable(ask: Ask, work: Callable[[], Reply]) -> Reply:
    """Answer a request, or give the answer it got when it was first sent under its key."""
    key = ask.header(HEADER) if ask.route[0] == "POST" else None
    if key is None:
        return work()
    if re.fullmatch(r"[!-~]{1,255}", key) is None:
        raise InvalidRequest({HEADER: "Write 1 to 255 letters, digits and signs without spaces"})
    attempt = Attempt(
        name=digest(ask.caller, key),
        fingerprint=ask.fingerprint(key),
        token=wiring.draw(ALPHABET, TOKEN_LENGTH),
        at=wiring.clock(),
    )

    def carry_out(record: Record) -> Reply:
        ask.seed = record.seed
        return work()

    carried = idempotency.once(wiring.idempotency(), attempt, carry_out, _kept, _lost)
    if carried.answer is not None:
        return carried.answer
    before = carried.before
    if before is None or before.body is None or before.status is None:
        return work()
    return Reply(before.status, json.loads(before.body), {REPLAYED: "true"})


def ids(ask: Ask) -> Randomness:
    """What a request draws ids from; the same again when it died and was sent again under its key.

    Never for a secret: whoever reads the table could draw it too.
    """
    return wiring.draw if ask.seed is None else repeating(ask.seed)


def _kept(reply: Reply) -> tuple[int, str | None]:
    return reply.status, None if reply.fresh else reply.to_keep()


def _lost(_: Unavailable) -> None:
    logger.warning("an answer could not be kept", extra=metric("IdempotencyLost", 1, wiring.clock()))
