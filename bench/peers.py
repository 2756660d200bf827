"""The same orders by the clients one would otherwise use: the broker's own SDK, requests and httpx, with threads.

`python -m bench.peers WAY URL ACCOUNTS ORDERS PASSES` runs in the environment of the SDKs and writes one line of JSON
for each pass, after one that does not count. Each account has a client of its own with its connection kept open.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

THREADS = 32

FORM = {
    "variety": "regular",
    "exchange": "NFO",
    "tradingsymbol": "NIFTY26N2426200CE",
    "transaction_type": "BUY",
    "quantity": 65,
    "product": "MIS",
    "order_type": "LIMIT",
    "price": 110.55,
    "validity": "DAY",
    "tag": "ql0123456789abcdefgh",
}

type Place = Callable[[], str]


def sdk(url: str, account: int) -> Place:
    """The broker's own client."""
    client = importlib.import_module("kiteconnect").KiteConnect(api_key="bench", access_token=f"{account}", root=url)
    return lambda: str(client.place_order(**FORM))


def plain(module: str, client: str, url: str, account: int) -> Place:
    """A general HTTP client, used as the SDK uses its own."""
    session = getattr(importlib.import_module(module), client)()
    headers = {"X-Kite-Version": "3", "Authorization": f"token bench:{account}"}

    def place() -> str:
        answer: Any = session.post(f"{url}/orders/regular", data=FORM, headers=headers).json()
        return str(answer["data"]["order_id"])

    return place


def clients(way: str, url: str, accounts: int) -> list[Place]:
    """What places an order, for each account."""
    if way == "sdk":
        return [sdk(url, account) for account in range(accounts)]
    kind = {"requests": "Session", "httpx": "Client"}[way]
    return [plain(way, kind, url, account) for account in range(accounts)]


def measure(way: str, url: str, accounts: int, orders: int, passes: int) -> None:
    """Time the passes of one client."""
    places = clients(way, url, accounts)

    def all_of(place: Place) -> None:
        for _ in range(orders):
            place()

    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(passes + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            list(pool.map(all_of, places))
            spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            if number:
                sys.stdout.write(json.dumps({"orders": accounts * orders, **spent}) + "\n")


if __name__ == "__main__":
    measure(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
