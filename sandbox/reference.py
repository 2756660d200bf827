"""Pages of the documentation that are made from the code: `make reference` writes them anew."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from quantleap.adapters.brokers.directory import BROKERS, capabilities
from quantleap.domain.broker import EVERYWHERE, BrokerFailure, Phrases, Vocabulary
from quantleap.domain.capabilities import Binding, Capability, Pace
from sandbox.openapi import files as openapi

DOCS = Path(__file__).resolve().parents[1] / "docs"

SPANS = {1: "s", 60: "min", 1800: "30 min", 3600: "h", 86_400: "day"}
"""How a pace's seconds are written."""

PARTNERS = """# Brokers

Made from the code by `make reference`. The same as data: `GET /brokers`, or `GET /partner/brokers` with
your key. What is marked * no document of the broker's confirms; we verify it with the broker before real orders.

{offers}

- We send limit and stop-limit orders only, whatever else a broker takes from algorithms.
- Limits are of one account in one exchange segment. Without a registered algorithm the exchange allows 10 orders a
  second there, so the lower of the two holds.
- A tag is the text an order carries, which we make and find the order by.
- Of the order book: how late we take it to be, and how long it has to lack an order, at every look, before we take that
  order for never arrived. Until then such an order is `unknown`, and is not sent again.

## Logging in

{logins}

- Send everything the login page returned with to `oauth/callback`, names as they came, in any case; `request_token`
  stands for the code of any broker. Other names are refused.
- Where the state returns by the redirect path, `oauth/initiate` answers the address that belongs to this login alone:
  your `redirect_url` with the state at the end of its path.
"""

ERRORS = """# Brokers' words for failures

Made from the code by `make reference`. Every failure of a broker is one of ours. A broker's code is often the
name of a class of errors: where the text says more, the text counts. Of a text the first phrase counts that it
contains, in any case and spacing, from the beginning of a word on (` .. ` is anything between): the broker's own, then
those that come through every broker, then the broker's vague ones. A text that says of a named part of the order that
it is "invalid", "missing", "required", "not found" or "not available" is `bad_input` at every broker; the word alone is
not, for a gateway's own answer may be invalid too.

A refusal has to be earned by a code or a text that is known. A no in words that nobody knows, and what cannot be
read, is `unknown`: brokers say no, with HTTP 200, of requests that failed inside them after the order was placed. The
book tells then; a line that it shows as rejected is certain, and without a known text `refused`. A line that the
exchange cancelled has a reason where its text is known.

{failures}

Only what certainly placed nothing may be sent again. The broker's own text never leaves as a `reason`: it is kept
beside our word, as `said` of the order, and in the log, without whatever in it looks like a token or a key.

## Through every broker

The exchange's, the risk systems' and the gateways' own words.

{everywhere}

{brokers}
"""

type Cells = Sequence[str]


def pages() -> Mapping[Path, str]:
    """Every page made from the code, by its file."""
    known = capabilities()
    partners = PARTNERS.format(offers=_table(_offers(known)), logins=_table(_logins(known)))
    words = "\n\n".join(_broker(each.title, BROKERS[each.broker_id](None).vocabulary) for each in known)
    everywhere = _table(_phrases(EVERYWHERE))
    errors = ERRORS.format(failures=_table(_failures()), everywhere=everywhere, brokers=words)
    return {
        DOCS / "partner-docs/brokers.md": partners,
        DOCS / "internal-docs/broker-errors.md": errors,
        **openapi.files(DOCS / "partner-docs"),
    }


def _offers(known: Iterable[Capability]) -> Iterator[Cells]:
    yield (
        "`broker_name`",
        "broker",
        "order types taken",
        "products",
        "tag",
        "algorithm's id",
        "market orders",
        "slices",
        "order calls",
        "other calls",
        "order book",
        "static IP",
        "kill switch",
    )
    for each in known:
        yield (
            f"`{each.broker_id}`",
            each.title,
            _words(each.order_types),
            _words(each.products),
            f"{each.tag.length} of `{each.tag.alphabet}`{_mark(each, 'tag')}",
            _words([each.algo_id]),
            _words([each.protection]) + _mark(each, "protection"),
            str(each.slices or "no"),
            f"{_paces(each.orders.paces)}: {_words(each.orders.counts)}{_mark(each, 'orders')}",
            _paces(each.reads) + _mark(each, "reads"),
            f"{each.book.lag_s} s, {each.book.absent_after_s} s *",
            _words([each.static_ip]),
            "yes" if each.kill_switch else "no",
        )


def _logins(known: Iterable[Capability]) -> Iterator[Cells]:
    yield ("`broker_name`", "code comes as", "beside it", "state returns by", "`redirect_url`", "session ends")
    for each in known:
        rule, life = each.login, each.token.life
        end = f"{each.token.dies_at:%H:%M} IST" + (f" or after {int(life.total_seconds()) // 3600} h" if life else "")
        yield (
            f"`{each.broker_id}`",
            _names(rule.code_names) + _mark(each, "login"),
            _names(rule.beside),
            "query" if rule.binding is Binding.STATE else "redirect path",
            "needed" if rule.names_redirect else "as you like",
            end + _mark(each, "token"),
        )


def _failures() -> Iterator[Cells]:
    yield ("our word", "may be sent again", "what it means", "the user is told")
    for kind in sorted(reasons(BrokerFailure), key=lambda kind: kind.reason):
        meaning = (kind.__doc__ or "").partition("\n")[0]
        yield (f"`{kind.reason}`", "yes" if kind.retry else "no", meaning, kind.user_message)


def reasons(of: type[BrokerFailure]) -> Iterator[type[BrokerFailure]]:
    """Every kind of failure that has a word of its own."""
    for kind in of.__subclasses__():
        if "reason" in vars(kind):
            yield kind
        yield from reasons(kind)


def _broker(title: str, vocabulary: Vocabulary) -> str:
    """One broker's tables; neighbouring phrases of one meaning share a line, their order kept."""
    parts = [f"## {title}"]
    if vocabulary.codes:
        by_word = sorted((kind.reason, code) for code, kind in vocabulary.codes.items())
        lines = ((_names(code for _, code in group), f"`{word}`") for word, group in groupby(by_word, lambda p: p[0]))
        parts.append(_table([("code", "our word"), *lines]))
    own = {"text contains": vocabulary.phrases, "or, vaguely": vocabulary.vague}
    parts += [_table(_phrases(phrases, head)) for head, phrases in own.items() if phrases]
    return "\n\n".join(parts)


def _phrases(phrases: Phrases, head: str = "text contains") -> Iterator[Cells]:
    yield (head, "our word")
    for word, group in groupby(phrases, lambda pair: pair[1].reason):
        yield (", ".join(f'"{phrase}"' for phrase, _ in group), f"`{word}`")


def _table(rows: Iterable[Cells]) -> str:
    head, *lines = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *lines])


def _paces(paces: Iterable[Pace]) -> str:
    return ", ".join(f"{pace.calls}/{SPANS[pace.seconds]}" for pace in paces)


def _words(values: Iterable[str]) -> str:
    return ", ".join(str(value).replace("_", " ").lower() for value in values)


def _names(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _mark(capability: Capability, part: str) -> str:
    return " *" if part in capability.unconfirmed else ""


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text)
