"""HTTP for everything that is not on the order path: logins, lists, quotes.

urllib3 comes with boto3, so it costs no further import, and it can send a GET with a body, which one broker asks for.
"""

import urllib3

from quantleap.domain.broker import Answer, NotSent, Request, Unknown

MOST_BYTES = 64 * 1024 * 1024
"""More than any broker's list of contracts; an answer beyond it is not read."""


class UrllibHttp:
    """Sends once; certificates are always checked, redirects never followed."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(retries=False, num_pools=16, maxsize=32)

    def send(self, request: Request, *, timeout_s: float = 10) -> Answer:
        """Send once; `NotSent` when it certainly did not arrive, `Unknown` when nobody can say."""
        try:
            answer = self._pool.request(
                request.method,
                request.base_url + request.target,
                body=request.body or None,
                headers=dict(request.headers),
                timeout=timeout_s,
                redirect=False,
                preload_content=False,
            )
            body = answer.read(MOST_BYTES)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise NotSent(type(error).__name__) from None
        except urllib3.exceptions.HTTPError as error:
            raise Unknown(type(error).__name__) from None
        answer.release_conn()
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)
