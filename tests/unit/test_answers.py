"""What RFC 9110 and 9112 ask of a client, line by line, and our reading beside that of two others."""

import contextlib
import gzip
import io
import socket
import zlib
from typing import Any, NamedTuple

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantleap.adapters.answers import MOST_BYTES, MOST_HEAD_BYTES, AnswerReader
from quantleap.adapters.http import _Head
from quantleap.domain.broker import Unknown

CRLF = b"\r\n"
BODY = b'{"status":"success"}'
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"8\r\n" + BODY[:8] + b"\r\nC\r\n" + BODY[8:] + b"\r\n0\r\n\r\n"


def head(status: int | str, *fields: bytes, version: bytes = b"1.1") -> bytes:
    return CRLF.join([b"HTTP/" + version + b" " + str(status).encode() + b" Said", *fields]) + CRLF * 2


def length(body: bytes = BODY) -> bytes:
    return b"Content-Length: %d" % len(body)


def packed(coding: bytes, body: bytes) -> bytes:
    return head(200, b"Content-Encoding: " + coding, length(body)) + body


OK = head(200, length()) + BODY


class Seen(NamedTuple):
    """What a reader makes of bytes; `status` 0 where nothing is to be trusted."""

    status: int
    body: bytes = b""
    reusable: bool = False


DOUBT = Seen(0)
GOOD = Seen(200, BODY, reusable=True)
LAST = Seen(200, BODY)
"""The answer counts, the connection does not."""

