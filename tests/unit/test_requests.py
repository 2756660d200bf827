"""Requests of the order path as they go over the wire."""

import pytest

from quantleap.adapters.lines import prepare
from quantleap.domain.broker import BadInput, Request


def test_a_request_is_prepared_whole() -> None:
    order = Request("POST", "http://broker:80/zebu", "/Place", {"Content-Type": "text/plain"}, b"jData={}")

    assert prepare(order) == (
        b"POST /zebu/Place HTTP/1.1\r\nHost: broker:80\r\nAccept-Encoding: identity\r\n"
        b"Content-Type: text/plain\r\nContent-Length: 8\r\n\r\njData={}"
    )


def test_a_request_without_content_says_nothing_of_its_length() -> None:
    book = Request("GET", "https://broker", "/orders", {}, b"")

    assert prepare(book) == b"GET /orders HTTP/1.1\r\nHost: broker\r\nAccept-Encoding: identity\r\n\r\n"


def test_a_post_without_content_says_so() -> None:
    assert b"Content-Length: 0" in prepare(Request("POST", "https://broker", "/orders", {}, b""))


@pytest.mark.parametrize("token", ["a\r\nX: b", "a\nb", "a\0b", "a\x7f", "t\u00e9", "\u20b9", "\ud800"])
def test_a_token_that_fits_no_header_is_refused_before_a_byte_is_made(token: str) -> None:
    with pytest.raises(BadInput):
        prepare(Request("GET", "https://broker", "/orders", {"Authorization": token}, b""))


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: b", "/\u20b9"])
def test_so_is_a_target(target: str) -> None:
    with pytest.raises(BadInput):
        prepare(Request("GET", "https://broker", target, {}, b""))
