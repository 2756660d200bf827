"""Every simulated broker, by the prefix of its address: a new one joins by being listed."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from starlette.routing import BaseRoute

from sandbox.broker.accounts import Rules
from sandbox.broker.angel_one import api as angel_one
from sandbox.broker.angel_one import login as angel_one_login
from sandbox.broker.angel_one import masters as angel_one_masters
from sandbox.broker.icici_direct import api as icici_direct
from sandbox.broker.icici_direct import login as icici_direct_login
from sandbox.broker.icici_direct import masters as icici_direct_masters
from sandbox.broker.mstock import api as mstock
from sandbox.broker.mstock import login as mstock_login
from sandbox.broker.mstock import masters as mstock_masters
from sandbox.broker.simulated import api as simulated
from sandbox.broker.simulated import login as simulated_login
from sandbox.broker.simulated import masters as simulated_masters
from sandbox.broker.simulator import Firm
from sandbox.broker.upstox import api as upstox
from sandbox.broker.upstox import login as upstox_login
from sandbox.broker.upstox import masters as upstox_masters
from sandbox.broker.zebu import api as zebu
from sandbox.broker.zebu import login as zebu_login
from sandbox.broker.zebu import masters as zebu_masters
from sandbox.broker.zerodha import api as zerodha
from sandbox.broker.zerodha import login as zerodha_login
from sandbox.broker.zerodha import masters as zerodha_masters


class House(NamedTuple):
    """How a broker logs in, what it lists on a day, and what it serves."""

    rules: Rules
    master: Callable[[date], object]
    routes: Callable[[Firm], list[BaseRoute]]


HOUSES = {
    "angel_one": House(angel_one_login.RULES, angel_one_masters.master, angel_one.routes),
    "icici_direct": House(icici_direct_login.RULES, icici_direct_masters.master, icici_direct.routes),
    "mstock": House(mstock_login.RULES, mstock_masters.master, mstock.routes),
    "simulated": House(simulated_login.RULES, simulated_masters.master, simulated.routes),
    "upstox": House(upstox_login.RULES, upstox_masters.master, upstox.routes),
    "zebu": House(zebu_login.RULES, zebu_masters.master, zebu.routes),
    "zerodha": House(zerodha_login.RULES, zerodha_masters.master, zerodha.routes),
}
