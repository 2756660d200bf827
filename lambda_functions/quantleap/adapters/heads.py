"""What may stand in the head of a request, whoever sends it."""

from quantleap.domain.broker import BadInput, Request


def checked(request: Request) -> Request:
    """The request as it is; `BadInput` where a character of its head would break it or begin another."""
    texts = (request.method, request.base_url, request.target, *request.headers, *request.headers.values())
    if " " in request.target or not all(text.isascii() and text.isprintable() for text in texts):
        raise BadInput("the request's head holds a character that no head may hold")
    return request
