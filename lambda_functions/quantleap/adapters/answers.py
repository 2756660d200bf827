"""One HTTP/1.1 answer out of the bytes of a connection: whole and beyond doubt, or `Unknown`.

httptools splits the bytes; what RFC 9110 and 9112 ask of a client beyond that is asked here. An order was sent before
its answer is read, so whatever cannot be trusted to the last byte is `Unknown`, and the order book is asked.
"""

from http import HTTPStatus

import httptools

from quantleap.adapters.packing import unpacked
from quantleap.domain.broker import Answer, Unknown

MOST_BYTES = 8 * 1024 * 1024
"""An order book of thousands of lines is under 2 MB; more than this is no answer to trust."""

MOST_HEAD_BYTES = 65_536
"""All heads of an answer together, interim ones too; browsers and servers take 8 to 64 kB."""

INTERIM = range(100, 200)
STATUSES = range(200, 600)
"""What an answer may say; RFC 9110 knows no others."""

VERSIONS = {"1.0", "1.1"}


class AnswerReader:
    """Reads the answer to one request; the `on_` methods are httptools' callbacks.

    `reusable` says after the answer whether the connection may carry another request.
    """

    def __init__(self) -> None:
        self.reusable = False
        self._answer: Answer | None = None
        self._distrust = ""
        self._received = 0
        self._parser = httptools.HttpResponseParser(self)
        self._begin()

    def feed(self, data: bytes) -> Answer | None:
        """Take what has come; the answer once it is whole, `Unknown` once it cannot be trusted."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._answer is None:
                raise Unknown(self._distrust or f"not HTTP: {type(error).__name__}") from None
            self.reusable = False
        if self._answer is None:
            self._check_size()
        if self._distrust:
            raise Unknown(self._distrust)
        return self._answer and unpacked(self._answer, MOST_BYTES)

    def ended(self) -> Answer:
        """The answer whose body the end of the connection ends; `Unknown` when that leaves it in parts."""
        if not self._ends_by_close:
            raise Unknown("connection lost: closed by the broker")
        return unpacked(self._whole(), MOST_BYTES)

    def on_message_begin(self) -> None:
        """A second answer to one request must not pass for the answer to the next."""
        if self._answer is not None:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Fields of a name are one list; what follows the body is no head."""
        if self._headed:
            return
        field, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[field] = f"{self._headers[field]}, {text}" if field in self._headers else text

    def on_headers_complete(self) -> None:
        """Decide what the head promises."""
        self._headed = True
        status = self._parser.get_status_code()
        if self._answer is None:
            self._distrust = self._distrust or self._doubtful(status)
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._ends_by_close = not framed and status in STATUSES

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Take the first final answer; an interim one says that it is still to come."""
        if self._answer is None and not self._distrust and self._parser.get_status_code() not in INTERIM:
            self.reusable = self._parser.should_keep_alive()
            self._answer = self._whole()
        self._begin()

    def _doubtful(self, status: int) -> str:
        """Why a head is not to be trusted, if anything."""
        coding, version = self._headers.get("transfer-encoding"), self._parser.get_http_version()
        if version not in VERSIONS:
            return "another version of HTTP"
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            return "another protocol, which nobody asked for"
        if status not in STATUSES and status not in INTERIM:
            return "no status of HTTP"
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            return "a transfer coding that nobody asked for"
        return ""

    def _check_size(self) -> None:
        """Heads, bodies, chunk extensions and trailers: all that is received counts."""
        if self._received > MOST_BYTES or (not self._headed and self._received > MOST_HEAD_BYTES):
            raise Unknown("the answer is too large")

    def _whole(self) -> Answer:
        return Answer(self._parser.get_status_code(), self._headers, bytes(self._body))

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._headed = self._ends_by_close = False
