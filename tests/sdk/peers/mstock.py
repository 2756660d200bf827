"""`mstock-tradingapi-a`, whose address is a constant of its configuration."""

from tradingapi_a import __config__ as settings
from tradingapi_a.mconnect import MConnect

from tests.sdk.peers.peer import Order, Told


class MStock:
    def __init__(self, told: Told) -> None:
        settings.default_root_uri = f"{told['base']}/"
        self._api = MConnect(api_key=told["api_key"], access_Token=told["access_token"])

    def place(self, order: Order) -> str:
        answer = self._api.place_order(
            "regular",
            order["symbol"],
            order["exchange"],
            order["side"],
            "SL" if order["trigger"] else "LIMIT",
            str(order["quantity"]),
            "MIS",
            "DAY",
            str(order["price"]),
            str(order["trigger"] or 0),
            "0",
            order["tag"],
        )
        return str(answer.json()["data"]["order_id"])

    def modify(self, number: str, order: Order) -> None:
        self._api.modify_order(number, "LIMIT", str(order["quantity"]), str(order["price"]), "DAY", "0", "0")

    def cancel(self, number: str, order: Order) -> None:
        self._api.cancel_order(number)


client = MStock
