"""The actors of all groups."""

from __future__ import annotations

from tests.interop.acceptance.access import Club
from tests.interop.acceptance.actions import Brief, Pair, Patient, Steady, Worker
from tests.interop.acceptance.client_connections import Tally
from tests.interop.acceptance.connection_errors import Gate
from tests.interop.acceptance.errors import Failing
from tests.interop.acceptance.handles import Diary
from tests.interop.acceptance.hibernation import Dozing, Dreaming
from tests.interop.acceptance.hooks import Doorman, Porter, Watchman
from tests.interop.acceptance.lookup import Born
from tests.interop.acceptance.metadata import Named
from tests.interop.acceptance.raw_http import Deaf, Site
from tests.interop.acceptance.raw_websocket import Echoing
from tests.interop.acceptance.server_connections import Desk
from tests.interop.acceptance.state import Ledger, Plain, Settings, SlowLedger, Watched
from tests.interop.acceptance.vars import Notebook
from trivet.declare.registry import Registry
from trivet.declare.wire_names import camel_case

__all__ = ["registry"]

registry = Registry(
    *(Club, Brief, Pair, Patient, Steady, Worker, Tally, Gate, Failing, Diary),
    *(Doorman, Porter, Watchman, Born, Named, Site, Deaf, Echoing, Desk),
    *(Dozing, Dreaming),
    *(Ledger, Plain, Settings, SlowLedger, Watched, Notebook),
    naming=camel_case,
)
