"""What a broker's book may make of orders: lines of Zebu's book in, lines as a bad day shows them out."""

from collections.abc import Callable

from tests.engine import Line

type Misprint = Callable[[list[Line]], list[Line]]


def without_units(lines: list[Line]) -> list[Line]:
    """Complete, and not a word of how much."""
    return [{name: value for name, value in line.items() if name != "fillshares"} for line in lines]


def empty_units(lines: list[Line]) -> list[Line]:
    """Complete, and the number is empty."""
    return [line | {"fillshares": ""} for line in lines]


def no_units(lines: list[Line]) -> list[Line]:
    """Complete with 0 units."""
    return [line | {"fillshares": "0"} for line in lines]


def grouped_units(lines: list[Line]) -> list[Line]:
    """Numbers with commas."""
    return [line | {name: f"{int(line[name]):,}" for name in ("qty", "fillshares")} for line in lines]


def unheard_of_word(lines: list[Line]) -> list[Line]:
    """A word for complete that nobody has written down."""
    return [line | {"status": line["status"].replace("COMPLETE", "Trade Confirmed")} for line in lines]


def twice(lines: list[Line]) -> list[Line]:
    """Every line again."""
    return [*lines, *lines]


def turned_away_before(lines: list[Line]) -> list[Line]:
    """The newest first, and after each order the try with the same tag that was turned away before it."""
    return [each for line in reversed(lines) for each in (line, _turned_away(line))]


def turned_away_alone(lines: list[Line]) -> list[Line]:
    """Only the tries that were turned away; the orders themselves are not there yet."""
    return [_turned_away(line) for line in lines]


def _turned_away(line: Line) -> Line:
    gone = {"status": "REJECTED", "fillshares": "0", "rejreason": "RMS: too many orders"}
    return line | gone | {"norenordno": f"R{line['norenordno']}"}


def cut_tags(lines: list[Line]) -> list[Line]:
    """Half of each tag."""
    return [line | {"remarks": line["remarks"][:10]} for line in lines]


def upper_tags(lines: list[Line]) -> list[Line]:
    """Tags in capitals."""
    return [line | {"remarks": line["remarks"].upper()} for line in lines]


def dropped_tags(lines: list[Line]) -> list[Line]:
    """No tags at all."""
    return [{name: value for name, value in line.items() if name != "remarks"} for line in lines]


def replaced_tags(lines: list[Line]) -> list[Line]:
    """The broker's own word where our tag was."""
    return [line | {"remarks": "API"} for line in lines]


AS_GOOD = (grouped_units, unheard_of_word, twice, turned_away_before)
"""Books that say all there is to say, oddly."""

SILENT = (without_units, empty_units, no_units)
"""Books that call orders complete and do not say what was filled."""

REMNANTS = (cut_tags, upper_tags)
"""Books that leave enough of a tag to know it by."""

NAMELESS = (dropped_tags, replaced_tags)
"""Books that leave nothing of a tag."""
