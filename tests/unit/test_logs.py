"""Logs: readable or JSON, and never with what local variables held."""

import json

import pytest
import structlog

from feedfleet_connector.logs import Occasional, configure_logs


@pytest.fixture(autouse=True)
def _restore() -> object:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_logged_exception_does_not_show_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format, "info")

    def connect(url: str) -> None:
        raise RuntimeError("no route")

    secret = "-".join(["open", "sesame"])
    try:
        connect(f"redis://:{secret}@redis")
    except RuntimeError:
        structlog.get_logger().exception("cannot connect")
    written = capsys.readouterr().err
    assert "no route" in written
    assert "open-sesame" not in written


def test_json_logs_have_one_object_a_line_with_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    structlog.get_logger().info("connected", topics=3)
    structlog.get_logger().debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["topics"]) == ("connected", "info", 3)
    assert entry["time"].endswith("Z")


def test_a_message_of_one_kind_is_let_through_now_and_then_and_says_how_many_were_held_back() -> None:
    now = [0.0]
    occasional = Occasional(interval=10.0, clock=lambda: now[0])
    assert [occasional.allow("a"), occasional.allow("a"), occasional.allow("b")] == [0, None, 0]
    now[0] = 10.0
    assert occasional.allow("a") == 1


def test_kinds_without_end_take_no_memory_without_end() -> None:
    occasional = Occasional(kinds=10)
    for number in range(1000):
        occasional.allow(f"kind {number}")
    assert len(occasional._seen) <= 10
