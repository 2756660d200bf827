"""`upstox-python-sdk`."""

import upstox_client as sdk

from tests.sdk.peers.peer import Order, Told


class Upstox:
    def __init__(self, told: Told) -> None:
        settings = sdk.Configuration()
        settings.host = settings.order_host = told["base"]
        settings.access_token = told["access_token"]
        self._orders = sdk.OrderApiV3(sdk.ApiClient(settings))

    def place(self, order: Order) -> str:
        body = sdk.PlaceOrderV3Request(
            quantity=order["quantity"],
            product="I",
            validity="DAY",
            price=order["price"],
            tag=order["tag"],
            slice=False,
            instrument_token=order["token"],
            order_type="SL" if order["trigger"] else "LIMIT",
            transaction_type=order["side"],
            disclosed_quantity=0,
            trigger_price=order["trigger"] or 0.0,
            is_amo=False,
        )
        return str(self._orders.place_order(body, algo_name=order["algo_id"]).data.order_ids[0])

    def modify(self, number: str, order: Order) -> None:
        body = sdk.ModifyOrderRequest(
            quantity=order["quantity"],
            validity="DAY",
            price=order["price"],
            order_id=number,
            order_type="LIMIT",
            trigger_price=0.0,
        )
        self._orders.modify_order(body, algo_name=order["algo_id"])

    def cancel(self, number: str, order: Order) -> None:
        self._orders.cancel_order(number, algo_name=order["algo_id"])


client = Upstox
