from collections.abc import Iterator

import pytest

from cdk_stack.environment import environment
from quantleap.runtime.settings import BadEnvironment, Settings, settings
from tests.conftest import dev_stage


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_what_the_stack_tells_a_function_is_all_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(dev_stage(), table="t", plans="p", client="c").items():
        monkeypatch.setenv(name, value)

    found = settings()

    assert (found.stage, found.table_name, found.real_brokers) == ("dev", "t", False)
    assert found.simulated_broker_url == dev_stage().simulated_broker_url
    assert settings() is found


def test_a_function_that_was_told_nothing_names_everything_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARD_SIZE", "many")

    with pytest.raises(BadEnvironment) as refusal:
        settings()

    text = str(refusal.value)
    assert "TABLE_NAME: Field required" in text
    assert "SHARD_SIZE: " in text
    assert "SIMULATED_BROKER_URL" not in text
