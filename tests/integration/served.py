"""The gateway of the tests as a server: for programs that speak HTTP alone."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cdk_stack.constructs.gateway_responses import ANSWERS
from cdk_stack.routes import Auth, Route
from tests.integration.gateway import STAGE_ARN, Context, Unroutable, admitted, find, function

TOKEN = "eyJhbGciOiJub25lIn0.dGVzdHM.c2lnbmVk"
"""What a sign-in of these tests gave; nobody else's is accepted."""


class _Handler(BaseHTTPRequestHandler):
    """One request as API Gateway would hand it over."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write an answer
    claims: dict[str, Any]

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        try:
            route, parts = find(self.command, url.path)
        except Unroutable:
            self._by_itself(404)
            return
        event = self._event(route, parts, url.query, sent)
        try:
            event["requestContext"]["authorizer"] = self._authorized(route)
        except Exception as refusal:  # noqa: BLE001 - the authorizer raises the gateway's own word
            self._by_itself(401 if str(refusal) == "Unauthorized" else 500)
            return
        reply = function(route.function).handler(event, Context())
        self._send(reply["statusCode"], reply["headers"], reply["body"])

    def __getattr__(self, name: str) -> Any:
        """The server asks for `do_GET`, `do_TRACE` and so on: every method is answered in one place."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _event(self, route: Route, parts: dict[str, str], query: str, sent: bytes) -> dict[str, Any]:
        names = parse_qs(query, keep_blank_values=True)
        return {
            "resource": route.path,
            "path": route.path,
            "httpMethod": route.method,
            "headers": dict(self.headers.items()),
            "multiValueHeaders": {name: self.headers.get_all(name) for name in self.headers},
            "pathParameters": parts or None,
            "multiValueQueryStringParameters": names or None,
            "requestContext": {"requestId": "request-1", "identity": {"sourceIp": "127.0.0.1"}},
            "body": sent.decode(errors="surrogateescape") or None,
            "isBase64Encoded": False,
        }

    def _authorized(self, route: Route) -> Any:
        if route.auth is Auth.PUBLIC:
            return None
        if route.auth is Auth.PARTNER:
            headers = {name: self.headers.get_all(name) for name in self.headers}
            event = {"methodArn": f"{STAGE_ARN}/{route.method}{route.path}", "multiValueHeaders": headers}
            return admitted(function("partner-auth").handler(event, Context()))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Exception("Unauthorized")  # noqa: TRY002 - as an authorizer says it
        return {"claims": self.claims}

    def _by_itself(self, status: int) -> None:
        said = next(each for each in ANSWERS if each.status == status)
        body = {"statusCode": status, "error": said.error, "message": said.message, "code": said.code}
        headers = {"Content-Type": "application/json", "X-Request-Id": "request-1"}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        self._send(status, headers, json.dumps({**body, "request_id": "request-1"}))

    def _send(self, status: int, headers: dict[str, str], body: str) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: the functions log each request themselves."""


@contextmanager
def served(claims: dict[str, str]) -> Iterator[str]:
    """The address of a server, where the token of a sign-in stands for those claims."""
    handler = type("Handler", (_Handler,), {"claims": claims})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
