"""``/metrics``: the connector's counts in Prometheus' words, read when scraped."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from feedfleet_connector.connection import Connection
from feedfleet_connector.measurements import LATENCY_BOUNDS, Measurements
from feedfleet_connector.sink.redis_streams import RedisStreams


def make_registry(
    exchange: str,
    connections: Callable[[], Sequence[Connection]],
    sink: RedisStreams,
    measurements: Measurements,
    restarts: Callable[[], int],
) -> CollectorRegistry:
    """A registry of the process's own metrics and Python's."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    registry.register(_ConnectorCollector(exchange, connections, sink, measurements, restarts))
    return registry


class _ConnectorCollector(Collector):
    def __init__(
        self,
        exchange: str,
        connections: Callable[[], Sequence[Connection]],
        sink: RedisStreams,
        measurements: Measurements,
        restarts: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._connections = connections
        self._sink = sink
        self._measurements = measurements
        self._restarts = restarts

    def collect(self) -> Iterable[Metric]:
        """All metrics of the connector, from the counts as they are now."""
        yield from self._venue()
        yield from self._repairs()
        yield from self._redis()

    def _venue(self) -> Iterable[Metric]:
        measurements, connections = self._measurements, self._connections()
        yield self._counters(
            "ws_messages_received", "Messages received, by channel; control is those without ticks.", "channel",
            measurements.messages,
        )  # fmt: skip
        yield self._latency()
        yield self._counter("ws_reconnects", "Reconnects of WebSockets.", sum(measurements.reconnects.values()))
        open_connections = sum(connection.is_open for connection in connections)
        yield self._gauge("ws_active_connections", "WebSockets that are open.", open_connections)
        acknowledged = sum(connection.subscriptions.acknowledged_count for connection in connections)
        yield self._gauge("ws_subscription_count", "Topics that the exchange acknowledged.", acknowledged)
        topics = sum(len(connection.flow.topics) for connection in connections)
        yield self._gauge("feedfleet_topics", "Topics assigned.", topics)
        refused = sum(len(connection.subscriptions.refusals()) for connection in connections)
        yield self._gauge("feedfleet_topics_refused", "Topics that the exchange refused.", refused)
        yield self._counters("feedfleet_ticks", "Ticks normalized, by channel.", "channel", measurements.ticks)

    def _repairs(self) -> Iterable[Metric]:
        measurements = self._measurements
        yield self._counters("feedfleet_reconnects", "Reconnects, by reason.", "reason", measurements.reconnects)
        yield self._counters(
            "feedfleet_malformed_frames", "Frames that are not what the exchange documents, by reason.", "reason",
            measurements.malformed,
        )  # fmt: skip
        yield self._counters(
            "feedfleet_refused_requests", "Requests that the exchange refused, by its code.", "code",
            measurements.refusals,
        )  # fmt: skip
        yield self._counter(
            "feedfleet_resubscribes", "Silent topics that were subscribed again.", measurements.resubscribes
        )
        yield self._counters(
            "feedfleet_assignment_reloads", "Changes of the assignment, by result.", "result", measurements.reloads
        )
        yield self._gauge(
            "feedfleet_staleness_restarts", "Restarts for staleness in a row before this process.", self._restarts()
        )

    def _redis(self) -> Iterable[Metric]:
        sink = self._sink
        yield self._counter("feedfleet_ticks_written", "Ticks that Redis took.", sink.counts.written)
        yield self._counters(
            "feedfleet_ticks_refused", "Ticks that Redis refused for their ids, by reason.", "reason",
            sink.counts.refused,
        )  # fmt: skip
        dropped = {**sink.dropped, **self._measurements.discarded}
        yield self._counters("feedfleet_ticks_dropped", "Ticks given up, by reason.", "reason", dropped)
        yield self._gauge("feedfleet_sink_buffered_ticks", "Ticks waiting for Redis.", sink.buffered)
        yield self._gauge(
            "feedfleet_sink_buffered_bytes", "Memory of the ticks waiting for Redis.", sink.buffered_bytes
        )
        yield self._gauge("feedfleet_sink_up", "1 while Redis takes writes.", float(sink.state == "writing"))

    def _latency(self) -> Metric:
        latency = self._measurements.latency
        seen, buckets = 0, []
        for bound, count in zip([*map(str, LATENCY_BOUNDS), "+Inf"], latency.counts, strict=True):
            seen += count
            buckets.append((bound, seen))
        family = HistogramMetricFamily(
            "ws_message_latency_ms",
            "Milliseconds from the exchange's time to the receipt; below 0 its clock runs ahead of ours.",
            labels=["exchange"],
        )
        family.add_metric([self._exchange], buckets, None)
        # The library leaves both out where a bucket's bound is negative; dashboards look for them all the same.
        labels = {"exchange": self._exchange}
        family.add_sample("ws_message_latency_ms_count", labels, seen)
        family.add_sample("ws_message_latency_ms_sum", labels, latency.total_milliseconds)
        return family

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(name, text, labels=["exchange"])
        family.add_metric([self._exchange], value)
        return family

    def _counters(self, name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
        family = CounterMetricFamily(name, text, labels=["exchange", label])
        # A copy: the event loop may add a reason while this thread reads.
        for key, value in dict(values).items():
            family.add_metric([self._exchange, key], value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["exchange"])
        family.add_metric([self._exchange], value)
        return family
