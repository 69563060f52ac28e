"""The operator's own metrics. No label names a subscription: there may be thousands."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from feedfleet_operator.world import Manifest


class OperatorMetrics:
    """Counts of one operator process, in a registry of their own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last_success: float | None = None
        self.registry = CollectorRegistry()
        self.passes = prometheus_client.Counter(
            "feedfleet_operator_reconcile", "Passes, by result: success or error.", ["result"], registry=self.registry
        )
        self.pass_seconds = Histogram(
            "feedfleet_operator_reconcile_duration_seconds", "Duration of a pass.", registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )  # fmt: skip
        self.pokes = prometheus_client.Counter(
            "feedfleet_operator_triggered", "What asked for a pass.", ["reason"], registry=self.registry
        )
        self.queued = Gauge(
            "feedfleet_operator_queue_depth", "Changes that the next pass will see.", registry=self.registry
        )
        self.writes = prometheus_client.Counter(
            "feedfleet_operator_writes", "Writes to the API server, by kind, verb and result.",
            ["kind", "verb", "result"], registry=self.registry,
        )  # fmt: skip
        self.fleet_errors = prometheus_client.Counter(
            "feedfleet_operator_fleet_errors", "Fleets that a pass could not serve.", registry=self.registry
        )
        self.moves = prometheus_client.Counter(
            "feedfleet_operator_moved_topics", "Topics that changed place, by reason.", ["exchange", "reason"],
            registry=self.registry,
        )  # fmt: skip
        self.shards_desired = Gauge(
            "feedfleet_operator_shards_desired", "Shards planned.", ["exchange"], registry=self.registry
        )
        self.shards_ready = Gauge(
            "feedfleet_operator_shards_ready", "Shards whose pods are ready.", ["exchange"], registry=self.registry
        )
        self.subscriptions = Gauge(
            "feedfleet_operator_subscriptions", "Subscriptions, by exchange, condition and its status.",
            ["exchange", "condition", "status"], registry=self.registry,
        )  # fmt: skip
        self.registry.register(_LastSuccessAge(self))

    def observe(self, desired: Mapping[str, int], ready: Mapping[str, int], subscriptions: Iterable[Manifest]) -> None:
        """Set what a pass saw: shards planned and ready by exchange, and the subscriptions as they are."""
        for gauge, values in ((self.shards_desired, desired), (self.shards_ready, ready)):
            gauge.clear()
            # None is a figure too: an alert that compares the two needs both.
            for exchange in {*desired, *ready}:
                gauge.labels(exchange).set(values.get(exchange, 0))
        counts = Counter(
            (body["spec"]["exchange"], condition["type"], condition["status"])
            for body in subscriptions
            for condition in body.get("status", {}).get("conditions", [])
        )
        self.subscriptions.clear()
        for labels, count in counts.items():
            self.subscriptions.labels(*labels).set(count)

    def succeeded(self) -> None:
        """A pass ended without an error."""
        self._last_success = self._clock()

    def last_success_age(self) -> float | None:
        """Seconds since a pass ended without an error; None where none has yet."""
        return None if self._last_success is None else self._clock() - self._last_success


class _LastSuccessAge(Collector):
    def __init__(self, metrics: OperatorMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> list[GaugeMetricFamily]:
        """The age as of now: a gauge that is only set would stand still with what it measures."""
        age = self._metrics.last_success_age()
        name = "feedfleet_operator_last_success_age_seconds"
        family = GaugeMetricFamily(name, "Seconds since a pass ended without an error; absent before the first.")
        if age is not None:
            family.add_metric([], age)
        return [family]
