import json
from pathlib import Path
from typing import Any

import pytest

from cdk_stack.stage import InvalidStage, read_stage

CONTEXT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]


def _changed(stage: str, **settings: object) -> dict[str, Any]:
    """The context with settings of one stage changed, and that stage chosen."""
    return CONTEXT | {"stage": stage, "stages": {stage: CONTEXT["stages"][stage] | settings}}


def test_dev_is_what_one_gets_without_asking() -> None:
    stage = read_stage(CONTEXT)

    assert (stage.prefix, stage.real_brokers, stage.platform) == ("quantleap-dev", False, "aws")


def test_an_unknown_stage_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidStage, match=r"no stage 'live' in cdk\.json; known: dev, prod"):
        read_stage(CONTEXT | {"stage": "live"})


def test_the_simulators_place_can_be_said_on_the_command_line_and_prices_come_from_there_too() -> None:
    stage = read_stage(CONTEXT | {"simulated_broker_url": "http://127.0.0.1:5001"})

    assert stage.simulated_broker_url == stage.feed_url == "http://127.0.0.1:5001"


def test_secrets_lie_in_secrets_manager_unless_sealing_is_asked_for() -> None:
    assert read_stage(CONTEXT).credential_vault == "secrets_manager"
    assert read_stage(CONTEXT | {"credential_vault": "kms_envelope"}).credential_vault == "kms_envelope"


def test_a_feed_of_its_own_is_used_where_a_stage_names_one() -> None:
    stage = read_stage(CONTEXT | {"stage": "prod", "market_feed_url": "https://feed.example.com"})

    assert stage.feed_url == "https://feed.example.com"


def test_a_stage_with_real_brokers_that_names_no_addresses_is_not_deployed() -> None:
    silent = {name: value for name, value in CONTEXT["stages"]["prod"].items() if name != "fixed_addresses"}

    with pytest.raises(InvalidStage, match="needs fixed_addresses"):
        read_stage(CONTEXT | {"stage": "prod", "stages": {"prod": silent}})


def test_a_stage_of_the_simulator_may_leave_from_fixed_addresses_too() -> None:
    stage = read_stage(_changed("dev", fixed_addresses=1, simulated_broker_url="https://simulator.example.com"))

    assert (stage.fixed_addresses, stage.real_brokers) == (1, False)


def test_names_and_secrets_carry_project_and_stage() -> None:
    stage = read_stage(CONTEXT | {"project": "acme", "stage": "prod"})

    assert (stage.prefix, stage.secret_prefix) == ("acme-prod", "acme/prod")


@pytest.mark.parametrize(
    ("context", "complaint"),
    [
        (
            CONTEXT | {"stage": "prod", "simulated_broker_url": "http://127.0.0.1:1"},
            "real brokers has no simulated",
        ),
        (_changed("dev", simulated_broker_url=None), "needs a simulated_broker_url"),
        (_changed("prod", market_hours="always"), "keeps the exchange's hours"),
        (_changed("dev", warm_lead_s=1), "last_look_lead_s < warm_lead_s < sandbox_lead_s"),
        (_changed("prod", warm_lead_s=61), "warm_lead_s: .*60"),
        (
            _changed("prod", fixed_addresses=0),
            "real brokers needs fixed_addresses: brokers take orders only from regist",
        ),
        (_changed("dev", one_address_in_use=True), "one_address_in_use needs fixed_addresses"),
        (_changed("prod", fixed_addresses=17), "fixed_addresses: .*16"),
        (_changed("prod") | {"platform": "local"}, "the local platform has no fixed_addresses"),
        (_changed("dev", fixed_addresses=1), "over https on port 443 only"),
        (_changed("prod", market_feed_url="https://feed.example.com:8443"), "over https on port 443 only"),
        (_changed("dev", redirect_urls=["http://app.example/back"]), "redirect_urls.0: "),
        (_changed("dev", redirect_urls=["https://*.example/back"]), "redirect_urls.0: "),
        (_changed("dev", colour="red"), "colour: Extra inputs"),
        (CONTEXT | {"project": "Not A Name"}, "project: "),
        (CONTEXT | {"credential_vault": "shoebox"}, "credential_vault: .*'secrets_manager' or 'kms_envelope'"),
        (CONTEXT | {"platform": "moon"}, "platform: .*'aws' or 'local'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(context: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidStage, match=complaint):
        read_stage(context)


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(InvalidStage) as refused:
        read_stage(_changed("dev", shard_size=0, max_lateness_s="soon"))

    assert "shard_size: " in str(refused.value)
    assert "max_lateness_s: " in str(refused.value)
