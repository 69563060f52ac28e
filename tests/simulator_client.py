"""What tests of the simulators ask of them over an ordinary WebSocket."""

import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from feedfleet_connector.simulators import SimulatedExchange


def open_client(url: str) -> connect:
    """A plain client that takes frames of any size, and reads on while a test does not."""
    return connect(url, compression=None, max_size=None, max_queue=None)


async def send(client: ClientConnection, document: object) -> None:
    await client.send(json.dumps(document))


async def receive(client: ClientConnection) -> Any:
    return json.loads(await client.recv())


async def data(client: ClientConnection, count: int) -> list[Any]:
    """The next ``count`` data frames; replies in between are passed over."""
    frames: list[Any] = []
    while len(frames) < count:
        frame = await receive(client)
        if "data" in frame or "e" in frame:
            frames.append(frame)
    return frames


async def reply(client: ClientConnection) -> tuple[Any, list[Any]]:
    """The next frame that is not data, and the data before it."""
    before: list[Any] = []
    while True:
        frame = await receive(client)
        if "data" not in frame and "e" not in frame:
            return frame, before
        before.append(frame)


async def subscribe(client: ClientConnection, *streams: str) -> Any:
    """Subscribe venue streams, ``btcusdt@trade`` of Binance or ``trades:BTC-USDT`` of OKX; gives the (last) reply."""
    if "@" in streams[0]:
        await send(client, {"method": "SUBSCRIBE", "params": streams, "id": 1})
        return (await reply(client))[0]
    arguments = [dict(zip(("channel", "instId"), stream.split(":"), strict=True)) for stream in streams]
    await send(client, {"op": "subscribe", "args": arguments})
    return [(await reply(client))[0] for _ in streams][-1]


async def listed(client: ClientConnection) -> tuple[list[str], list[Any]]:
    """Binance's list of the connection's streams, and the data that came before it."""
    await send(client, {"method": "LIST_SUBSCRIPTIONS", "id": 99})
    answer, before = await reply(client)
    return answer["result"], before


def raw_url(simulator: SimulatedExchange, *streams: str) -> str:
    """Binance's URL for raw streams."""
    return simulator.endpoint.removesuffix("/stream") + "/ws/" + "/".join(streams)


def trade_ids(frames: list[Any]) -> list[int]:
    """The ids of raw or combined Binance trades, or of OKX ones."""
    events = [frame.get("data", frame) for frame in frames]
    return [int(event[0]["tradeId"]) if isinstance(event, list) else event["t"] for event in events]
