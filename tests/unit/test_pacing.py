"""Budgets: no window ever holds more than its count, and waiting is never longer than needed."""

from hypothesis import given
from hypothesis import strategies as st

from feedfleet_connector.catalogue import Window
from feedfleet_connector.pacing import Budget


def test_a_budget_lets_its_count_through_and_then_asks_to_wait_for_the_oldest() -> None:
    budget = Budget([Window(2, 1.0)])
    for now in (10.0, 10.4):
        assert budget.delay(now) == 0
        budget.spend(now)
    assert budget.delay(10.5) == 0.5
    assert budget.delay(11.0) == 0


def test_the_tightest_of_several_windows_decides() -> None:
    budget = Budget([Window(3, 1.0), Window(4, 100.0)])
    for now in (0.0, 0.0, 0.0, 1.0):
        budget.spend(now)
    assert budget.delay(2.0) == 98.0


def test_those_who_reserve_queue_up() -> None:
    budget = Budget([Window(1, 2.0)])
    assert [budget.reserve(0.0) for _ in range(3)] == [0.0, 2.0, 4.0]


def test_no_window_means_no_waiting() -> None:
    budget = Budget([])
    budget.spend(0.0)
    assert budget.delay(0.0) == 0


@given(
    st.lists(st.builds(Window, st.integers(1, 5), st.sampled_from([0.5, 1.0, 7.0])), min_size=1, max_size=3),
    st.lists(st.floats(0, 3), max_size=40),
)
def test_no_window_ever_holds_more_than_its_count(windows: list[Window], pauses: list[float]) -> None:
    budget, now, spent = Budget(windows), 0.0, []
    for pause in pauses:
        now += pause
        now += max(0.0, budget.delay(now))
        budget.spend(now)
        spent.append(now)
    for window in windows:
        for index in range(len(spent) - window.count):
            assert spent[index + window.count] - spent[index] >= window.seconds - 1e-9
