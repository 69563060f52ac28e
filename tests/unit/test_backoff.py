"""Backoff: full jitter under a ceiling that doubles up to the cap."""

from feedfleet_connector.backoff import Backoff


def test_the_ceiling_doubles_up_to_the_cap_and_reset_starts_over() -> None:
    ceilings: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        ceilings.append((low, high))
        return high

    backoff = Backoff(first=1.0, cap=6.0, uniform=uniform)
    assert [backoff.next_delay() for _ in range(5)] == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert all(low == 0.0 for low, _ in ceilings)
    backoff.reset()
    assert backoff.next_delay() == 1.0


def test_an_outage_of_thousands_of_attempts_stays_at_the_cap() -> None:
    backoff = Backoff(first=1.0, cap=20.0, uniform=lambda low, high: high)
    delays = [backoff.next_delay() for _ in range(5000)]
    assert delays[-1] == 20.0


def test_delays_differ_between_connections_that_were_cut_together() -> None:
    assert len({Backoff().next_delay() for _ in range(50)}) > 1
