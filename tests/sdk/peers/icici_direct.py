"""`breeze-connect`, which fetches the list of contracts when it is imported: it gets an empty one here.

Its login fetches more lists, so what the login leaves behind is set by hand.
"""

import base64
import io
import zipfile
from typing import Any
from unittest.mock import patch

from tests.sdk.peers.peer import Order, Told

STOCKS = {"NIFTY": "NIFTY", "BANKNIFTY": "CNXBAN"}


def _empty_list() -> io.BytesIO:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    file.seek(0)
    return file


with patch("urllib.request.urlopen", return_value=_empty_list()):
    import breeze_connect.breeze_connect as sdk


class IciciDirect:
    def __init__(self, told: Told) -> None:
        sdk.config.API_URL = f"{told['base']}/breezeapi/api/v1/"
        breeze = sdk.BreezeConnect(told["api_key"])
        breeze.secret_key = told["api_secret"]
        breeze.user_id, breeze.session_key = base64.b64decode(told["access_token"]).decode().split(":")
        breeze.api_handler = sdk.ApificationBreeze(breeze)
        self._breeze = breeze

    def place(self, order: Order) -> str:
        answer = self._breeze.place_order(
            stock_code=STOCKS[order["index"]],
            exchange_code=order["exchange"],
            product="options",
            action=order["side"].lower(),
            order_type="stoploss" if order["trigger"] else "limit",
            stoploss=str(order["trigger"]) if order["trigger"] else "",
            quantity=str(order["quantity"]),
            price=str(order["price"]),
            validity="day",
            expiry_date=f"{order['expiry']}T06:00:00.000Z",
            right="call" if order["right"] == "CE" else "put",
            strike_price=order["strike"],
            user_remark=order["tag"],
        )
        return str(_good(answer)["order_id"])

    def modify(self, number: str, order: Order) -> None:
        answer = self._breeze.modify_order(
            order_id=number,
            exchange_code=order["exchange"],
            order_type="limit",
            quantity=str(order["quantity"]),
            price=str(order["price"]),
            validity="day",
        )
        _good(answer)

    def cancel(self, number: str, order: Order) -> None:
        _good(self._breeze.cancel_order(exchange_code=order["exchange"], order_id=number))


def _good(answer: Any) -> Any:
    if not answer["Success"]:
        raise RuntimeError(answer["Error"])
    return answer["Success"]


client = IciciDirect
