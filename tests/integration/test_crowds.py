"""Many at once: one subscription for a user and template, and counts that are true whatever happened before."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from quantleap.adapters.table import Table
from quantleap.domain.basket import MarketplaceConfig
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.partner import RateLimits
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.subscription import NewSubscription, SubscriptionChange
from quantleap.runtime import wiring
from quantleap.services import marketplace, subscriptions
from quantleap.services.subscriptions import Ports
from tests.builders import TEMPLATE, ZEBU, Clock, a_key, a_template, a_user, an_account, counting
from tests.conftest import TABLE
from tests.fakes import Stores
from tests.integration.conftest import in_table
from tests.integration.gateway import Answer, Gateway, as_admin
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, new_partner

CROWD = 200
SUBSCRIBE = "POST /partner/marketplace/subscribe"
UNLIMITED = RateLimits(requests_per_minute=6000)


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto keeps items in plain dictionaries: calls are taken one by one, as DynamoDB takes those to an item."""
    turn, call = threading.Lock(), BaseClient._make_api_call  # type: ignore[attr-defined]  # all calls pass there

    def in_turn(client: Any, operation: str, arguments: Any) -> Any:
        with turn:
            return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", in_turn)


@pytest.fixture
def partner(deployed: object) -> Gateway:
    """With one user, who has an account."""
    partner = new_partner(as_admin(), rate_limits=UNLIMITED.model_dump())
    partner("POST /partner/broker-accounts", ACCOUNT)
    return partner


@pytest.fixture
def wanted(partner: Gateway) -> dict[str, str]:
    """What the whole crowd asks for."""
    admin = as_admin()
    template = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{template}", OFFER)
    return {**USER, "broker_client_id": "ZEBU123", "template_id": template}


def at_once(ask: Callable[[], Answer]) -> list[Answer]:
    together = threading.Barrier(CROWD)

    def one(_: int) -> Answer:
        together.wait()
        return ask()

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(one, range(CROWD)))