LINES: dict[str, tuple[bytes, Seen]] = {
    # RFC 9110: statuses
    "15.2 interim answers come before the final one": (head(100) + head(102) + head(103, b"Link: </a>") + OK, GOOD),
    "15.2 a status unknown to us is one of its hundred": (head(199) + OK, GOOD),
    "15.2 an interim answer alone is none": (head(102), DOUBT),
    "15.2.2 nobody asked for another protocol": (
        head(101, b"Connection: upgrade", b"Upgrade: h2c") + b"PRI * HTTP/2.0",
        DOUBT,
    ),
    "15.2.2 nor without saying which": (head(101) + OK, DOUBT),
    "7.8 an offer to upgrade is no upgrade": (
        head(200, b"Connection: Upgrade", b"Upgrade: h2c", length()) + BODY,
        GOOD,
    ),
    "15 below 100 there is no status": (head("099", length()) + BODY, DOUBT),
    "15 above 599 there is none either": (head(600, length()) + BODY, DOUBT),
    "15 a status has three digits": (head(2000, length()) + BODY, DOUBT),
    "15.4 a redirect is an answer": (head(307, b"Location: /", length(b"")), Seen(307, reusable=True)),
    "15.5.20 misdirected is an answer": (head(421, length()) + BODY, Seen(421, BODY, reusable=True)),
    "15.5.22 upgrade required is an answer": (head(426, length(b""), b"Upgrade: TLS/1.3"), Seen(426, reusable=True)),
    "RFC 8470 5.2 too early is an answer": (head(425, length()) + BODY, Seen(425, BODY, reusable=True)),
    "RFC 6585 4 too many is an answer": (head(429, b"Retry-After: 1", length(b"")), Seen(429, reusable=True)),
    # RFC 9110: fields and codings
    "5.1 names of fields have no case": (head(200, b"cOnTeNt-LeNgTh: 20") + BODY, GOOD),
    "5.5 a field may be empty": (head(200, b"X-Empty:", length()) + BODY, GOOD),
    "5.5 no NUL in a field": (head(200, b"X: a\0b", length()) + BODY, DOUBT),
    "5.5 no bare CR in a field": (head(200, b"X: a\rb", length()) + BODY, DOUBT),
    "5.5 what is beyond ASCII is opaque": (head(200, b"X: \xe9\xff", length()) + BODY, GOOD),
    "6.4.1 no content with 204": (head(204), Seen(204, reusable=True)),
    "6.4.1 a length with 204 is no content": (head(204, length()), Seen(204, reusable=True)),
    "6.4.1 no content with 304": (head(304, length()), Seen(304, reusable=True)),
    "6.4.1 content after 204 is nobody's": (head(204) + BODY, Seen(204)),
    "8.4 gzip": (packed(b"gzip", gzip.compress(BODY)), GOOD),
    "8.4.1.3 x-gzip is gzip, in any case": (packed(b"X-GZip", gzip.compress(BODY)), GOOD),
    "8.4.1.2 deflate is zlib's": (packed(b"deflate", zlib.compress(BODY)), GOOD),
    "8.4 identity": (packed(b"identity", BODY), GOOD),
    "8.4 a coding we cannot read": (packed(b"br", BODY), DOUBT),
    "8.4 two codings": (packed(b"gzip, gzip", gzip.compress(gzip.compress(BODY))), DOUBT),
    "8.4 not packed, though it says so": (packed(b"gzip", BODY), DOUBT),
    "8.4 packed and cut": (packed(b"gzip", gzip.compress(BODY)[:-4]), DOUBT),
    "8.4 packed, and more": (packed(b"gzip", gzip.compress(BODY) + b"x"), DOUBT),
    "8.4 packed and boundless": (packed(b"gzip", gzip.compress(bytes(MOST_BYTES + 1))), DOUBT),
    "8.4 packed without content": (head(204, b"Content-Encoding: gzip"), Seen(204, reusable=True)),
    # RFC 9112: messages
    "2.2 an empty line before a message": (CRLF + OK, GOOD),
    "2.2 bare LF ends no line": (OK.replace(CRLF, b"\n"), DOUBT),
    "2.2 no space before the first field": (b"HTTP/1.1 200 OK\r\n X: y\r\n" + length() + CRLF * 2 + BODY, DOUBT),
    "2.3 another version": (head(200, length(), version=b"2.0") + BODY, DOUBT),
    "2.3 no version": (BODY, DOUBT),
    "2.3 a later version of 1 that we do not know": (head(200, length(), version=b"1.2") + BODY, DOUBT),
    "4 a reason may be missing": (b"HTTP/1.1 200 \r\n" + length() + CRLF * 2 + BODY, GOOD),
    "5.1 no space before the colon": (head(200, b"Content-Length : 20") + BODY, DOUBT),
    "5.2 folded lines are not read": (head(200, b"X: a\r\n b", length()) + BODY, DOUBT),
    # RFC 9112: framing
    "6.1 a coding other than chunked": (head(200, b"Transfer-Encoding: gzip, chunked") + CHUNKS, DOUBT),
    "6.1 chunked is the last": (head(200, b"Transfer-Encoding: chunked, gzip") + CHUNKS, DOUBT),
    "6.1 chunked once": (head(200, CHUNKED, CHUNKED) + CHUNKS, DOUBT),
    "6.1 no coding in HTTP/1.0": (head(200, CHUNKED, version=b"1.0") + CHUNKS, DOUBT),
    "6.1 coding and length": (head(200, CHUNKED, length()) + CHUNKS, DOUBT),
    "6.1 length and coding": (head(200, length(), CHUNKED) + CHUNKS, DOUBT),
    "6.3 two lengths": (head(200, b"Content-Length: 20", b"Content-Length: 2") + BODY, DOUBT),
    "6.3 a list of lengths": (head(200, b"Content-Length: 20, 20") + BODY, DOUBT),
    "6.3 a length with a sign": (head(200, b"Content-Length: +20") + BODY, DOUBT),
    "6.3 a negative length": (head(200, b"Content-Length: -1") + BODY, DOUBT),
    "6.3 an empty length": (head(200, b"Content-Length:") + BODY, DOUBT),
    "6.3 a length beyond 64 bits": (head(200, b"Content-Length: 99999999999999999999") + BODY, DOUBT),
    "6.3 a body shorter than its length": (head(200, b"Content-Length: 21") + BODY, DOUBT),
    "6.3 without either the end is the end": (head(200) + BODY, LAST),
    "6.3 the same in HTTP/1.0": (head(200, version=b"1.0") + BODY, LAST),
    "6.3 a refusal that ends so counts too": (head(429, b"Connection: close") + BODY, Seen(429, BODY)),
    "6.3 and may be packed": (head(200, b"Content-Encoding: gzip") + gzip.compress(BODY), LAST),
    "8 a head that breaks off": (head(200)[:-2], DOUBT),
    # RFC 9112: chunks
    "7.1 chunks": (head(200, CHUNKED) + CHUNKS, GOOD),
    "7.1 sizes have no case, and noughts before them": (
        head(200, b"Transfer-Encoding: Chunked") + b"0014\r\n" + BODY + b"\r\n000\r\n\r\n",
        GOOD,
    ),
    "7.1 a size is hexadecimal": (head(200, CHUNKED) + b"0x14\r\n" + BODY + b"\r\n0\r\n\r\n", DOUBT),
    "7.1 a size beyond 64 bits": (head(200, CHUNKED) + b"f" * 17 + b"\r\n" + BODY + b"\r\n0\r\n\r\n", DOUBT),
    "7.1 a chunk longer than its size": (head(200, CHUNKED) + b"13\r\n" + BODY + b"\r\n0\r\n\r\n", DOUBT),
    "7.1 chunks without the last": (head(200, CHUNKED) + CHUNKS[:-5], DOUBT),
    "7.1 the last chunk without its end": (head(200, CHUNKED) + CHUNKS[:-2], DOUBT),
    "7.1.1 extensions are passed over": (
        head(200, CHUNKED) + b'14;a=1;b="c"\r\n' + BODY + b"\r\n0;z\r\n\r\n",
        GOOD,
    ),
    "7.1.2 trailers are passed over": (head(200, CHUNKED) + CHUNKS[:-2] + b"X-Sum: 1\r\n\r\n", GOOD),
    "7.1.2 trailers frame nothing": (head(200, CHUNKED) + CHUNKS[:-2] + b"Content-Length: 9\r\n\r\n", DOUBT),
    # RFC 9112: connections
    "9.3 a connection stays": (OK, GOOD),
    "9.3 not in HTTP/1.0": (head(200, length(), version=b"1.0") + BODY, LAST),
    "9.3 unless it says so": (head(200, b"Connection: keep-alive", length(), version=b"1.0") + BODY, GOOD),
    "9.6 close": (head(200, b"Connection: close", length()) + BODY, LAST),
    "9.6 close, in a list and any case": (head(200, b"Connection: x, CLOSE", length()) + BODY, LAST),
    "9.6 what comes after close": (head(200, b"Connection: close", length()) + BODY + OK, LAST),
    "9.2 a second answer is nobody's": (OK + OK, LAST),
    "9.2 nor is the beginning of one": (OK + OK[:9], LAST),
    "9.2 nor what is no HTTP": (OK + b"\0\0", LAST),
}
"""By section, each as it comes over a connection that then ends."""


