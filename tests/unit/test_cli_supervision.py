"""The supervisor's rules: when to restart, what to tell, what to show."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from feedfleet.local.fleet_view import Footer, Row, fleet_view, totals
from feedfleet.local.journal import Journal
from feedfleet.local.log_file import last_line, size
from feedfleet.local.pod import PodState
from feedfleet.local.process import exit_reason
from feedfleet.local.restarts import Liveness, RestartDelay
from feedfleet.local.status import ConnectorStatus, StatusError, changes
from feedfleet.recordings import RecordingError, parse_recordings


def test_restarts_come_at_once_and_then_ever_later_up_to_a_cap() -> None:
    delay = RestartDelay(first=1, cap=30, steady_after=60)
    assert [delay.after(5) for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]


def test_a_process_that_lived_long_is_restarted_at_once_again() -> None:
    delay = RestartDelay(first=1, cap=30, steady_after=60)
    assert [delay.after(lived) for lived in (1, 1, 1, 60, 1)] == [0, 1, 2, 0, 1]


def test_only_failures_in_a_row_count() -> None:
    liveness = Liveness(allowed=3)
    assert [liveness.failed(), liveness.failed()] == [False, False]
    liveness.succeeded()
    assert [liveness.failed(), liveness.failed(), liveness.failed()] == [False, False, True]


@pytest.mark.parametrize(("code", "said"), [(2, "exited with 2"), (-9, "killed by SIGKILL"), (0, "exited with 0")])
def test_the_end_of_a_process_is_said_in_words(code: int, said: str) -> None:
    assert exit_reason(code) == said


def status(**changed: Any) -> ConnectorStatus:
    connection = {
        "number": 0,
        "state": "flowing",
        "topics": 2,
        "acknowledged": 2,
        "refused": [],
        "stale": [],
        "lastMessage": 1,
        "connectedAt": 1,
        "reconnects": 0,
        "lastDisconnect": None,
        "ticks": 5,
        **changed.pop("connection", {}),
    }
    sink = {"state": "writing", "error": None, "dropped": {}, **changed.pop("sink", {})}
    document = {
        "live": True,
        "ready": True,
        "reasons": [],
        "ticks": 5,
        "latencyMilliseconds": {"p50": 1.0, "p99": 2.0, "count": 5},
        "assignment": {"digest": "d", "error": None},
        "sink": sink,
        "connections": [connection],
        **changed,
    }
    return ConnectorStatus.load(json.dumps(document).encode())


def test_an_undisturbed_connector_is_no_news() -> None:
    assert list(changes(None, status())) == []
    assert list(changes(status(), status(ticks=9))) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            {"connection": {"reconnects": 1, "lastDisconnect": {"reason": "silent 30 s", "at": 1}}},
            "connection 0 reconnecting: silent 30 s",
        ),
        (
            {"connection": {"state": "backoff", "lastDisconnect": {"reason": "closed 1006", "at": 1}}},
            "connection 0 lost: closed 1006",
        ),
        (
            {"connection": {"refused": [{"topic": "okx:spot:trade:A-B", "code": "60018", "message": "no such"}]}},
            "refused okx:spot:trade:A-B: 60018 no such",
        ),
        ({"sink": {"state": "failing", "error": "refused"}}, "Redis: refused"),
        ({"sink": {"dropped": {"oldest": 7}}}, "Redis: 7 ticks dropped"),
        ({"assignment": {"digest": "d", "error": "not JSON"}}, "assignment refused: not JSON"),
    ],
)
def test_news_is_told_once(after: dict[str, Any], said: str) -> None:
    assert list(changes(status(), status(**json.loads(json.dumps(after))))) == [said]
    assert list(changes(status(**json.loads(json.dumps(after))), status(**json.loads(json.dumps(after))))) == []


def test_redis_coming_back_is_told() -> None:
    failing = status(sink={"state": "failing", "error": "refused"})
    assert list(changes(failing, status())) == ["Redis: writing again"]


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"no JSON", b'{"connections": 3}'])
def test_what_is_no_status_is_refused(text: bytes) -> None:
    with pytest.raises(StatusError):
        ConnectorStatus.load(text)


def test_the_last_line_of_a_log_is_the_last_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "pod.log"
    log.write_text('{"message":"old"}\n')
    start = size(log)
    with log.open("a") as file:
        file.write('{"level":"error","message":"cannot start","error":"version: 9"}\n')
    assert last_line(log, start) == "cannot start: version: 9"

    log.write_text("  | ValueError: broken\n  +------------------------------------\n\n")
    assert last_line(log) == "ValueError: broken"
    assert last_line(log, size(log)) == "it said nothing"


def row(**changed: Any) -> Row:
    values = {
        "name": "binance-spot-0",
        "state": PodState.READY,
        "pid": 42,
        "open_connections": 2,
        "connections": 3,
        "acknowledged": 7,
        "topics": 9,
        "ticks_per_second": 12.5,
        "p50": 1.25,
        "p99": None,
        "stale": 1,
        "reconnects": 4,
        "restarts": 5,
        "last_event": "connection 1 reconnecting: silent 30 s",
    }
    return Row(**{**values, **changed})


def shown(width: int) -> str:
    journal = Journal()
    journal.note("binance-spot-0", "restarted: killed by SIGKILL")
    console = Console(width=width, file=io.StringIO())
    footer = Footer("redis://127.0.0.1:6399 (embedded)", "feedfleet tail", "logs")
    with console.capture() as capture:
        console.print(fleet_view([row()], footer, journal.last(8), width))
    return capture.get()


def test_the_table_shows_every_fact_and_the_last_events() -> None:
    text = shown(160)
    cells = (
        "binance-spot-0",
        "ready",
        "42",
        "2/3",
        "7/9",
        "12.5",
        "1.2",
        "-",
        "connection 1 reconnecting: silent 30 s",
    )
    assert all(cell in text for cell in cells), text
    assert "restarted: killed by SIGKILL" in text
    assert "feedfleet tail" in text
    assert totals([row()]) in text


def test_a_narrow_terminal_gets_whole_columns() -> None:
    text = shown(80)
    assert all(cell in text for cell in ("binance-spot-0", "ready", "2/3", "7/9", "RESTARTS")), text
    assert "…" not in text.splitlines()[1]
    assert max(map(len, text.splitlines())) <= 80


def test_a_row_is_one_line_elsewhere() -> None:
    assert row().line() == (
        "binance-spot-0  ready  pid 42  connections 2/3  topics 7/9  ticks/s 12.5  p50 1.2 ms  p99 - ms  stale 1  "
        "reconnects 4  restarts 5  last: connection 1 reconnecting: silent 30 s"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("binance", "EXCHANGE=PATH"),
        ("binance=", "EXCHANGE=PATH"),
        ("mtgox=x", "binance"),
        ("binance=absent", "absent"),
    ],
)
def test_recordings_that_cannot_be_used_are_refused(text: str, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        parse_recordings([text])


def test_one_recording_an_exchange(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    assert parse_recordings([f"okx={tmp_path / 'a'}"]) == {"okx": str((tmp_path / "a").resolve())}
    with pytest.raises(RecordingError, match="one recording"):
        parse_recordings([f"okx={tmp_path / 'a'}"] * 2)
