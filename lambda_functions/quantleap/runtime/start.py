"""How a function starts on Lambda, which lends a whole core until the handler's module is imported.

A request then gets the part of a core its memory pays for, a third at 512 MB, and would wait three times as long for
the same work. Anywhere else parts are built when they are first asked for.
"""

import gc
import os
from collections.abc import Callable

STARTING = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""Lambda sets it for every process it starts."""


def begin() -> None:
    """Look for no garbage while modules are loaded: they leave next to none, and looking is a tenth of the work."""
    if STARTING in os.environ:
        gc.disable()


def finish(*parts: Callable[[], object]) -> None:
    """Build what the function stands on; from here on garbage is looked for, but not among what stays for good."""
    if STARTING in os.environ:
        for part in parts:
            part()
        gc.freeze()
        gc.enable()