def test_a_crowd_that_subscribes_one_user_makes_one_subscription(
    partner: Gateway, wanted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody has read before the first one writes."""
    table, everybody_has_read = wiring.table(), threading.Barrier(CROWD, timeout=120)
    transact = table.transact

    def after_all_have_read(actions: Any) -> None:
        everybody_has_read.wait()
        transact(actions)

    monkeypatch.setattr(table, "transact", after_all_have_read)

    answers = at_once(lambda: partner(SUBSCRIBE, wanted))

    assert Counter(answer.status for answer in answers) == {201: 1, 409: CROWD - 1}
    (made,) = (answer.body["subscription_id"] for answer in answers if answer.status == 201)
    named = {answer.body["existing_subscription_id"] for answer in answers if answer.status == 409}
    assert named == {made}
    assert wiring.baskets().get(wanted["template_id"]).subscriber_count == 1


def test_a_crowd_with_one_idempotency_key_gets_one_answer_or_is_told_to_wait(
    partner: Gateway, wanted: dict[str, str]
) -> None:
    partner.headers["Idempotency-Key"] = "one"

    answers = at_once(lambda: partner(SUBSCRIBE, wanted))
    last = partner(SUBSCRIBE, wanted)

    first = [answer for answer in answers if answer.status == 201 and "Idempotent-Replayed" not in answer.headers]
    told = {answer.body.get("subscription_id") for answer in (*answers, last) if answer.status == 201}
    assert len(first) == 1
    assert told == {first[0].body["subscription_id"]}
    assert {answer.body["code"] for answer in answers if answer.status != 201} <= {"idempotency_in_progress"}
    assert last.headers["Idempotent-Replayed"] == "true"
    assert wiring.baskets().get(wanted["template_id"]).subscriber_count == 1


PEOPLE = 5
TEMPLATES = (TEMPLATE, "bsk_second0000000000", "bsk_third00000000000")
WORKERS = 8
MOVES = 125
"""Of each worker: a thousand together."""


class Worker:
    """Does whatever comes to its mind, drawn from a seed; what the rules refuse is refused."""

    def __init__(self, stores: Stores, draw: Callable[[str, int], str], made: list[str], seed: int) -> None:
        self.ports = Ports(stores.subscriptions, stores.accounts, stores.baskets, Clock(), draw, AlwaysOpen())
        self.made = made
        self.seed = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.moves: list[tuple[Callable[[], object], int]] = [
            (self.subscribe, 8),
            (self.cancel, 4),
            (self.pause, 3),
            (self.resume, 3),
            (self.change, 3),
            (self.withdraw, 1),
            (self.offer, 2),
        ]

    def work(self) -> Counter[str]:
        moves, weights = zip(*self.moves, strict=True)
        for move in self.seed.choices(moves, weights, k=MOVES):
            with suppress(Conflict, NotFound):
                move()
                self.done[move.__name__] += 1
        return self.done

    def template(self) -> str:
        return self.seed.choice(TEMPLATES)

    def somebodys(self) -> str:
        """One of the latest subscriptions of anybody's making, living or not."""
        return self.seed.choice(self.made[-20:] or ["sub_none"])

    def subscribe(self) -> None:
        person = self.seed.randrange(PEOPLE)
        wanted = NewSubscription(
            template_id=self.template(), user_email=mail(person), broker_client_id=client_id(person, 0)
        )
        begun = subscriptions.subscribe(
            self.ports.subscriptions,
            self.ports.accounts,
            self.ports.calendar,
            self.ports.clock,
            self.ports.draw,
            a_key(),
            wanted,
        )
        self.made.append(begun.subscription.subscription_id)

    def cancel(self) -> None:
        subscriptions.cancel(self.ports.subscriptions, self.ports.clock, ZEBU, self.somebodys())

    def pause(self) -> None:
        subscriptions.pause(self.ports.subscriptions, self.ports.clock, ZEBU, self.somebodys())

    def resume(self) -> None:
        subscriptions.resume(self.ports.subscriptions, self.ports.clock, ZEBU, self.somebodys())

    def change(self) -> None:
        name = self.somebodys()
        person = people()[self.ports.subscriptions.get(name).user_id]
        wanted = SubscriptionChange(broker_client_id=client_id(person, self.seed.randrange(2)))
        subscriptions.change(self.ports, ZEBU, name, wanted)

    def withdraw(self) -> None:
        marketplace.disable(self.ports.baskets, self.ports.subscriptions, self.ports.clock, self.template())

    def offer(self) -> None:
        marketplace.enable(self.ports.baskets, self.ports.clock, self.template(), MarketplaceConfig())


def user_id(person: int) -> str:
    return f"usr_{person:020}"


def people() -> dict[str, int]:
    return {user_id(person): person for person in range(PEOPLE)}


def mail(person: int) -> str:
    return f"user{person}@example.com"


def client_id(person: int, number: int) -> str:
    return f"ZEBU{person}{number}"


def a_town(table: Table) -> Stores:
    """Everybody has two accounts, and every template is on offer."""
    stores = in_table(table)
    for name in TEMPLATES:
        stores.baskets.add(a_template(basket_id=name))
    for person in range(PEOPLE):
        user = a_user(user_id=user_id(person), email=mail(person))
        for number in range(2):
            account = an_account(user_id=user.user_id, client_id=client_id(person, number))
            stores.accounts.add(account, user, new_user=number == 0)
    return stores


def items(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.resource("dynamodb").Table(TABLE).scan()["Items"]
    return [item for item in found if item["entity_type"] == kind]


def test_a_thousand_moves_of_eight_workers_leave_every_count_true(table: Table) -> None:
    stores, numbers, made = a_town(table), counting(), list[str]()
    turn = threading.Lock()

    def draw(alphabet: str, length: int) -> str:
        with turn:
            return numbers(alphabet, length)

    workers = [Worker(stores, draw, made, seed=number) for number in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        done = sum(pool.map(Worker.work, workers), Counter())

    living = [item for item in items("MARKETPLACE_SUBSCRIPTION") if item["status"] != "CANCELLED"]
    recount = Counter(item["template_id"] for item in living)
    told = {name: stores.baskets.get(name).subscriber_count for name in TEMPLATES}
    assert told == {name: recount[name] for name in TEMPLATES}
    assert {name: len(stores.subscriptions.seats(name)) for name in TEMPLATES} == told
    assert Counter(item["subscription_id"] for item in items("TEMPLATE_CLAIM")) == Counter(
        item["subscription_id"] for item in living
    )
    assert Counter(item["subscription_id"] for item in items("BROKER_ALLOCATION")) == Counter(
        item["subscription_id"] for item in living for _ in item["allocations"]
    )
    assert all(done[move.__name__] for move, _ in workers[0].moves), done
