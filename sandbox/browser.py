"""What a person does at the broker's login page, without the person."""

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import urllib3

from sandbox.problem import Problem

SHOWN_CODE = re.compile(r"<label>Code</label>\s*<pre>([^<]+)</pre>")


def log_in(login_url: str, user_id: str) -> Mapping[str, str]:
    """Open the page, fill in its form, and return what it returns to the app with, or the code that it shows."""
    http = urllib3.PoolManager(retries=False, timeout=10)
    form = http.request("GET", login_url)
    if form.status != 200 or b'name="user_id"' not in form.data:  # noqa: PLR2004 - HTTP
        raise Problem(f"{login_url} shows no login form ({form.status})")
    answer = http.request("POST", login_url, fields={"user_id": user_id}, encode_multipart=False, redirect=False)
    came = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
    code = SHOWN_CODE.search(answer.data.decode())
    if not (came or code):
        raise Problem(f"the login as {user_id} gave no code ({answer.status})")
    return came or {"code": unescape(code[1] if code else "")}
