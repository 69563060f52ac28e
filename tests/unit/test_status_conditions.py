"""Conditions over time: when they change, and when nothing does."""

from hypothesis import given
from hypothesis import strategies as st

from feedfleet_operator.status import orphan_status
from feedfleet_operator.status.conditions import condition_of, timestamp
from feedfleet_operator.status.reasons import FAILURES, REASONS, ConditionType, Reason
from feedfleet_operator.status.wording import LONGEST_MESSAGE, bounded, last_words, listed, quoted
from status_scene import NOW, Scene, check, message, not_running, said, subscription_body, told


def test_an_unchanged_pass_gives_the_same_status_and_tells_nothing() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"), subscription_body("b", "BTC-USDT", exchange="okx")).settle()
    later = scene.look(NOW + 20)
    assert later.fleet == scene.fleet["status"]
    assert list(later.subscriptions.values()) == [body["status"] for body in scene.subscriptions]
    assert told(later) == []


def test_the_same_holds_while_things_are_wrong() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"), subscription_body("b", "BTC-USDT", exchange="okx"))
    scene.apply()
    scene.write(scene.look())
    later = scene.look(NOW + 20)
    assert later.fleet == scene.fleet["status"]
    assert told(later) == []


def test_a_transition_is_timed_and_only_a_transition() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    scene.apply()
    scene.write(scene.look(NOW))
    scene.start_pods()
    status = scene.look(NOW + 5).subscriptions["a"]
    assert condition_of(status, ConditionType.READY)["lastTransitionTime"] == timestamp(NOW + 5)
    assert condition_of(status, ConditionType.ACCEPTED)["lastTransitionTime"] == timestamp(NOW)


def test_another_reason_is_no_transition() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT"))
    scene.apply()
    scene.write(scene.look(NOW))
    scene.start_pods()
    [pod] = scene.pods.values()
    scene.reports = {}
    not_running(pod, "ErrImagePull", "no such image")
    status = scene.look(NOW + 5).subscriptions["a"]
    assert said(status, ConditionType.READY) == ("False", "ImagePullFailed")
    assert condition_of(status, ConditionType.READY)["lastTransitionTime"] == timestamp(NOW)


def test_times_are_rfc_3339() -> None:
    assert timestamp(0.9) == "1970-01-01T00:00:00Z"


def test_what_is_observed_is_the_generation_that_was_read() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT")).settle()
    scene.edit("a", symbols=["BTC-USDT", "ETH-USDT"])
    status = scene.look().subscriptions["a"]
    assert status["observedGeneration"] == 2
    assert {condition["observedGeneration"] for condition in status["conditions"]} == {2}


def test_conditions_have_a_fixed_order() -> None:
    scene = Scene(subscription_body("a", "BTC-USDT")).settle()
    kinds = [kind.value for kind in ConditionType]
    for status in (scene.look().fleet, scene.look().subscriptions["a"], orphan_status(scene.subscriptions[0], NOW)):
        assert [condition["type"] for condition in status["conditions"]] == kinds


def test_an_orphan_is_told_what_to_do() -> None:
    body = subscription_body("a", "BTC-USDT", "ETH-USDT", fleet="nowhere", channels=["trade", "quote"])
    status = orphan_status(body, NOW)
    check(body, status)
    assert said(status, ConditionType.ACCEPTED) == ("False", "UnknownFleet")
    assert message(status, ConditionType.ACCEPTED) == (
        "FeedFleet nowhere does not exist in namespace feeds; create it, or set spec.fleet to one that does"
    )
    assert (status["symbols"], status["topics"], status["flowing"], status["pods"]) == (2, 4, 0, 0)
    assert orphan_status({**body, "status": status}, NOW + 60) == status


def test_every_reason_belongs_to_a_condition() -> None:
    assert {reason for reasons in REASONS.values() for reason in reasons} == set(Reason)
    assert set(ConditionType) == set(REASONS)
    assert set(Reason) >= FAILURES


@given(st.text(max_size=3000))
def test_a_quote_is_short_and_on_one_line(text: str) -> None:
    assert len(quoted(text)) <= 300
    assert len(quoted(text).splitlines()) <= 1
    assert len(bounded(text)) <= LONGEST_MESSAGE


def test_a_quote_has_no_credentials() -> None:
    assert quoted("cannot reach redis://user:hunter2@redis:6379/0") == "cannot reach redis://***@redis:6379/0"
    assert quoted("cannot reach redis://:hunter2@redis:6379") == "cannot reach redis://***@redis:6379"
    assert quoted("no redis://:p@ss/word@redis") == "no redis://***@redis"


def test_last_words_are_those_of_the_last_line() -> None:
    assert last_words('starting\n{"message":"cannot start","error":"sink.redis.url: no","time":"12:00"}\n') == (
        "cannot start: sink.redis.url: no"
    )
    assert last_words("Traceback\nValueError: no") == "ValueError: no"
    assert last_words("5") == "5"
    assert last_words(" \n") == ""


def test_long_lists_are_cut() -> None:
    assert listed("abc") == "a, b, c"
    assert listed(range(9)) == "0, 1, 2, 3, 4 and 4 more"
