"""The repair ladder's rules."""

from feedfleet_connector.staleness import Silence, patience, restart_reason, resubscribe_delay


def silence(seconds: float, reconnects: int = 3, stale_after: float = 30.0) -> Silence:
    return Silence(seconds, stale_after, reconnects)


def test_a_process_is_restarted_only_when_every_connection_is_at_the_ladders_end() -> None:
    assert restart_reason([silence(500), silence(500)], restarts=0) is not None
    assert restart_reason([silence(500), silence(2)], restarts=0) is None
    assert restart_reason([silence(500), silence(500, reconnects=2)], restarts=0) is None


def test_a_process_without_connections_has_nothing_to_be_silent_about() -> None:
    assert restart_reason([], restarts=0) is None


def test_restarts_in_a_row_space_themselves_out() -> None:
    assert restart_reason([silence(121)], restarts=0) is not None
    assert restart_reason([silence(121)], restarts=1) is None
    assert [patience(30.0, restarts) for restarts in range(6)] == [120, 240, 480, 960, 1920, 3600]


def test_a_long_outage_outlasts_the_kubelets_memory_of_restarts_before_its_backoff_grows() -> None:
    # The kubelet doubles its delay from 10 s and forgets it after 10 minutes without a restart.
    delay, worst = 10.0, 0.0
    for restarts in range(50):
        ran_for = patience(30.0, restarts)
        delay = 10.0 if ran_for >= 600 else delay * 2
        worst = max(worst, delay)
    assert worst <= 80


def test_a_threshold_above_the_longest_patience_is_still_kept() -> None:
    assert patience(86400.0, 0) == 86400.0


def test_a_quiet_topic_is_asked_less_and_less_often_but_at_least_hourly() -> None:
    assert [resubscribe_delay(30.0, attempts) for attempts in (1, 2, 3)] == [60, 120, 240]
    assert resubscribe_delay(30.0, 1000) == 3600
