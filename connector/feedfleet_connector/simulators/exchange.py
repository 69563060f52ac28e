"""A simulated exchange: its endpoint, its control interface, and every fault that can be asked of it."""

import contextlib
import http
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from websockets.asyncio.server import ServerConnection

from feedfleet_connector.simulators.binance import Binance
from feedfleet_connector.simulators.client import Client, text_frame
from feedfleet_connector.simulators.control import serve_control
from feedfleet_connector.simulators.faults import Freeze, Refusal, Silence, until
from feedfleet_connector.simulators.garbage import GARBAGE, garbage_payload
from feedfleet_connector.simulators.limits import Limits
from feedfleet_connector.simulators.okx import Okx
from feedfleet_connector.simulators.recording import load_recording
from feedfleet_connector.simulators.server import CONTROL_PATH, VenueServer
from feedfleet_connector.simulators.venue import Venue

EXCHANGES: Mapping[str, Callable[[], Venue]] = {"binance": Binance, "okx": Okx}
"""The exchanges that can be simulated, by name."""

_MOST_TICKS = 10_000
_LAST_PORT = 65_535
_REASON_BYTES = 123
_LONGEST_SECONDS = 1_000_000_000
_CLOSE_CODES = (range(1000, 1004), range(1007, 1015), range(3000, 5000))


class SimulatorError(ValueError):
    """A setting or a command that is not allowed; the message names the field, its value and what is allowed."""


class ConnectionReport(NamedTuple):
    """An open connection. ``received`` counts every frame it sent; ``opened_at`` is in microseconds since the epoch."""

    number: int
    remote: str
    streams: list[str]
    received: int
    opened_at: int


class SentReport(NamedTuple):
    """What was sent of one venue stream.

    ``ticks`` counts its ticks that reached at least one client, ``deliveries`` their copies to all clients; ``ids`` are
    the venue's own ids (trade id, update id, event time) of the last ones.
    """

    ticks: int
    deliveries: int
    ids: list[int]


