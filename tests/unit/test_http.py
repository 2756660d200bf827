"""The client of logins and lists against a real server on loopback that answers as it is told."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep

import pytest

from bench import certificates
from quantleap.adapters import http
from quantleap.adapters.http import UrllibHttp
from quantleap.domain.broker import Answer, BadInput, NotSent, Request, Unknown

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
"""The head of an answer that ends when the connection does."""

TIME_S = 0.3
LONG_S = 5.0
"""What dripping would take if nobody gave it up."""

type Serve = Callable[[socket.socket], None]


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """Serve connections one after another; the address."""

    def loop() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                opened.append(connection)
                with connection, suppress(OSError):
                    serve(connection)

    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for one in (listener, *opened):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            thread.join()


def saying(*parts: bytes, pause_s: float = 0) -> Serve:
    """Answers one request with these parts and hangs up."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        for part in parts:
            sleep(pause_s)
            connection.sendall(part)

    return serve


def single(text: bytes) -> Iterable[bytes]:
    return (text[at : at + 1] for at in range(len(text)))


def ask(base_url: str, client: UrllibHttp | None = None, timeout_s: float = 5) -> Answer:
    request = Request("GET", base_url, "/list", {"Accept": "text/csv"}, b"")
    return (client or UrllibHttp()).send(request, timeout_s=timeout_s)


def test_an_answer_comes_back_whole_with_its_headers_in_lower_case() -> None:
    with serving(saying(OK)) as base_url:
        assert ask(base_url) == Answer(200, {"content-length": "2", "x-id": "7"}, b"{}")


def test_an_answer_in_drips_is_put_together() -> None:
    with serving(saying(*single(OK), pause_s=0.001)) as base_url:
        assert ask(base_url).body == b"{}"


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *single(b"x" * 500)),
        (ENDLESS, *single(b"x" * 500)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 500, b"0\r\n\r\n"),
        tuple(single(OK.replace(b"X-Id: 7", b"X-Id: " + b"7" * 500))),
        (*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 500, OK),
    ],
    ids=["body", "body without length", "chunks", "head", "go on for ever"],
)
def test_an_answer_that_drips_on_is_given_up_when_its_time_is_over(parts: tuple[bytes, ...]) -> None:
    with serving(saying(*parts, pause_s=LONG_S / 500)) as base_url, pytest.raises(Unknown):
        ask(base_url, timeout_s=TIME_S)


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"SSH-2.0-nonsense\r\n\r\n"]
)
def test_an_answer_that_breaks_off_or_is_no_http_is_unknown(part: bytes) -> None:
    with serving(saying(part)) as base_url, pytest.raises(Unknown):
        ask(base_url)


def test_an_answer_too_large_to_trust_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1000)

    with serving(saying(ENDLESS, b"x" * 1001)) as base_url, pytest.raises(Unknown, match="too large"):
        ask(base_url)


@pytest.mark.parametrize("pause_s", [0, 0.02], ids=["at once", "later"])
def test_a_second_answer_to_one_request_is_not_taken_for_the_next_ones(pause_s: float) -> None:
    client, stray = UrllibHttp(), OK.replace(b"{}", b"[]")

    def serve(connection: socket.socket) -> None:
        while connection.recv(65_536):
            for part in (OK, stray) if pause_s else (OK + stray,):
                connection.sendall(part)
                sleep(pause_s)

    with serving(serve) as base_url:
        for _ in range(2):
            assert ask(base_url, client).body == b"{}"
            sleep(2 * pause_s)


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"

    with serving(saying(moved)) as base_url:
        assert ask(base_url).status == 302


def test_nobody_listening_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotSent):
        ask(f"http://127.0.0.1:{port}")


INTERIM = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def test_the_answer_is_the_one_after_the_interim_ones() -> None:
    with serving(saying(INTERIM + INTERIM + OK)) as base_url:
        assert ask(base_url) == Answer(200, {"content-length": "2", "x-id": "7"}, b"{}")


@pytest.mark.parametrize("status", [b"101 Switching", b"600 Odd"])
def test_what_is_no_final_answer_is_unknown(status: bytes) -> None:
    with serving(saying(OK.replace(b"200 OK", status))) as base_url, pytest.raises(Unknown):
        ask(base_url)


def packed(coding: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(body)) + body


def test_a_packed_answer_is_unpacked_though_nobody_asked_for_it() -> None:
    with serving(saying(packed(b"gzip", gzip.compress(b"{}")))) as base_url:
        assert ask(base_url).body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [packed(b"br", b"{}"), packed(b"gzip", b"{}"), packed(b"gzip", gzip.compress(b"a,b\n1,2\n")[:-9])],
    ids=["a coding we cannot read", "not packed", "cut"],
)
def test_an_answer_that_cannot_be_unpacked_is_unknown(answer: bytes) -> None:
    with serving(saying(answer)) as base_url, pytest.raises(Unknown):
        ask(base_url)


@pytest.mark.parametrize("token", ["a\r\nX: b", "\u20b9"])
def test_a_header_that_cannot_be_sent_is_refused(token: str) -> None:
    with serving(saying(OK)) as base_url, pytest.raises(BadInput):
        UrllibHttp().send(Request("GET", base_url, "/list", {"Authorization": token}, b""))


def test_a_server_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    files = certificates.make(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.chain, files.key)

    def shake_hands(connection: socket.socket) -> None:
        with suppress(OSError):
            tls.wrap_socket(connection, server_side=True).close()

    with serving(shake_hands) as base_url, pytest.raises(NotSent):
        ask(base_url.replace("http:", "https:"))
