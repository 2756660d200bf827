from datetime import UTC, date, datetime

import pytest
from pydantic import BaseModel

from quantleap.adapters.brokers.directory import BROKERS, Directory
from quantleap.domain.account import NewBrokerAccount, OwnBrokerAccount, Session
from quantleap.domain.basket_changes import NewApproval
from quantleap.domain.broker_id import BROKER_IDS
from quantleap.domain.capabilities import Pace
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.market_data import BrokerLimit, Limit
from quantleap.domain.model import parse
from quantleap.domain.partner import Environment, PartnerKeyDraft
from sandbox.broker.houses import HOUSES

SESSION = Session(access_token="token", client_id="TEST123", expires_at=datetime(2026, 11, 23, tzinfo=UTC))


def test_real_money_never_reaches_the_simulated_broker() -> None:
    live = Directory(None, real=True)

    with pytest.raises(InvalidRequest) as refusal:
        live.broker("simulated", Environment.LIVE)
    assert refusal.value.details == {"broker_name": "The simulated broker takes test keys only"}
    assert {broker.name for broker in live.all()} == BROKERS.keys() - {"simulated"}


def test_test_keys_reach_every_broker_at_the_simulator() -> None:
    found = Directory("http://127.0.0.1:4567", real=False).all()

    assert {broker.base_url for broker in found} == {f"http://127.0.0.1:4567/{name}" for name in BROKERS}


def test_the_stages_own_address_is_told_to_the_broker_that_asks_for_it() -> None:
    broker = Directory(None, real=True, egress_ip="203.0.113.7").broker("angel_one", Environment.LIVE)

    assert broker.profile(SESSION).headers["X-ClientPublicIP"] == "203.0.113.7"


def test_brokers_as_they_stand_keep_the_limits_of_that_moment_and_read_none_again() -> None:
    once = (Limit(calls=3, seconds=1),)
    written = BrokerLimit(broker_id="zebu", source="test", effective_from=date(2026, 11, 23), orders=once, reads=once)
    asked: list[str] = []

    def limits(broker_id: str) -> BrokerLimit | None:
        asked.append(broker_id)
        return written if broker_id == "zebu" else None

    standing = Directory("http://127.0.0.1:4567", real=False, limits=limits).as_they_stand()
    assert sorted(asked) == sorted(BROKERS)
    asked.clear()

    found = {broker.name: broker for broker in standing.all()}

    assert not asked
    assert found["zebu"].capability.orders.paces == (Pace(3, 1),)
    assert found["zerodha"].capability == BROKERS["zerodha"](None).capability
    assert found["zebu"].base_url == "http://127.0.0.1:4567/zebu"


def test_the_brokers_we_speak_to_and_those_that_are_simulated_are_those_with_an_id() -> None:
    assert set(BROKERS) == set(HOUSES) == set(BROKER_IDS)
    assert {kind(None).capability.broker_id for kind in BROKERS.values()} == set(BROKER_IDS)


@pytest.mark.parametrize("written", [*BROKER_IDS, *(broker_id.upper() for broker_id in BROKER_IDS)])
def test_an_id_that_is_offered_is_read_wherever_a_broker_is_named(written: str) -> None:
    app = {"api_key": "k", "api_secret": "s"}
    own = {"broker_name": written, "client_id": "ASHA1"} | app
    key = {"partner_id": "acme", "partner_name": "Acme", "broker_id": written}

    assert parse(NewBrokerAccount, own | {"user_email": "asha@example.com"}).broker_name == written.lower()
    assert parse(OwnBrokerAccount, own).broker_name == written.lower()
    assert parse(PartnerKeyDraft, key).broker_id == written.lower()
    assert parse(NewApproval, {"algo_ids": {written: "A1"}}).algo_ids == {written.lower(): "A1"}


@pytest.mark.parametrize(
    ("model", "sent", "field"),
    [
        (
            OwnBrokerAccount,
            {"broker_name": "acme", "client_id": "ASHA1", "api_key": "k", "api_secret": "s"},
            "broker_name",
        ),
        (PartnerKeyDraft, {"partner_id": "acme", "partner_name": "Acme", "broker_id": "acme"}, "broker_id"),
        (NewApproval, {"algo_ids": {"acme": "A1"}}, "algo_ids.acme"),
    ],
)
def test_a_broker_that_does_not_exist_is_refused_with_those_that_do(
    model: type[BaseModel], sent: object, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(model, sent)

    assert refusal.value.details == {
        field: "Unknown broker; use one of angel_one, icici_direct, mstock, simulated, upstox, zebu, zerodha"
    }
