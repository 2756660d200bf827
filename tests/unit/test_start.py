"""What starts with a function: all it stands on, and nothing it has no use for. Each is started as Lambda does it."""

import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from cdk_stack.constructs.functions import FUNCTIONS
from cdk_stack.environment import environment
from cdk_stack.routes import ROUTES
from quantleap.runtime import start
from tests.conftest import dev_stage

HANDLERS = Path(__file__).parents[2] / "lambda_functions" / "quantleap" / "handlers"
EVERY = sorted({spec.handler.partition(".")[0] for spec in FUNCTIONS})
ASKED = ["partner_auth", *sorted({route.function.replace("-", "_") for route in ROUTES})]
"""Those somebody waits for."""

TOLD = {
    **environment(dev_stage(), table="table", plans="plans", client="c"),
    "PRECISION_TIMER_ARN": "arn:aws:states:ap-south-1:000000000000:stateMachine:timer",
    "EVENT_BUS": "events",
    "UNDELIVERED_URL": "https://sqs.ap-south-1.amazonaws.com/000000000000/undelivered",
    "AWS_DEFAULT_REGION": "ap-south-1",
    start.STARTING: "on-demand",
}

PROGRAM = """
import gc, importlib, json, sys
importlib.import_module(sys.argv[1])
roots = [sys.modules.get(f"quantleap.runtime.{root}") for root in ("wiring", "engine", "relay")]
parts = [part for root in roots if root is not None for part in vars(root).items()]
built = [name for name, part in parts if hasattr(part, "cache_info") and part.cache_info().currsize]
ours = [module for name, module in sys.modules.items() if name.startswith("quantleap.")]
kinds = [kind for module in ours for kind in vars(module).values() if isinstance(kind, type)]
ready = {kind.__name__ for kind in kinds if getattr(kind, "__pydantic_complete__", False)}
print(json.dumps([[*sys.modules], built, [*ready], gc.isenabled(), gc.get_freeze_count()]))
"""


class Started(NamedTuple):
    modules: set[str]
    built: set[str]
    models: set[str]
    looks_for_garbage: bool
    frozen: int

    def of(self, package: str) -> set[str]:
        """What was loaded of a package of ours."""
        name = f"quantleap.{package}."
        return {module.removeprefix(name) for module in self.modules if module.startswith(name)}


def started(handler: str) -> Started:
    return loaded(f"quantleap.handlers.{handler}")


@cache
def loaded(module: str) -> Started:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, module],
        env={**os.environ, **TOLD, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules, built, models, looks, frozen = json.loads(done.stdout)
    return Started(set(modules), set(built), set(models), looks, frozen)


def test_ports_are_told_of_without_loading_what_they_carry() -> None:
    found = loaded("quantleap.domain.ports")

    assert found.of("domain") == {"ports"}
    assert "pydantic" not in found.modules


def test_the_keys_function_loads_the_adapters_of_keys_and_no_others() -> None:
    doors = {"partner_keys", "rate_buckets", "idempotency"}

    assert started("partner_api_manager").of("adapters") == doors | {
        "attributes",
        "hashing",
        "machine",
        "table",
        "items",
        "keys",
    }


@pytest.mark.parametrize("handler", ASKED)
def test_brokers_are_loaded_only_where_somebody_logs_in_to_one(handler: str) -> None:
    assert bool(started(handler).of("adapters.brokers")) == (handler == "broker_account_manager")


def test_logging_in_to_a_broker_needs_no_model_of_what_is_traded_there() -> None:
    assert not {"basket", "strikes", "subscription", "execution"} & started("broker_account_manager").of("domain")


@pytest.mark.parametrize("handler", ASKED)
def test_nobody_who_asks_waits_for_what_executes_orders(handler: str) -> None:
    found = started(handler)

    assert not {"lines", "market_feed", "masters", "plan_store", "timer"} & found.of("adapters")
    assert not {"planning", "closing", "strike_choice", "greeks", "instruments"} & found.of("domain")
    assert not {"engine", "relay"} & found.of("runtime")
    assert not {"asyncio", "cryptography", "boto3", "s3transfer"} & found.modules


@pytest.mark.parametrize("handler", ASKED)
def test_all_that_a_function_asks_for_is_built_before_the_first_request(handler: str) -> None:
    named = set(re.findall(r"wiring\.(\w+)", (HANDLERS / f"{handler}.py").read_text()))
    named -= {"calendar_of", "clock", "draw"}  # plain functions: nothing is kept of them

    assert named
    assert named <= started(handler).built


@pytest.mark.parametrize("handler", [each for each in ASKED if each != "partner_auth"])
def test_so_is_what_every_door_asks_for(handler: str) -> None:
    assert {"keys", "buckets", "reserve", "idempotency"} <= started(handler).built


@pytest.mark.parametrize(
    ("handler", "sent"),
    [
        ("broker_account_manager", {"AccountFilter", "LoginStart", "LoginCallback"}),
        ("execution_manager", {"RunFilter"}),
        ("marketplace_manager", {"Browse"}),
        ("subscription_manager", {"NewSubscription", "SubscriptionFilter"}),
    ],
)
def test_what_is_sent_most_can_be_read_before_the_first_request(handler: str, sent: set[str]) -> None:
    assert sent <= started(handler).models


@pytest.mark.parametrize("handler", ASKED)
def test_so_can_what_is_stored_and_nothing_is_built_that_only_others_are_sent(
    handler: str,
) -> None:
    models = started(handler).models

    assert "PartnerKey" in models
    assert not {"PartnerKeyDraft", "PartnerKeyChange", "NewHalt"} & models


@pytest.mark.parametrize(
    ("handler", "part"),
    [
        ("precision_timer", "timer"),
        ("strategy_executor", "desk"),
        ("rehearsal", "stage"),
        ("instrument_masters", "masters"),
        ("event_relay", "bus"),
    ],
)
def test_functions_nobody_waits_for_are_ready_before_their_work_comes(handler: str, part: str) -> None:
    assert part in started(handler).built


@pytest.mark.parametrize("handler", EVERY)
def test_a_function_that_started_looks_for_garbage_but_not_in_its_modules(handler: str) -> None:
    found = started(handler)

    assert found.looks_for_garbage
    assert found.frozen > 10_000


class TestParts:
    @pytest.fixture(autouse=True)
    def as_before(self) -> Iterator[None]:
        yield
        gc.unfreeze()
        gc.enable()

    def test_away_from_lambda_they_are_built_when_they_are_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(start.STARTING, raising=False)
        built: list[int] = []

        start.begin()
        start.finish(lambda: built.append(1))

        assert (built, gc.isenabled(), gc.get_freeze_count()) == ([], True, 0)

    def test_on_lambda_they_are_built_at_the_start_without_looking_for_garbage(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(start.STARTING, "on-demand")
        looking: list[bool] = []

        start.begin()
        start.finish(lambda: looking.append(gc.isenabled()))

        assert (looking, gc.isenabled()) == ([False], True)