class SimulatedExchange:
    """A venue on a port of this machine, while its context is entered.

    Args:
        exchange: one of ``EXCHANGES``.
        host: the address to listen on.
        port: the port to listen on; 0 takes any.
        rate: ticks a second of each stream.
        recording: a recorded connection to replay instead; ticks of one's own are then not made.
        speed: of the replay: 1 is its own pace, 10 ten times as fast, 0 as fast as clients take it.
        symbols: the symbols that exist, ``BASE-QUOTE``; None for any well-formed one.
        limits: what the venue enforces; its own figures by default.
        kept_ids: how many of the last ids ``sent`` has of each stream.
        clock: gives seconds since the epoch, the time of the ticks.

    Raises:
        SimulatorError: a setting is not allowed.
        RecordingError: the recording cannot be read, or is not one of this exchange.
    """

    def __init__(
        self,
        exchange: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rate: float = 2.0,
        recording: str | Path | None = None,
        speed: float = 1.0,
        symbols: Collection[str] | None = None,
        limits: Limits | None = None,
        kept_ids: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if exchange not in EXCHANGES:
            raise _not_allowed("exchange", exchange, ", ".join(EXCHANGES))
        if not 0 < rate <= _MOST_TICKS:
            raise _not_allowed("rate", rate, f"above 0, up to {_MOST_TICKS}")
        if not 0 <= speed < float("inf"):
            raise _not_allowed("speed", speed, "0 or more")
        if not 0 <= port <= _LAST_PORT:
            raise _not_allowed("port", port, f"0 to {_LAST_PORT}")
        self.exchange = exchange
        self._venue = EXCHANGES[exchange]()
        if limits is not None:
            self._venue.limits = limits
        if symbols is not None:
            self._venue.listing.symbols = frozenset(self._symbol("symbols", symbol) for symbol in symbols)
        recorded = None if recording is None else load_recording(Path(recording), self._venue)
        if recorded is not None:
            self._venue.recorded_streams = recorded.streams
        self._server = VenueServer(
            self._venue, rate=rate, recording=recorded, speed=speed, kept_ids=kept_ids, clock=clock
        )
        self._clock = clock
        self._host = host
        self._port = port
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin to serve.

        Raises:
            OSError: the address cannot be listened on.
        """

        async def control(connection: ServerConnection) -> None:
            await serve_control(connection, self)

        self._port = await self._exits.enter_async_context(self._server.serving(self._host, self._port, control))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The task group inside would wrap the caller's own error.
        await self._exits.__aexit__(None, None, None)

    @property
    def port(self) -> int:
        return self._port

    @property
    def endpoint(self) -> str:
        """What belongs into ``spec.exchanges.<name>.endpoint`` of a FeedFleet."""
        return f"{self._base}{self._venue.path}"

    @property
    def control_url(self) -> str:
        """Where ``ControlClient`` connects."""
        return f"{self._base}{CONTROL_PATH}"

    @property
    def _base(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self._port}"

    @property
    def skipped(self) -> int:
        """How many ticks were left out because this process was stopped or starved for more than a second."""
        return self._server.skipped

    def drop(self, connection: int | None = None, code: int | None = None, reason: str = "") -> list[int]:
        """Cut the TCP connection, or close with ``code``; one connection or all. Gives the numbers of those cut."""
        if code is not None and not any(code in codes for codes in _CLOSE_CODES):
            raise _not_allowed("code", code, "1000 to 1003, 1007 to 1014, 3000 to 4999, or none to cut the connection")
        if len(reason.encode()) > _REASON_BYTES:
            raise _not_allowed("reason", reason, f"up to {_REASON_BYTES} bytes")
        clients = self._clients(connection)
        for client in clients:
            if code is None:
                client.transport.abort()
            else:
                self._server.close(client, code, reason)
        return [client.number for client in clients]

    def silence(
        self,
        seconds: float | None = None,
        connection: int | None = None,
        stream: str | None = None,
        replies: bool = False,
    ) -> None:
        """Send no data, while pings are answered; with ``replies`` no replies to requests either.

        Of one connection or all, also later ones; of one stream or all; for ``seconds``, or until ``speak``.
        """
        self._clients(connection)
        end = until(self._server.now(), _duration(seconds))
        self._server.faults.silences.append(Silence(end, connection, stream, replies))

    def freeze(self, seconds: float | None = None, connection: int | None = None) -> None:
        """Send nothing and read nothing, as if the network swallowed it; handshakes hang where all are frozen.

        For ``seconds``, or until ``speak``. Data of that time is not sent later.
        """
        self._clients(connection)
        self._server.faults.freezes.append(Freeze(until(self._server.now(), _duration(seconds)), connection))
        self._server.apply_freezes()

    def speak(self) -> None:
        """End every silence and freeze."""
        self._server.faults.speak()
        self._server.apply_freezes()

    def garbage(self, kind: str, connection: int | None = None) -> list[int]:
        """Send a frame that is not what the venue documents, a kind of ``GARBAGE``. Gives who was sent it."""
        if kind not in GARBAGE:
            raise _not_allowed("kind", kind, ", ".join(GARBAGE))
        return self._push(connection, lambda client: garbage_payload(kind, self._venue, client))

    def refuse(
        self, seconds: float | None = None, status: int = 503, retry_after: int | None = None, tcp: bool = False
    ) -> None:
        """Answer handshakes with an HTTP ``status`` (and ``Retry-After`` seconds), or with ``tcp`` cut them unanswered.

        For ``seconds``, or until ``clear``.
        """
        if not (400 <= status <= 599 and status in set(http.HTTPStatus)):
            raise _not_allowed("status", status, "an HTTP error from 400 to 599")
        if retry_after is not None and not 0 <= retry_after <= _LONGEST_SECONDS:
            raise _not_allowed("retry_after", retry_after, f"0 to {_LONGEST_SECONDS} seconds, or none")
        end = until(self._server.now(), _duration(seconds))
        self._server.faults.refusal = Refusal(end, None if tcp else status, retry_after)

    def forget(self, stream: str, connection: int | None = None) -> list[int]:
        """Drop a stream's subscription without a word; subscribing anew restores it. Gives the connections' numbers."""
        having = [client for client in self._clients(connection) if stream in client.subscriptions]
        if not having:
            subscribed = sorted({name for client in self._clients(connection) for name in client.subscriptions})
            raise _not_allowed("stream", stream, _some(subscribed, "nothing, for none is subscribed"))
        for client in having:
            if client.session is not None:
                client.session.forget(stream)
            self._server.unsubscribe(client, [stream])
        return [client.number for client in having]

    def reject(self, symbol: str) -> None:
        """Let the venue no longer know a symbol: its data ends, and subscribing it is refused, until ``clear``."""
        self._venue.listing.rejected.add(self._symbol("symbol", symbol))
        self._server.refresh()

    def notice(self, connection: int | None = None) -> list[int]:
        """Announce a shutdown, as the venue does. Gives the numbers of the connections told."""
        return self._push(
            connection,
            lambda client: self._venue.notice(client.number, _form(client), int(self._clock() * 1000)).encode(),
        )

    def clear(self) -> None:
        """End every fault that lasts."""
        self._server.faults.clear()
        self._server.apply_freezes()
        self._venue.listing.rejected.clear()
        self._server.refresh()

    def connections(self) -> list[ConnectionReport]:
        """The open connections, in the order of opening."""
        offset = time.time() - self._server.now()
        return [
            ConnectionReport(
                number=client.number,
                remote="{}:{}".format(*client.remote_address[:2]),
                streams=list(client.subscriptions),
                received=client.received,
                opened_at=int((client.opened_at + offset) * 1_000_000),
            )
            for client in self._server.clients.values()
        ]

    def sent(self, stream: str | None = None) -> dict[str, SentReport]:
        """What was sent so far, by venue stream; of one stream or all."""
        return {
            name: SentReport(audit.ticks, audit.deliveries, list(audit.ids))
            for name, audit in self._server.audit.items()
            if stream in {None, name}
        }

    def _clients(self, connection: int | None) -> list[Client]:
        clients = self._server.clients
        if connection is None:
            return list(clients.values())
        if connection not in clients:
            raise _not_allowed("connection", connection, _some(map(str, clients), "none, for no connection is open"))
        return [clients[connection]]

    def _push(self, connection: int | None, payload: Callable[[Client], bytes]) -> list[int]:
        return [client.number for client in self._clients(connection) if client.push_now(text_frame(payload(client)))]

    def _symbol(self, field: str, symbol: str) -> str:
        native = self._venue.symbol(symbol)
        if native is None:
            raise _not_allowed(field, symbol, "BASE-QUOTE in capitals, like BTC-USDT, or the venue's own spelling")
        return native


def _form(client: Client) -> object:
    return None if client.session is None else client.session.form


def _duration(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds <= _LONGEST_SECONDS:
        raise _not_allowed("seconds", seconds, f"a number above 0, up to {_LONGEST_SECONDS}, or none for no end")
    return seconds


def _some(names: Iterable[str], none: str) -> str:
    names = list(names)
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "") if names else none


def _not_allowed(field: str, value: object, allowed: str) -> SimulatorError:
    return SimulatorError(f"{field}: {value!r} is not allowed; allowed: {allowed}")
