"""`myntapi`, whose own login needs a browser: the session is handed in as it would be after one."""

from myntapi import NorenApi_oauth

from tests.sdk.peers.peer import Order, Told

SIDES = {"BUY": "B", "SELL": "S"}


class Zebu:
    def __init__(self, told: Told) -> None:
        self._api = NorenApi_oauth(host=f"{told['base']}/NorenWClientAPI", websocket="")
        self._api.set_session(told["client_id"], "", told["access_token"])

    def place(self, order: Order) -> str:
        answer = self._api.place_order(
            buy_or_sell=SIDES[order["side"]],
            product_type="I",
            exchange=order["exchange"],
            tradingsymbol=order["symbol"],
            quantity=order["quantity"],
            discloseqty=0,
            price_type="SL-LMT" if order["trigger"] else "LMT",
            price=order["price"],
            trigger_price=order["trigger"],
            retention="DAY",
            remarks=order["tag"],
        )
        return str(answer["norenordno"])

    def modify(self, number: str, order: Order) -> None:
        self._api.modify_order(
            orderno=number,
            exchange=order["exchange"],
            tradingsymbol=order["symbol"],
            newquantity=order["quantity"],
            newprice_type="LMT",
            newprice=order["price"],
        )

    def cancel(self, number: str, order: Order) -> None:
        self._api.cancel_order(number)


client = Zebu
