"""Requests of the order path as they go over the wire."""

from quantleap.adapters.lines import prepare
from quantleap.domain.broker import Request


def test_a_request_is_prepared_whole() -> None:
    order = Request("POST", "http://broker:80/zebu", "/Place", {"Content-Type": "text/plain"}, b"jData={}")

    assert prepare(order) == (
        b"POST /zebu/Place HTTP/1.1\r\nHost: broker:80\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\njData={}"
    )
