"""Connections of the order path against a real server on loopback that behaves as it is told."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bench import certificates
from quantleap.adapters import lines
from quantleap.adapters.answers import MOST_BYTES
from quantleap.adapters.lines import Address, AsyncLine, AsyncLines, prepare
from quantleap.domain.broker import NotSent, Request, Unknown

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
"""Workers run on the second; nothing here may depend on it."""

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ORDER = Request("POST", "http://broker:80/zebu", "/Place", {"Content-Type": "text/plain"}, b"jData={}")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\n{}"


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve whoever calls; the port."""

    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(until_closed, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def opened(line: AsyncLine) -> AsyncIterator[AsyncLine]:
    await line.open()
    try:
        yield line
    finally:
        line.close()


@asynccontextmanager
async def a_line(serve: Serve) -> AsyncIterator[AsyncLine]:
    async with serving(serve) as port, opened(AsyncLines().line(f"http://127.0.0.1:{port}/zebu")) as line:
        yield line


def answering(*answers: bytes, then_close: bool = False) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"jData={}")
            writer.write(answer)
            await writer.drain()
        if not then_close:
            await reader.read()

    return serve


async def test_answers_come_back_whole_one_after_another_on_one_connection() -> None:
    async with a_line(answering(OK, OK)) as line:
        for _ in range(2):
            answer = await line.write(prepare(ORDER))
            assert (answer.status, answer.headers["x-id"], answer.body) == (200, "7", b"{}")


async def test_an_answer_in_chunks_and_drips_is_put_together() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"jData={}")
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()

    async with a_line(drip) as line:
        assert (await line.write(prepare(ORDER))).body == b"abcde"


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"HTTP/1.1 200", b"SSH-2.0-nonsense\r\n\r\n"]
)
async def test_an_answer_that_breaks_off_or_is_no_http_is_unknown(answer: bytes) -> None:
    async with a_line(answering(answer, then_close=True)) as line:
        with pytest.raises(Unknown):
            await line.write(prepare(ORDER))


async def test_an_answer_too_large_to_trust_is_unknown() -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {MOST_BYTES * 2}\r\n\r\n".encode()
    async with a_line(answering(head + b"x" * (MOST_BYTES + 1))) as line:
        with pytest.raises(Unknown):
            await line.write(prepare(ORDER))


async def test_hanging_up_makes_an_awaited_answer_unknown() -> None:
    async with a_line(answering()) as line:
        waiting = line.write(prepare(ORDER))
        line.close()
        with pytest.raises(Unknown):
            await waiting


async def test_a_line_the_broker_closed_says_so_before_a_byte_leaves_and_can_be_opened_again() -> None:
    async with a_line(answering(OK, then_close=True)) as line:
        await line.write(prepare(ORDER))
        await asyncio.sleep(0.05)
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))
        await line.open()
        assert (await line.write(prepare(ORDER))).status == 200


