"""The broker's behaviour: rules strike whom, how often and how likely they say, the same for the same seed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sandbox.broker.behaviour import Behaviour, Fault, Rejection, Rule, Temper


def tempered(seed: int = 1, **behaviour: object) -> Temper:
    temper = Temper(seed)
    temper.become(Behaviour.model_validate(behaviour))
    return temper


def test_left_alone_it_behaves() -> None:
    temper = Temper(1)

    assert (temper.rejection("A"), temper.fault("A"), temper.delay_s("A")) == (None, None, 0)


def test_a_rule_strikes_as_often_as_it_says() -> None:
    temper = tempered(faults={"drop_after_place": {"count": 2}})

    assert [temper.fault("A") for _ in range(3)] == [Fault.DROP_AFTER_PLACE, Fault.DROP_AFTER_PLACE, None]


def test_setting_it_again_starts_the_count_anew() -> None:
    temper = tempered(faults={"html": {"count": 1}})
    temper.fault("A")

    temper.become(temper.behaviour)

    assert temper.fault("A") is Fault.HTML


def test_a_rule_for_one_client_leaves_the_others_alone() -> None:
    temper = tempered(reject={"insufficient_funds": {"client_id": "A", "count": 1}})

    assert temper.rejection("B") is None
    assert temper.rejection("A") is Rejection.INSUFFICIENT_FUNDS


@given(st.integers(), st.lists(st.sampled_from("ABC"), max_size=30))
def test_a_clients_luck_does_not_depend_on_the_others(seed: int, turns: list[str]) -> None:
    mixed, alone = (tempered(seed, faults={"timeout": {"probability": 0.5}}) for _ in range(2))

    met = [mixed.fault(client) for client in turns]

    of_a = [fault for client, fault in zip(turns, met, strict=True) if client == "A"]
    assert of_a == [alone.fault("A") for _ in of_a]


def test_a_probability_is_kept_in_the_long_run() -> None:
    temper = tempered(reject={"price_band": {"probability": 0.25}})

    struck = sum(temper.rejection("A") is not None for _ in range(2000))

    assert 430 < struck < 570


def test_an_answer_waits_for_the_latency_and_part_of_the_jitter() -> None:
    temper = tempered(latency_ms=100, latency_jitter_ms=50)
    again = tempered(latency_ms=100, latency_jitter_ms=50)

    delays = [temper.delay_s("A") for _ in range(50)]

    assert all(0.1 <= delay < 0.15 for delay in delays)
    assert len(set(delays)) == 50
    assert delays == [again.delay_s("A") for _ in range(50)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency_ms": -1},
        {"fill": "sometimes"},
        {"faults": {"meteor": {}}},
        {"reject": {"price_band": {"probability": 2}}},
        {"reject": {"price_band": {"often": 1}}},
        {"speed": 1},
    ],
)
def test_a_behaviour_it_does_not_know_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Behaviour.model_validate(wrong)


def test_only_faults_before_placing_lose_the_order() -> None:
    assert {fault for fault in Fault if not fault.places} == {
        Fault.DROP_BEFORE_PLACE,
        Fault.HTTP_500_BEFORE_PLACE,
    }


def test_a_rule_of_nothing_strikes_everybody_always() -> None:
    assert Rule() == Rule(client_id=None, count=None, probability=1)