def seen(raw: bytes, *cuts: int) -> Seen:
    """What our reader makes of bytes that come in pieces, until the connection ends."""
    reader, at = AnswerReader(), 0
    found = None
    with contextlib.suppress(Unknown):
        for cut in (*sorted(cuts), len(raw)):
            found = found if found and cut == at else reader.feed(raw[at:cut]) if cut > at else found
            at = cut
        found = found or reader.ended()
    return Seen(found.status, found.body, reader.reusable) if found else DOUBT


@pytest.mark.parametrize("line", LINES)
def test_a_client_reads_as_asked_of_it(line: str) -> None:
    raw, expected = LINES[line]

    assert seen(raw) == expected


@pytest.mark.parametrize("line", LINES)
def test_however_the_bytes_arrive_they_mean_the_same(line: str) -> None:
    raw, expected = LINES[line]
    end = min(len(raw), 2000)

    found = seen(raw, *range(1, end))

    assert (found.status, found.body) == (expected.status, expected.body)


def test_fields_of_one_name_are_a_list_and_trailers_no_part_of_it() -> None:
    raw = head(200, b"Via: a", b"via: b", CHUNKED) + CHUNKS[:-2] + b"Via: c\r\n\r\n"

    found = AnswerReader().feed(raw)

    assert found is not None
    assert found.headers["via"] == "a, b"


