"""Connections of the order path against a real server on loopback that behaves as it is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from quantleap.adapters.lines import MOST_BYTES, AsyncLine, AsyncLines, prepare
from quantleap.domain.broker import NotSent, Request, Unknown

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
"""Workers run on the second; nothing here may depend on it."""

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ORDER = Request("POST", "http://broker:80/zebu", "/Place", {"Content-Type": "text/plain"}, b"jData={}")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\n{}"


@asynccontextmanager
async def a_line(serve: Serve) -> AsyncIterator[AsyncLine]:
    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(until_closed, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = AsyncLines().line(f"http://127.0.0.1:{port}/zebu")
    await line.open()
    try:
        yield line
    finally:
        line.close()
        server.close()
        await server.wait_closed()


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
