"""A server between a client and the simulator, which keeps every request as it came over the wire."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from quantleap.domain.broker import Request

PASSED_ON = {"host", "connection", "content-length", "accept-encoding"}
"""Headers of a connection, made anew for the next one."""


class Recorder(ThreadingHTTPServer):
    """Listens on a free port of this machine; what it keeps is in the order of arrival."""

    daemon_threads = True

    def __init__(self, onwards: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.onwards = onwards
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        self.kept: list[Request] = []
        self.pool = urllib3.PoolManager(retries=False, timeout=10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.kept.append(Request(self.command, self.server.base, self.path, dict(self.headers.items()), body))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in PASSED_ON}
        url = self.server.onwards + self.path
        answer = self.server.pool.request(self.command, url, body=body or None, headers=headers, redirect=False)
        self.send_response(answer.status)
        self.send_header("content-type", answer.headers.get("content-type", ""))
        self.send_header("content-length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Nothing: a test says itself what went wrong."""


@contextmanager
def recording(onwards: str) -> Iterator[Recorder]:
    """Record until the block ends what is sent to `onwards`."""
    with Recorder(onwards) as recorder:
        thread = threading.Thread(target=recorder.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield recorder
        finally:
            recorder.shutdown()
            thread.join()
            recorder.pool.clear()
