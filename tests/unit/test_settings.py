from collections.abc import Iterator

import pytest

from quantleap.runtime.settings import BadEnvironment, Settings, settings
from tests.environment import ENVIRONMENT


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_each_variable_is_a_field_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    found = settings()

    assert (found.stage, found.real_brokers, found.sandbox_lead_s) == ("dev", False, 12)
    assert settings() is found


def test_a_function_that_was_told_nothing_says_everything_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARD_SIZE", "many")

    with pytest.raises(BadEnvironment) as refusal:
        settings()

    text = str(refusal.value)
    assert "TABLE_NAME: Field required" in text
    assert "SHARD_SIZE: " in text
    assert "SIMULATED_BROKER_URL" not in text


def test_the_stack_tells_its_functions_what_they_need() -> None:
    """Names are compared with what the stack sets, so that neither side can drift."""
    from cdk_stack.environment import environment
    from cdk_stack.stage import read_stage
