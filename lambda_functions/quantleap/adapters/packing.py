"""Bodies that came packed, although nobody asked for it: unpacked whole and within bounds, or `Unknown`."""

import zlib

from quantleap.domain.broker import Answer, Unknown

GZIP = zlib.MAX_WBITS | 16
ZLIB = zlib.MAX_WBITS
"""What RFC 9110 calls `deflate`."""

WINDOWS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}


def unpacked(answer: Answer, most_bytes: int) -> Answer:
    """The answer with the body its sender meant; another coding, a damaged body or too large a one is `Unknown`."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"identity", ""} or not answer.body:
        return answer
    if coding not in WINDOWS:
        raise Unknown("a content coding that nobody asked for")
    try:
        return answer._replace(body=inflated(answer.body, WINDOWS[coding], most_bytes))
    except ValueError as error:
        raise Unknown(f"a packed body that is {error}") from None


def inflated(packed: bytes, window: int, most_bytes: int) -> bytes:
    """All of a packed body; `ValueError` says that it is damaged or too large."""
    unpacking = zlib.decompressobj(window)
    try:
        body = unpacking.decompress(packed, most_bytes + 1)
    except zlib.error:
        raise ValueError("damaged") from None
    if len(body) > most_bytes:
        raise ValueError("too large")
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("damaged")
    return body