def fed(raw: bytes, at_once: int) -> None:
    """Bytes of which no part is an answer."""
    reader = AnswerReader()
    for at in range(0, len(raw), at_once):
        assert reader.feed(raw[at : at + at_once]) is None


@pytest.mark.parametrize(
    "raw",
    [
        head(200, b"X: " + b"a" * 2 * MOST_HEAD_BYTES, length()) + BODY,
        head(200, *[b"X: a"] * (MOST_HEAD_BYTES // 3), length()) + BODY,
        head(100) * (MOST_HEAD_BYTES // 20),
        head(200, CHUNKED) + b"1;" + b"x" * MOST_BYTES,
        head(200, CHUNKED) + b"0\r\n" + b"X: a\r\n" * (MOST_BYTES // 6),
        head(200) + bytes(MOST_BYTES),
    ],
    ids=["a field", "fields", "interim answers", "a chunk's extension", "trailers", "a body"],
)
def test_nothing_goes_on_for_ever(raw: bytes) -> None:
    with pytest.raises(Unknown, match="too large"):
        fed(raw, 60_000)


# --- Beside others ---


class Bare:
    """httptools without us: the final answers it finds."""

    def __init__(self) -> None:
        self.found: list[tuple[int, bytes]] = []
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() >= 200:
            self.found.append((self.parser.get_status_code(), self.body))
        self.body = b""


def by_httptools(raw: bytes) -> tuple[int, bytes] | None:
    bare = Bare()
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        bare.parser.feed_data(raw)
    return bare.found[0] if bare.found else None


class Bytes(socket.socket):
    """A socket whose other side has said all it will."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._raw = raw

    def makefile(self, *_args: Any, **_options: Any) -> Any:
        return io.BytesIO(self._raw)


def by_the_standard_library(raw: bytes) -> tuple[int, bytes] | None:
    """What urllib3 reads with, and our `Http` too; None where it finds fault."""
    with Bytes(raw) as ended, contextlib.suppress(Exception):
        answer = _Head(ended)
        answer.begin()
        return answer.status, answer.read()
    return None


PIECES = [
    *(raw for raw, _ in LINES.values() if len(raw) < 500),
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", head(100), head(102), CHUNKED + CRLF, length() + CRLF, CRLF),
    *(b"Connection: close\r\n", b"Transfer-Encoding: identity\r\n", b"14\r\n", b"0\r\n\r\n", BODY, BODY + CRLF),
    *(b"Content-Length: 5\r\n", b"Content-Length: 20;x\r\n", b"HTTP/1.1 204 No\r\n\r\n", b" ", b"\t", b"\0", b"\n"),
]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """Pieces of answers in any order, and a few bytes changed, cut or put in."""
    raw = bytearray(b"".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6))))
    for at in draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=3)):
        kept = draw(st.integers(0, 2))
        raw[at : at + kept] = draw(st.sampled_from([b"", b"\r", b"\n", b" ", b"0", b"5", b":", b",", b"\xff"]))
    return bytes(raw)


FUZZ = settings(max_examples=1500, deadline=None)


@FUZZ
@given(mangled())
def test_no_answer_that_another_client_reads_otherwise(raw: bytes) -> None:
    """Who reads the same bytes as another answer may be told another order id than we are."""
    ours = seen(raw)
    theirs = by_the_standard_library(raw)

    if ours.status and theirs and b"ontent-encoding" not in raw.lower():
        assert (ours.status, ours.body) == theirs


@FUZZ
@given(mangled())
def test_what_httptools_finds_whole_is_read_so_or_not_at_all(raw: bytes) -> None:
    ours, bare = seen(raw), by_httptools(raw)

    if ours.status and bare and b"ontent-encoding" not in raw.lower():
        assert (ours.status, ours.body) == bare


@FUZZ
@given(mangled(), st.data())
def test_the_pieces_bytes_come_in_change_nothing(raw: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(1, max(1, len(raw) - 1)), max_size=8))

    whole, parts = seen(raw), seen(raw, *cuts)

    assert (whole.status, whole.body) == (parts.status, parts.body)


@FUZZ
@given(st.binary(max_size=400))
def test_noise_is_never_an_answer(raw: bytes) -> None:
    assert seen(raw) == DOUBT
