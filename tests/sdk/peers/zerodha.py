"""`kiteconnect`."""

from kiteconnect import KiteConnect

from tests.sdk.peers.peer import Order, Told


class Zerodha:
    def __init__(self, told: Told) -> None:
        self._kite = KiteConnect(told["api_key"], access_token=told["access_token"], root=told["base"])

    def place(self, order: Order) -> str:
        return str(
            self._kite.place_order(
                variety="regular",
                exchange=order["exchange"],
                tradingsymbol=order["symbol"],
                transaction_type=order["side"],
                quantity=order["quantity"],
                product="MIS",
                order_type="SL" if order["trigger"] else "LIMIT",
                price=order["price"],
                validity="DAY",
                trigger_price=order["trigger"],
                algo_id=order["algo_id"],
                tag=order["tag"],
            )
        )

    def modify(self, number: str, order: Order) -> None:
        self._kite.modify_order(
            variety="regular",
            order_id=number,
            quantity=order["quantity"],
            price=order["price"],
            order_type="LIMIT",
            validity="DAY",
        )

    def cancel(self, number: str, order: Order) -> None:
        self._kite.cancel_order(variety="regular", order_id=number)


client = Zerodha