def again(*later: bytes) -> Serve:
    """Answers the first request, and goes on with what nobody asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"jData={}")
        for part in (OK, *later):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        await answering(OK)(reader, writer)

    return serve


@pytest.mark.parametrize("later", [(OK,), (OK[:20], OK[20:]), (OK[:20],)], ids=["whole", "in two parts", "in part"])
async def test_a_second_answer_to_one_request_is_not_taken_for_the_next_ones(later: tuple[bytes, ...]) -> None:
    async with a_line(again(*later)) as line:
        await line.write(prepare(ORDER))
        await asyncio.sleep(0.1)
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))


async def test_two_answers_that_come_together_are_one_answer_and_the_end_of_the_line() -> None:
    async with a_line(answering(OK + OK, OK)) as line:
        assert (await line.write(prepare(ORDER))).body == b"{}"
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))
        await line.open()
        assert (await line.write(prepare(ORDER))).body == b"{}"


async def test_what_came_unasked_is_seen_before_the_next_request_leaves() -> None:
    told = asyncio.Event()

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"jData={}")
        writer.write(OK)
        await told.wait()
        writer.write(OK)
        time.sleep(0.05)  # noqa: ASYNC251 - both sides share the loop: it must not read before it writes
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))
        seen.set()

    seen = asyncio.Event()
    async with a_line(twice) as line:
        await line.write(prepare(ORDER))
        told.set()
        await asyncio.wait_for(seen.wait(), 5)


async def test_a_second_request_does_not_overtake_the_first() -> None:
    async with a_line(answering()) as line:
        line.write(prepare(ORDER)).cancel()
        with pytest.raises(NotSent, match="busy"):
            line.write(prepare(ORDER))


async def test_nobody_listening_is_certainly_not_sent() -> None:
    server = await asyncio.start_server(answering(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    with pytest.raises(NotSent):
        await AsyncLines().line(f"http://127.0.0.1:{port}").open()


async def test_the_answer_is_the_one_after_the_interim_ones() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"jData={}")
            for part in (interim, interim + OK[:30], OK[30:]):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)

    async with a_line(serve) as line:
        for _ in range(2):
            assert (await line.write(prepare(ORDER))).body == b"{}"


async def test_an_answer_that_ends_with_the_connection_counts() -> None:
    async with a_line(answering(b"HTTP/1.0 429 Too Many\r\n\r\n{}", then_close=True)) as line:
        answer = await line.write(prepare(ORDER))

        assert (answer.status, answer.body) == (429, b"{}")
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))


async def test_another_protocol_is_no_answer_and_nothing_hangs() -> None:
    switched = b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
    async with a_line(answering(switched)) as line:
        with pytest.raises(Unknown):
            await asyncio.wait_for(line.write(prepare(ORDER)), 2)


# --- What left, and what certainly did not ---


@asynccontextmanager
async def a_full_line(free_bytes: int) -> AsyncIterator[AsyncLine]:
    """A connection whose other side reads nothing, with so much room left for what is sent."""
    async with a_line(answering()) as line:
        talk: Any = line._talk
        kept = talk._connection
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        room = kept.dup()
        with room, suppress(BlockingIOError):
            while not free_bytes:
                room.send(bytes(65_536))
        yield line


async def test_what_the_system_takes_nothing_of_was_certainly_not_sent() -> None:
    async with a_full_line(free_bytes=0) as line:
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))
        with pytest.raises(NotSent):
            line.write(prepare(ORDER))


async def test_what_the_system_takes_a_part_of_is_unknown() -> None:
    async with a_full_line(free_bytes=1) as line:
        with pytest.raises(Unknown):
            await line.write(prepare(ORDER._replace(body=bytes(8_000_000))))


# --- TLS ---


class Secured:
    """A server of TLS that says one thing to each caller and ends as it is told."""

    def __init__(self, folder: Path) -> None:
        self.files = certificates.make(folder)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.files.chain, self.files.key)

    @asynccontextmanager
    async def serving(self, answer: bytes, *, says_goodbye: bool) -> AsyncIterator[AsyncLine]:
        def serve(listener: socket.socket) -> None:
            listener.settimeout(5)
            raw, _ = listener.accept()
            with self.tls.wrap_socket(raw, server_side=True) as connection:
                connection.recv(65_536)
                connection.sendall(answer)
                if says_goodbye:
                    with suppress(OSError):
                        connection.unwrap()
                connection.shutdown(socket.SHUT_RDWR)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            served = asyncio.get_running_loop().run_in_executor(None, serve, listener)
            client = ssl.create_default_context(cafile=self.files.authority)
            line = AsyncLine(Address("127.0.0.1", listener.getsockname()[1], client))
            await line.open()
            yield line
            line.close()
            await served


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    return Secured(tmp_path_factory.mktemp("tls"))


async def test_an_end_that_tls_vouches_for_ends_a_body(secured: Secured) -> None:
    async with secured.serving(b"HTTP/1.1 200 OK\r\n\r\n{}", says_goodbye=True) as line:
        assert (await line.write(prepare(ORDER))).body == b"{}"


async def test_an_end_that_anybody_may_have_made_does_not(secured: Secured) -> None:
    async with secured.serving(b"HTTP/1.1 200 OK\r\n\r\n{}", says_goodbye=False) as line:
        with pytest.raises(Unknown):
            await line.write(prepare(ORDER))


async def test_an_answer_with_its_length_needs_no_goodbye(secured: Secured) -> None:
    async with secured.serving(OK, says_goodbye=False) as line:
        assert (await line.write(prepare(ORDER))).body == b"{}"


async def test_a_server_nobody_vouches_for_gets_nothing(secured: Secured) -> None:
    async with serving(answering(OK), secured.tls) as port:
        with pytest.raises(NotSent):
            await AsyncLines().line(f"https://127.0.0.1:{port}").open()


# --- Several addresses ---


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of a host that never answers a call: its backlog is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port, callers = listener.getsockname()[1], []
        for _ in range(3):
            caller = socket.socket()
            caller.settimeout(0)
            with suppress(BlockingIOError):
                caller.connect(("127.0.0.1", port))
            callers.append(caller)
        await asyncio.sleep(0.05)
        yield port
        for caller in callers:
            caller.close()


@asynccontextmanager
async def mute() -> AsyncIterator[int]:
    """The port of a host that takes a call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def resolving_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    async def looked_up(_address: Address) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(lines, "looked_up", looked_up)


async def test_an_address_that_never_answers_leaves_the_next_one_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(OK)) as port, silent() as deaf:
        resolving_to(monkeypatch, deaf, deaf, port)
        begun = time.monotonic()
        async with opened(AsyncLine(Address("broker", port, None))) as line:
            assert time.monotonic() - begun < lines.CONNECT_TIMEOUT_S - 1
            assert (await line.write(prepare(ORDER))).status == 200


async def test_an_address_that_never_shakes_hands_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, secured: Secured
) -> None:
    client = ssl.create_default_context(cafile=secured.files.authority)
    async with serving(answering(OK), secured.tls) as port, mute() as first:
        resolving_to(monkeypatch, first, port)
        async with opened(AsyncLine(Address("127.0.0.1", port, client))) as line:
            assert (await line.write(prepare(ORDER))).status == 200


async def test_an_address_that_refuses_costs_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(OK)) as port:
        resolving_to(monkeypatch, 1, 1, port)
        begun = time.monotonic()
        async with opened(AsyncLine(Address("broker", port, None))) as line:
            assert time.monotonic() - begun < lines.NEXT_ADDRESS_AFTER_S / 2
            assert (await line.write(prepare(ORDER))).status == 200


async def test_a_host_of_which_no_address_answers_is_certainly_not_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CONNECT_TIMEOUT_S", 0.2)
    async with silent() as deaf:
        resolving_to(monkeypatch, deaf, 1, deaf)
        with pytest.raises(NotSent):
            await AsyncLine(Address("broker", 1, None)).open()


async def test_a_host_without_an_address_is_certainly_not_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving_to(monkeypatch)
    with pytest.raises(NotSent):
        await AsyncLine(Address("broker", 1, None)).open()
