"""Two workers on one shard: the one that was overtaken may finish its sentence, but not have the last word."""

import asyncio
from datetime import timedelta

from quantleap.domain.execution import State
from quantleap.services.gate import Fenced
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeZebu, T, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, states


def test_what_an_overtaken_worker_learned_is_not_stored_over_what_its_successor_does() -> None:
    """The first is refused a hedge, which no book tells; the second sends it again, and that one is filled."""
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, tries: Behaviour(refusal="RMS:Margin Exceeds" if tries == 1 else None))

    async def successor() -> None:
        await asyncio.sleep((T - WARM + timedelta(milliseconds=10)).total_seconds())
        await serve(a_desk(store, broker), an_errand(attempt=1))

    async def both() -> list[object]:
        first = serve(a_desk(store, broker), an_errand())
        return list(await asyncio.gather(first, successor(), return_exceptions=True))

    first, second = play(both, WARM)

    assert isinstance(first, Fenced)
    assert second is None
    assert states(store.tickets["sub_0#alloc_0"]) == [State.FILLED] * 4
    assert len({order["remarks"] for order in broker.orders}) == len(broker.orders) == 4
    assert store.reports[0].counts == {"filled": 4}
