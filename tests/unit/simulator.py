"""A running broker simulator and a client that speaks Zebu's wire format by hand, for tests of the simulator."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from quantleap.domain.clock import IST
from sandbox.broker.server import server
from sandbox.broker.simulator import Settings

MORNING = datetime(2026, 11, 23, 10, 0, tzinfo=IST)
"""A Monday on which NIFTY's week and month expire: the Tuesday after is a holiday."""

TEST_APP = ("test_api_key", "test_api_secret")
CALL = "NIFTY01DEC26C26000"


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = MORNING) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


class Remote:
    """What a client of the simulator can do."""

    def __init__(self, base: str, clock: Hands) -> None:
        self.base = base
        self.clock = clock
        self._pool = urllib3.PoolManager(retries=False, timeout=10)

    def get(self, path: str, **query: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("GET", self.base + path, fields=query)

    def send(self, method: str, path: str, body: object = None) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, self.base + path, json=body)

    def submit(self, path: str, **form: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("POST", self.base + path, fields=form, encode_multipart=False, redirect=False)

    def raw(self, call: str, body: bytes, token: str = "", timeout: float = 10) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.base}/zebu/NorenWClientAPI/{call}"
        return self._pool.request("POST", url, body=body, headers=headers, timeout=timeout)

    def zebu(self, call: str, fields: Mapping[str, object], token: str = "", timeout: float = 10) -> Any:
        return self.raw(call, b"jData=" + json.dumps(fields).encode(), token, timeout).json()

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], fields: object = None
    ) -> urllib3.BaseHTTPResponse:
        """Send a form, or JSON where the headers say so."""
        given = {name.lower(): value for name, value in headers.items()}
        if given.get("content-type") == "application/json":
            body: object = json.dumps(fields)
        else:
            body = urlencode(fields) if isinstance(fields, Mapping) else fields
        return self._pool.request(method, self.base + path, body=body, headers=dict(headers))  # type: ignore[arg-type]  # a text or nothing

    def code(self, uid: str = "TEST123", app: str = TEST_APP[0]) -> str:
        """What Zebu's login page returns with to whoever logs in there."""
        page = "/zebu/OAuthlogin/authorize/oauth?" + urlencode({"client_id": app, "redirect_uri": "https://localhost/"})
        answer = self.submit(page, user_id=uid)
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def redeem(self, code: str, uid: str | None, app: tuple[str, str] = TEST_APP) -> Any:
        checksum = hashlib.sha256(f"{''.join(app)}{code}".encode()).hexdigest()
        return self.zebu("GenAcsTok", {"code": code, "checksum": checksum} | ({"uid": uid} if uid else {}))

    def login(self, uid: str = "TEST123") -> str:
        return str(self.redeem(self.code(uid), uid)["access_token"])

    def quote(self, strike: str = "26000", right: str = "CE", expiry: str = "2026-12-01") -> dict[str, str]:
        chain = self.get("/feed/NIFTY", expiry=expiry).json()["chain"]
        return next(line for line in chain if (line["strike"], line["right"]) == (strike, right))

    def behave(self, **changes: object) -> None:
        answer = self.send("PUT", "/control/behaviour", changes)
        assert answer.status == 200, answer.data

    def orders(self, **query: str) -> list[dict[str, Any]]:
        return list(self.get("/control/orders", **query).json()["orders"])


def an_order(uid: str = "TEST123", **changes: object) -> dict[str, object]:
    """A buy limit order that the market takes at once."""
    return {
        "uid": uid,
        "actid": uid,
        "exch": "NFO",
        "tsym": CALL,
        "qty": "65",
        "prc": "2000.00",
        "trgprc": "0",
        "dscqty": "0",
        "prd": "I",
        "trantype": "B",
        "prctyp": "LMT",
        "ret": "DAY",
        "ordersource": "API",
        "remarks": "ql0001",
    } | changes


@contextmanager
def running(settings: Settings = Settings(), clock: Hands | None = None) -> Iterator[Remote]:  # noqa: B008 - immutable
    """Serve on a free port of this machine until the block ends."""
    clock = clock or Hands()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = server(settings, clock)
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]})
        thread.start()
        while not serving.started:
            assert thread.is_alive(), "the simulator did not start"
            time.sleep(0.005)
        try:
            yield Remote(f"http://127.0.0.1:{listener.getsockname()[1]}", clock)
        finally:
            serving.should_exit = True
            thread.join()
