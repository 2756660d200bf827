import asyncio
from datetime import datetime

from quantleap.services.gate import Gate
from tests.engine import Power, T, VirtualTimer, play


def test_who_comes_before_the_gate_is_open_waits_for_it() -> None:
    async def renew(until: datetime) -> None:
        """The lease is ours."""

    async def come_early() -> bool:
        gate = Gate(VirtualTimer(Power()), renew)
        waiting = asyncio.create_task(gate.passed())
        await asyncio.sleep(0.05)
        early = waiting.done()
        await gate.arm()
        await waiting
        return early

    assert not play(come_early, T)
