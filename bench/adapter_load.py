"""Orders through one broker's adapter over our lines.

`python -m bench.adapter_load BROKER SIMULATOR ORDERS LINES ROUNDS` logs in as a client, opens the lines, places so many
orders in each round and writes one line of JSON for it.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, date, datetime
from decimal import Decimal

from quantleap.adapters.lines import AsyncLine, AsyncLines, new_loop
from quantleap.domain.broker import OrderRequest
from quantleap.domain.contracts import Contract, ExpiryType, Index, Right
from quantleap.domain.series import expiry_date
from quantleap.domain.sessions import AlwaysOpen
from tests.unit.desk import Desk
from tests.unit.simulator import Hands, Remote


def desk(broker: str, simulator: str) -> Desk:
    """A client of the broker, logged in."""
    return Desk(broker, Remote(simulator, Hands(datetime.now(UTC))))


def resting(desk: Desk, on: date) -> OrderRequest:
    """An order that the market does not take."""
    expiry = expiry_date(Index.NIFTY, ExpiryType.MONTHLY, on, AlwaysOpen())
    call = Contract(Index.NIFTY, expiry, Decimal(26000), Right.CE)
    return desk.order(call, limit_price=Decimal("0.35"), algo_id="QLALGO1")


async def play(desk: Desk, order: OrderRequest, orders: int, lines: int, rounds: int) -> None:
    """Place the orders of each round, shared out among the lines."""
    ours = AsyncLines()
    opened = [ours.line(desk.broker.base_url) for _ in range(lines)]
    await asyncio.gather(*(line.open() for line in opened))
    for _ in range(rounds):
        began, spent = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_place(desk, ours, line, order, orders // lines) for line in opened))
        took = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - spent}
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


async def _place(desk: Desk, lines: AsyncLines, line: AsyncLine, order: OrderRequest, orders: int) -> None:
    for _ in range(orders):
        request = desk.broker.place(desk.session, order)
        desk.broker.placed(await line.write(lines.prepare(request)))


def main(broker: str, simulator: str, *sizes: str) -> None:
    """Set up, then play."""
    client = desk(broker, simulator)
    order = resting(client, datetime.now(UTC).date())
    asyncio.run(play(client, order, *map(int, sizes)), loop_factory=new_loop)


if __name__ == "__main__":
    main(*sys.argv[1:])
