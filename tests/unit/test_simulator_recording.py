"""Reading recordings for replay: what is data, in which order, and what is wrong with a bad one."""

import json
from pathlib import Path
from typing import Any

import pytest

from feedfleet_connector.simulators.binance import Binance, BinanceForm
from feedfleet_connector.simulators.okx import Okx
from feedfleet_connector.simulators.recording import RecordingError, load_recording

TRADE = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":2,"s":"BTCUSDT","t":7,"p":"0.10","q":"1","T":1,"m":true,"M":true}'
    "}"
)
QUOTE = '{"stream":"btcusdt@bookTicker","data":{"u":400,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
OKX_TRADE = (
    '{"arg":{"channel":"trades","instId":"BTC-USD-220527"},"data":[{"tradeId":"5","ts":"9"},{"tradeId":"6","ts":"9"}]}'
)


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "recording.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_data_frames_keep_their_order_pace_and_text(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"t": 1.0, "open": "wss://example"},
        {"t": 2.0, "out": "{}"},
        {"t": 3.0, "in": '{"result":null,"id":1}'},
        {"t": 10.0, "in": TRADE},
        {"t": 10.5, "in": QUOTE},
        {"t": 12.0, "in": TRADE},
    )
    recording = load_recording(path, Binance())
    assert [(frame.offset, frame.stream, frame.identity, frame.text) for frame in recording.frames] == [
        (0.0, "btcusdt@trade", 7, TRADE),
        (0.5, "btcusdt@bookTicker", 400, QUOTE),
        (2.0, "btcusdt@trade", 7, TRADE),
    ]
    assert recording.streams == {"btcusdt@trade", "btcusdt@bookTicker"}
    assert [frame.offset for frame in recording.of({"btcusdt@trade"})] == [0.0, 2.0]


def test_a_raw_connection_gets_the_event_byte_for_byte() -> None:
    raw, combined = BinanceForm(combined=False, microseconds=False), BinanceForm(combined=True, microseconds=False)
    assert Binance().recorded_text(TRADE, combined) == TRADE
    assert Binance().recorded_text(TRADE, raw) == TRADE.removeprefix('{"stream":"btcusdt@trade","data":')[:-1]


def test_okx_frames_are_known_by_channel_instrument_and_last_id(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"t": 1, "in": '{"event":"subscribe","arg":{}}'}, {"t": 2, "in": "pong"}, {"t": 3, "in": OKX_TRADE}
    )
    (frame,) = load_recording(path, Okx()).frames
    assert (frame.stream, frame.identity, frame.offset) == ("trades:BTC-USD-220527", 6, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{oops", "line 2: Expecting property name"),
        ("", "line 2: Expecting value"),
        ("[1]", 'line 2: expected a JSON object with "t"'),
        ({"in": TRADE}, 'line 2: expected a JSON object with "t"'),
        ({"t": "1", "in": TRADE}, 'line 2: expected a JSON object with "t"'),
        ({"t": 1}, 'line 2: expected one of "open", "out", "in"'),
        ({"t": 1, "in": 5}, 'line 2: expected one of "open", "out", "in"'),
        ({"t": 1, "in64": "aGk="}, 'line 2: "in64" is a binary frame'),
        ({"t": 1, "in": "not JSON"}, "line 2: Expecting value"),
        ({"t": 1, "in": "[]"}, "line 2: expected a JSON object"),
        ({"t": 1, "in": '{"stream":"x@trade"}'}, 'line 2: expected {"stream":…,"data":{…}}'),
        ({"t": 1, "in": '{"stream":"x@trade","data":{"e":"trade"}}'}, "line 2: the event has none of the ids"),
        ({"t": 1, "in": '{"data":{"t":1},"stream":"x@trade"}'}, 'line 2: expected {"stream":…,"data":{…}}'),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: Any, reason: str) -> None:
    path = written(tmp_path, {"t": 1, "in": TRADE}, line)
    with pytest.raises(RecordingError) as refused:
        load_recording(path, Binance())
    assert str(refused.value).startswith(f"recording {str(path)!r}: {reason}")


@pytest.mark.parametrize(
    "text",
    ['{"arg":{"channel":"trades"},"data":[{"ts":"1"}]}', '{"arg":{},"data":[]}', '{"arg":[],"data":{}}', '{"a":1}'],
)
def test_a_frame_okx_never_sends_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecordingError, match=r"line 1: expected"):
        load_recording(written(tmp_path, {"t": 1, "in": text}), Okx())


def test_a_recording_without_data_of_the_exchange_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"t": 1, "in": OKX_TRADE})
    with pytest.raises(RecordingError, match="no line is a data frame of binance"):
        load_recording(path, Binance())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(RecordingError, match=f"cannot be read: {reason}"):
            load_recording(path, Binance())
