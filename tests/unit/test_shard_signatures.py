"""A broker whose requests carry the time at which they were signed gets none that is old."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.adapters.brokers.icici_direct import IciciDirect
from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.broker import Answer, Request
from quantleap.domain.execution import Timing
from quantleap.services.gate import from_ns
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeLine, FakeZebu, Power, Store, T, VirtualLoop, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, run
from tests.unit.test_shard_pace import one_order_a_time
from tests.unit.test_shard_silence import again, dies_after

STAMP = "X-Timestamp"
OLDEST = timedelta(seconds=5)


@pytest.fixture
def ages(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """Zebu's wire with Breeze's habit of signing the time; how old each request was that left."""
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"signs_time": True}))
    for call in ("place", "cancel", "order_book"):
        monkeypatch.setattr(Zebu, call, signed(getattr(Zebu, call)))
    found: list[timedelta] = []

    def write(line: FakeLine, payload: bytes, real: Callable[..., Awaitable[Answer]]) -> Awaitable[Answer]:
        stamp = next(head for head in payload.split(b"\r\n") if head.startswith(STAMP.encode()))
        found.append(now() - datetime.fromisoformat(stamp.decode().split(": ")[1]))
        return real(line, payload)

    real = FakeLine.write
    monkeypatch.setattr(FakeLine, "write", lambda line, payload: write(line, payload, real))
    return found


def signed(call: Callable[..., Request]) -> Callable[..., Request]:
    def made(*arguments: Any) -> Request:
        request = call(*arguments)
        return request._replace(headers={**request.headers, STAMP: now().isoformat()})

    return made


def now() -> datetime:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return from_ns(loop.now_ns())


def test_no_order_and_no_look_is_signed_long_before_it_leaves(ages: list[timedelta]) -> None:
    """Orders at the boundary and seconds after it, looks into the book all the while."""
    store, broker = one_order_a_time(lots=6), FakeZebu(behave=lambda _, __: Behaviour(latency_s=0.3))

    assert run(store, broker).counts == {"filled": 48}
    assert max(broker.arrivals) > T + timedelta(seconds=10)
    assert max(ages) <= OLDEST


def test_nothing_old_is_sent_where_the_broker_is_slow_refuses_for_pace_or_lets_orders_rest(
    ages: list[timedelta],
) -> None:
    store, broker = a_store(2), FakeZebu(cancels_fail=2, book_fails=2, connects_in_s=2.0, hangs_up_after_s=5)
    broker.behave = lambda _, count: Behaviour(
        refusal="Rate limit exceeded" if count in {1, 3} else None, book_status="OPEN" if count == 4 else "COMPLETE"
    )

    run(store, broker)

    assert broker.cancelled
    assert max(ages) <= OLDEST


def test_a_successor_signs_anew_what_it_looks_up_and_completes(ages: list[timedelta]) -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 1)

    assert again(store, broker, timedelta(seconds=32)).counts == {"filled": 4}
    assert max(ages) <= OLDEST


def test_nothing_is_computed_at_the_boundary(ages: list[timedelta], monkeypatch: pytest.MonkeyPatch) -> None:
    made = making(monkeypatch)

    play(partial(serve, a_desk(a_store(2), FakeZebu(), Power()), an_errand()), WARM)

    assert ages
    assert made == [WARM] * 8 + [T - Timing().last_look] * 8


def test_brokers_that_sign_no_time_have_everything_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = making(monkeypatch)

    play(partial(serve, a_desk(a_store(2), FakeZebu(), Power()), an_errand()), WARM)

    assert made == [WARM] * 8


def making(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When orders are turned into requests."""
    made: list[datetime] = []
    real = Zebu.place

    def place(*arguments: Any) -> Request:
        made.append(now())
        return real(*arguments)

    monkeypatch.setattr(Zebu, "place", place)
    return made


def test_who_signs_the_time_says_so() -> None:
    assert {name for name, kind in BROKERS.items() if kind(None).capability.signs_time} == {IciciDirect.name}
