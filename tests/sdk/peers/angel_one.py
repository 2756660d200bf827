"""`smartapi-python`, which asks a public service for its address when it is imported: kept from that here."""

from typing import Any
from unittest.mock import patch

import requests

from tests.sdk.peers.peer import Order, Told

with patch("requests.get", side_effect=requests.ConnectionError):
    from SmartApi import SmartConnect


class AngelOne:
    def __init__(self, told: Told) -> None:
        self._api = SmartConnect(told["api_key"], access_token=told["access_token"], root=told["base"])

    def place(self, order: Order) -> str:
        given = {"transactiontype": order["side"], "squareoff": "0", "stoploss": "0", "ordertag": order["tag"]}
        return str(self._api.placeOrder(_fields(order) | given))

    def modify(self, number: str, order: Order) -> None:
        answer = self._api.modifyOrder(_fields(order) | {"orderid": number})
        if not answer["status"]:
            raise RuntimeError(answer["message"])

    def cancel(self, number: str, order: Order) -> None:
        self._api.cancelOrder(number, "STOPLOSS" if order["trigger"] else "NORMAL")


def _fields(order: Order) -> dict[str, Any]:
    """The fields that the documentation's examples have in common."""
    fields = {
        "variety": "STOPLOSS" if order["trigger"] else "NORMAL",
        "tradingsymbol": order["symbol"],
        "symboltoken": order["token"],
        "exchange": order["exchange"],
        "ordertype": "STOPLOSS_LIMIT" if order["trigger"] else "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": str(order["price"]),
        "quantity": str(order["quantity"]),
    }
    return fields | ({"triggerprice": str(order["trigger"])} if order["trigger"] else {})


client = AngelOne
