from datetime import UTC, datetime

import pytest

from quantleap.adapters.brokers.directory import BROKERS, Directory
from quantleap.domain.account import Session
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.partner import Environment

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
