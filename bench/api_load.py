"""The API's busiest routes, function by function.

`python -m bench.api_load ROUNDS` asks each route so often and writes one line of JSON for it. What AWS answers is
recorded once, from a table in memory, and played back, so that the time is the function's own and nobody else's.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import boto3
from botocore.client import BaseClient

from bench import cloud, stage
from bench.api import SUBSCRIPTIONS, TEMPLATES
from sandbox.platform.templates import IRON_CONDOR
from tests.integration.gateway import Context, Gateway, as_admin, as_partner, find, function

LISTED = {"BASKET": TEMPLATES, "MARKETPLACE_SUBSCRIPTION": SUBSCRIPTIONS}

WARM = 20
"""Rounds that do not count."""

KEY = {"partner_id": "BENCH", "partner_name": "Bench", "broker_id": "ZEBU"}
LIMITS = {"requests_per_minute": 6000, "requests_per_day": 10_000_000}
OFFER = {"pricing": {"type": "PAID", "monthly_fee": 999}, "tags": ["NIFTY", "WEEKLY"]}
USER = {"user_email": "user@example.com"}
ACCOUNT = {**USER, "broker_name": "zebu", "client_id": "ZEBU1", "api_key": "app", "api_secret": "secret"}


class Asked(NamedTuple):
    """A route: milliseconds of CPU of each time it was asked, and the calls to AWS in their order.

    `bare_ms` is what reading and writing the JSON of its event, of AWS's answers and of its own takes.
    """

    ms: list[float]
    bare_ms: list[float]
    calls: list[str]


class Refused(Exception):
    """A request that should have been carried out was not."""


class Tape:
    """Notes what boto3 was answered, or answers the same again."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, Any]] = []
        self._place: int | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Every call of every client goes through here until the block ends."""
        real: Any = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - all calls pass there

        def call(client: BaseClient, operation: str, arguments: object) -> object:
            if self._place is not None:
                return self._again(operation)
            answer = real(client, operation, arguments)
            self.noted.append((operation, answer))
            return answer

        BaseClient._make_api_call = call  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        try:
            yield
        finally:
            BaseClient._make_api_call = real  # type: ignore[attr-defined]  # noqa: SLF001 - see above

    def record(self) -> None:
        """Forget what was noted and note what follows."""
        self.noted, self._place = [], None

    def rewind(self) -> None:
        """From here on what was noted is answered again, from its start."""
        self._place = 0

    def _again(self, operation: str) -> object:
        name, answer = self.noted[self._place or 0]
        if name != operation:
            raise LookupError(f"{operation} was called where {name} was")
        self._place = (self._place or 0) + 1
        return answer


class Partner(Gateway):
    """A partner's backend; what the gateway does for its requests is done before a function is called."""

    def asking(self, line: str, body: object = None) -> partial[Any]:
        """Calls the function that answers a line."""
        method, target = line.split()
        route, parameters = find(method, target)
        event = self._event(route, parameters, "", None if body is None else json.dumps(body))
        event["requestContext"]["authorizer"] = self._authorize(route)
        return partial(function(route.function).handler, event, Context())


def carried(caller: Gateway, line: str, body: object = None) -> Any:  # noqa: ANN401 - of every route
    """What is answered to a request that is carried out."""
    reply = caller(line, body)
    if reply.status >= 400:
        raise Refused(line, reply.body)
    return reply.body


def market() -> dict[str, partial[Any]]:
    """Templates on offer, subscriptions of a partner's users, and what asks about them, by the name of a route."""
    admin = as_admin()
    made = carried(admin, "POST /admin/partner-api-keys", {**KEY, "rate_limits": LIMITS})
    partner = Partner(as_partner(made["api_key"], made["api_secret"]).headers)
    followed, other = (_offered(admin, name) for name in ("Followed", "Other"))
    carried(partner, "POST /partner/broker-accounts", ACCOUNT)
    wanted = {**USER, "broker_client_id": ACCOUNT["client_id"], "template_id": followed}
    name = carried(partner, "POST /partner/marketplace/subscribe", wanted)["subscription_id"]
    for entity, count in LISTED.items():
        _multiply(entity, count)
    return {
        "me": partner.asking("GET /partner/me"),
        "browse": partner.asking("GET /partner/marketplace/templates"),
        "template": partner.asking(f"GET /partner/marketplace/templates/{followed}"),
        "get": partner.asking(f"GET /partner/subscriptions/{name}"),
        "list": partner.asking("GET /partner/subscriptions"),
        "change": partner.asking(f"PUT /partner/subscriptions/{name}/pause"),
        "subscribe": partner.asking("POST /partner/marketplace/subscribe", {**wanted, "template_id": other}),
    }


def _offered(admin: Gateway, name: str) -> str:
    basket_id: str = carried(admin, "POST /options/baskets", {**IRON_CONDOR, "name": name})["basket_id"]
    carried(admin, f"POST /admin/marketplace/templates/{basket_id}", OFFER)
    return basket_id


def _multiply(entity: str, count: int) -> None:
    """Copy an item of a kind under other sort keys, until so many are listed."""
    client = boto3.client("dynamodb")
    items = [item for item in client.scan(TableName=stage.TABLE)["Items"] if item["entity_type"] == {"S": entity}]
    for number in range(count - len(items)):
        client.put_item(
            TableName=stage.TABLE, Item={**items[0], "sort_key": {"S": f"{items[0]['sort_key']['S']}-{number}"}}
        )


def play(rounds: int) -> dict[str, Asked]:
    """Ask each route once, noting what AWS says, then so often with the same said again."""
    with cloud.table():
        routes, tape = market(), Tape()
        with tape.running():
            return {name: _asked(ask, tape, rounds) for name, ask in routes.items()}


def _asked(ask: partial[Any], tape: Tape, rounds: int) -> Asked:
    tape.record()
    first = ask()
    if first["statusCode"] >= 400:
        raise Refused(first)
    ms: list[float] = []
    for _ in range(WARM + rounds):
        tape.rewind()
        began = time.thread_time()
        reply = ask()
        ms.append((time.thread_time() - began) * 1000)
        if reply["statusCode"] != first["statusCode"]:
            raise Refused(reply)
    texts = [json.dumps(each, default=str) for each in (ask.args[0], first, *(answer for _, answer in tape.noted))]
    return Asked(ms[WARM:], [_bare_ms(texts) for _ in range(WARM + rounds)][WARM:], [name for name, _ in tape.noted])


def _bare_ms(texts: Sequence[str]) -> float:
    """Milliseconds of CPU that the standard library takes to read them and write them again."""
    began = time.thread_time()
    for text in texts:
        json.dumps(json.loads(text))
    return (time.thread_time() - began) * 1000


def main(rounds: int) -> None:
    """What the functions log is written as on Lambda, to where nobody reads it."""
    told, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    found = play(rounds)
    with os.fdopen(told, "w") as out:
        for name, each in found.items():
            out.write(json.dumps({"name": name, **each._asdict()}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
