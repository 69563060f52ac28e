"""What the operator's metrics say of shards, as alerts compare it."""

from feedfleet_operator.operator_metrics import OperatorMetrics


def test_an_exchange_without_a_ready_shard_has_none_instead_of_no_figure() -> None:
    metrics = OperatorMetrics()
    metrics.observe({"binance": 2, "okx": 1}, {"binance": 2}, [])
    metrics.observe({"okx": 1}, {"kraken": 1}, [])
    value = metrics.registry.get_sample_value
    assert value("feedfleet_operator_shards_ready", {"exchange": "okx"}) == 0
    assert value("feedfleet_operator_shards_desired", {"exchange": "kraken"}) == 0
    assert value("feedfleet_operator_shards_desired", {"exchange": "binance"}) is None
