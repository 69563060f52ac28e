"""Simulated exchanges: real WebSocket servers that speak the venues' protocols, with faults on demand.

``docs/simulators.md`` says what they speak and what of it is unverified.
"""

from feedfleet_connector.simulators.binance import BINANCE_LIMITS
from feedfleet_connector.simulators.control_client import ControlClient
from feedfleet_connector.simulators.exchange import (
    EXCHANGES,
    ConnectionReport,
    SentReport,
    SimulatedExchange,
    SimulatorError,
)
from feedfleet_connector.simulators.garbage import GARBAGE
from feedfleet_connector.simulators.limits import Limits
from feedfleet_connector.simulators.okx import OKX_LIMITS
from feedfleet_connector.simulators.recording import RecordingError
from feedfleet_connector.simulators.serving import parse_simulation, serve

__all__ = [
    "BINANCE_LIMITS",
    "EXCHANGES",
    "GARBAGE",
    "OKX_LIMITS",
    "ConnectionReport",
    "ControlClient",
    "Limits",
    "RecordingError",
    "SentReport",
    "SimulatedExchange",
    "SimulatorError",
    "parse_simulation",
    "serve",
]
