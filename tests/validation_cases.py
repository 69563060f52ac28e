"""What has to be refused and what accepted, by offline validation and by an API server alike."""

from typing import Any, NamedTuple

from feedfleet.documents import FLEET, SUBSCRIPTION, Document

PASSWORD = "hunter2"

Body = dict[str, Any]


def subscription(**spec: Any) -> Body:
    """A FeedSubscription that is right but for ``spec``."""
    right = {"exchange": "okx", "channels": ["trade"], "symbols": ["BTC-USDT"]}
    return {
        "apiVersion": "feedfleet.dev/v1alpha1",
        "kind": SUBSCRIPTION,
        "metadata": {"name": "btc"},
        "spec": {**right, **spec},
    }


def without(field: str) -> Body:
    body = subscription()
    del body["spec"][field]
    return body


def fleet(**spec: Any) -> Body:
    """A FeedFleet that is right but for ``spec``."""
    return {"apiVersion": "feedfleet.dev/v1alpha1", "kind": FLEET, "metadata": {"name": "default"}, "spec": spec}


def redis(**settings: Any) -> Body:
    return fleet(sink={"redis": settings})


def exchanges(**overrides: Any) -> Body:
    return fleet(exchanges=overrides)


def named(body: Body, **metadata: Any) -> Body:
    return {**body, "metadata": {**body["metadata"], **metadata}}


def document(body: Body, source: str = "feeds.yaml", index: int = 1) -> Document:
    metadata = body.get("metadata") or {}
    return Document(source, index, body["kind"], metadata.get("name", ""), metadata.get("namespace", "default"), body)


class Refused(NamedTuple):
    """A bad body, the field its one problem is about, and words its line has to have."""

    body: Body
    field: str
    words: tuple[str, ...]


MANY_SYMBOLS = [f"A{number}-USDT" for number in range(1001)]

REFUSED: dict[str, Refused] = {
    "unknown exchange": Refused(
        subscription(exchange="kraken"), "spec.exchange", ("'kraken'", "allowed: binance, okx")
    ),
    "exchange in capitals": Refused(subscription(exchange="OKX"), "spec.exchange", ("'OKX'", "binance, okx")),
    "unknown market": Refused(subscription(market="linear"), "spec.market", ("'linear'", "allowed: spot, swap")),
    "market of another exchange": Refused(
        subscription(exchange="binance", market="swap", symbols=["BTC-USDT-PERP"]),
        "spec.market",
        ("'swap'", "binance", "allowed: spot"),
    ),
    "unknown channel": Refused(
        subscription(channels=["trade", "candles"]), "spec.channels[1]", ("'candles'", "allowed: trade, quote, ticker")
    ),
    "channel twice": Refused(subscription(channels=["trade", "trade"]), "spec.channels[1]", ("'trade'", "each once")),
    "no channels": Refused(subscription(channels=[]), "spec.channels", ("0 items", "allowed: 1 to 3")),
    "channels as a text": Refused(subscription(channels="trade"), "spec.channels", ("'trade'", "allowed: a list")),
    "symbol in small letters": Refused(
        subscription(symbols=["BTC-USDT", "btc-usdt"]), "spec.symbols[1]", ("'btc-usdt'", "BASE-QUOTE in capitals")
    ),
    "symbol without a hyphen": Refused(
        subscription(symbols=["BTCUSDT"]), "spec.symbols[0]", ("'BTCUSDT'", "BASE-QUOTE")
    ),
    "symbol with a line feed": Refused(subscription(symbols=["BTC-USDT\n"]), "spec.symbols[0]", ("BASE-QUOTE",)),
    "symbol of other letters": Refused(subscription(symbols=["БТЦ-USDT"]), "spec.symbols[0]", ("'БТЦ-USDT'",)),
    "symbol that is a number": Refused(subscription(symbols=[1]), "spec.symbols[0]", ("1", "allowed: a text")),
    "symbol that is null": Refused(subscription(symbols=[None]), "spec.symbols[0]", ("null", "allowed: a text")),
    "symbol twice": Refused(
        subscription(symbols=["BTC-USDT", "ETH-USDT", "BTC-USDT"]), "spec.symbols[2]", ("'BTC-USDT'", "item [0]")
    ),
    "no symbols": Refused(subscription(symbols=[]), "spec.symbols", ("0 items", "allowed: 1 to 1000")),
    "too many symbols": Refused(subscription(symbols=MANY_SYMBOLS), "spec.symbols", ("1001 items", "1 to 1000")),
    "perpetual on a spot market": Refused(
        subscription(symbols=["ETH-USDT", "BTC-USDT-PERP"]), "spec.symbols", ("BTC-USDT-PERP", "spot", "like BTC-USDT,")
    ),
    "spot symbol on a swap market": Refused(
        subscription(market="swap", symbols=["ETH-USDT-PERP", "BTC-USDT"]),
        "spec.symbols",
        ("BTC-USDT is", "swap", "like BTC-USDT-PERP"),
    ),
    "no exchange": Refused(without("exchange"), "spec.exchange", ("missing", "allowed: binance, okx")),
    "no list of symbols": Refused(without("symbols"), "spec.symbols", ("missing", "allowed: a list")),
    "no list of channels": Refused(without("channels"), "spec.channels", ("missing", "trade, quote, ticker")),
    "exchange that is null": Refused(subscription(exchange=None), "spec.exchange", ("missing",)),
    "stale too soon": Refused(
        subscription(staleAfterSeconds=4), "spec.staleAfterSeconds", ("4", "allowed: 5 to 86400")
    ),
    "stale too late": Refused(subscription(staleAfterSeconds=86401), "spec.staleAfterSeconds", ("86401", "5 to 86400")),
    "stale after a text": Refused(
        subscription(staleAfterSeconds="30"), "spec.staleAfterSeconds", ("'30'", "allowed: a whole number")
    ),
    "stale after a fraction": Refused(subscription(staleAfterSeconds=30.5), "spec.staleAfterSeconds", ("30.5",)),
    "malformed fleet": Refused(subscription(fleet="My_Fleet"), "spec.fleet", ("'My_Fleet'", "40 small letters")),
    "unknown field": Refused(subscription(symbol="BTC-USDT"), "spec.symbol", ("allowed: exchange, market, channels",)),
    "unknown field beside spec": Refused(
        {**subscription(), "specs": {}}, "specs", ("apiVersion, kind, metadata, spec",)
    ),
    "unknown field of metadata": Refused(named(subscription(), label={}), "metadata.label", ("labels",)),
    "spec that is a list": Refused({**subscription(), "spec": []}, "spec", ("allowed: a mapping",)),
    "no spec": Refused({k: v for k, v in subscription().items() if k != "spec"}, "spec", ("missing",)),
    "no name": Refused({**subscription(), "metadata": {}}, "metadata.name", ("missing",)),
    "name in capitals": Refused(named(subscription(), name="BTC"), "metadata.name", ("'BTC'", "small letters")),
    "name with an empty label": Refused(named(subscription(), name="a..b"), "metadata.name", ("'a..b'",)),
    "name too long": Refused(named(subscription(), name="a" * 254), "metadata.name", ("1 to 253 characters",)),
    "malformed namespace": Refused(named(subscription(), namespace="a.b"), "metadata.namespace", ("'a.b'",)),
    "malformed label": Refused(named(subscription(), labels={"team": "a b"}), "metadata.labels.team", ("'a b'",)),
    "label that is a number": Refused(named(subscription(), labels={"tier": 1}), "metadata.labels.tier", ("a text",)),
    "fleet's name too long": Refused(named(fleet(), name="a" * 41), "metadata.name", ("at most 40 characters",)),
    "fleet's name with a dot": Refused(named(fleet(), name="a.b"), "metadata.name", ("'a.b'", "40 small letters")),
    "sink of another kind": Refused(fleet(sink={"kafka": {}, "redis": {}}), "spec.sink.kafka", ("allowed: redis",)),
    "sink of no kind": Refused(fleet(sink={}), "spec.sink.redis", ("missing",)),
    "url and Secret": Refused(
        redis(url="redis://cache", urlSecretRef={"name": "cache", "key": "url"}),
        "spec.sink.redis",
        ("allowed: one of",),
    ),
    "url of another scheme": Refused(
        redis(url="http://cache:6379"), "spec.sink.redis.url", ("'http://cache:6379'", "allowed: redis://HOST:PORT/DB")
    ),
    "url without a scheme": Refused(redis(url="cache:6379"), "spec.sink.redis.url", ("'cache:6379'", "redis://")),
    "url without a host": Refused(redis(url="redis://"), "spec.sink.redis.url", ("redis://HOST",)),
    "url that is empty": Refused(redis(url=""), "spec.sink.redis.url", ("redis://HOST",)),
    "url with a password": Refused(
        redis(url=f"redis://:{PASSWORD}@cache:6379/0"), "spec.sink.redis.url", ("redis://***", "urlSecretRef")
    ),
    "url with user and password": Refused(
        redis(url=f"rediss://me:{PASSWORD}@cache"), "spec.sink.redis.url", ("rediss://***", "urlSecretRef")
    ),
    "socket url with a password": Refused(
        redis(url=f"unix://me:{PASSWORD}@/run/redis.sock"), "spec.sink.redis.url", ("unix://***", "urlSecretRef")
    ),
    "url with a password as its parameter": Refused(
        redis(url=f"redis://cache?Password={PASSWORD}"), "spec.sink.redis.url", ("redis://***", "urlSecretRef")
    ),
    "url with an encoded parameter": Refused(
        redis(url=f"redis://cache?pass%77ord={PASSWORD}"), "spec.sink.redis.url", ("redis://***",)
    ),
    "url with a password for a port": Refused(
        redis(url=f"redis://:{PASSWORD}"), "spec.sink.redis.url", ("redis://***",)
    ),
    "url that is a number": Refused(redis(url=6379), "spec.sink.redis.url", ("6379", "allowed: a text")),
    "Secret without a key": Refused(
        redis(urlSecretRef={"name": "cache"}), "spec.sink.redis.urlSecretRef.key", ("missing",)
    ),
    "password as a field": Refused(
        redis(password=PASSWORD), "spec.sink.redis.password", ("allowed: url, urlSecretRef, keyPrefix, maxLength",)
    ),
    "key prefix with a space": Refused(redis(keyPrefix="a b"), "spec.sink.redis.keyPrefix", ("'a b'",)),
    "key prefix ending with a colon": Refused(redis(keyPrefix="md:"), "spec.sink.redis.keyPrefix", ("'md:'", "colon")),
    "streams of no length": Refused(redis(maxLength=0), "spec.sink.redis.maxLength", ("0", "1 to 100000000")),
    "length beyond 64 bits": Refused(redis(maxLength=10**30), "spec.sink.redis.maxLength", ("1 to 100000000",)),
    "too many replicas": Refused(fleet(replicas=17), "spec.replicas", ("17", "allowed: 0 to 16")),
    "negative replicas": Refused(fleet(replicas=-1), "spec.replicas", ("-1", "0 to 16")),
    "paused by a text": Refused(fleet(paused="yes"), "spec.paused", ("'yes'", "true or false")),
    "replicas that are true": Refused(fleet(replicas=True), "spec.replicas", ("true", "a whole number")),
    "image with a space": Refused(fleet(image="a b"), "spec.image", ("'a b'", "reference")),
    "no connections in a pod": Refused(
        fleet(capacity={"connectionsPerPod": 0}), "spec.capacity.connectionsPerPod", ("0", "1 to 1000")
    ),
    "unknown part of the pod template": Refused(
        fleet(podTemplate={"specs": {}}), "spec.podTemplate.specs", ("metadata, spec",)
    ),
    "override of an unknown exchange": Refused(
        exchanges(kraken={}, okx={}), "spec.exchanges", ("kraken", "allowed: binance, okx")
    ),
    "overrides as a list": Refused(fleet(exchanges=[{"name": "okx"}]), "spec.exchanges", ("a mapping",)),
    "unknown override": Refused(exchanges(okx={"url": "ws://a"}), "spec.exchanges.okx.url", ("endpoint",)),
    "endpoint of another scheme": Refused(
        exchanges(okx={"endpoint": "https://a"}), "spec.exchanges.okx.endpoint", ("'https://a'", "ws:// or wss://")
    ),
    "endpoint without a host": Refused(
        exchanges(okx={"endpoint": "wss:///ws"}), "spec.exchanges.okx.endpoint", ("ws:// or wss://",)
    ),
    "endpoint with a password": Refused(
        exchanges(okx={"endpoint": f"wss://me:{PASSWORD}@a/ws"}), "spec.exchanges.okx.endpoint", ("wss://***",)
    ),
    "no topics on a connection": Refused(
        exchanges(okx={"topicsPerConnection": 0}), "spec.exchanges.okx.topicsPerConnection", ("0", "1 to 100000")
    ),
    "no windows": Refused(exchanges(okx={"requests": []}), "spec.exchanges.okx.requests", ("1 to 8 items",)),
    "window without seconds": Refused(
        exchanges(okx={"connects": [{"count": 1}]}), "spec.exchanges.okx.connects[0].seconds", ("missing", "a number")
    ),
    "window of no time": Refused(
        exchanges(okx={"connects": [{"count": 1, "seconds": 0}]}),
        "spec.exchanges.okx.connects[0].seconds",
        ("0", "above 0, at most 86400"),
    ),
    "stream of an unknown channel": Refused(
        exchanges(binance={"streams": {"trades": "trade"}}),
        "spec.exchanges.binance.streams",
        ("trades", "allowed: trade, quote, ticker"),
    ),
}

ACCEPTED: dict[str, Body] = {
    "subscription": subscription(),
    "everything of a subscription": subscription(
        exchange="okx",
        market="swap",
        channels=["trade", "quote", "ticker"],
        symbols=["BTC-USDT-PERP"],
        staleAfterSeconds=5,
    ),
    "1000 symbols": subscription(symbols=MANY_SYMBOLS[:1000]),
    "symbols of 20 letters": subscription(symbols=["A" * 20 + "-" + "B" * 20, "1000SATS-USDT"]),
    "symbol whose quote is PERP": subscription(symbols=["BTC-PERPS"]),
    "nulls that count as absent": subscription(market=None, fleet=None, staleAfterSeconds=None),
    "name with dots": named(subscription(), name="btc.usdt-1"),
    "labels": named(subscription(), labels={"example.com/team": "A_b.c", "empty": ""}, annotations={"a": "b c"}),
    "status of another day": {**subscription(), "status": {"topics": "many"}},
    "fleet of nothing": fleet(),
    "fleet that is stopped": fleet(replicas=0, paused=True),
    "fleet of 40 letters": named(fleet(), name="a" * 40),
    "Redis without a URL": redis(maxLength=1, keyPrefix="prod:md"),
    "Redis by name": redis(url="redis://cache"),
    "Redis by port and number": redis(url="redis://cache.data.svc:6379/0"),
    "Redis over TLS": redis(url="rediss://cache:6380/1?ssl_cert_reqs=none"),
    "Redis by IPv6": redis(url="redis://[::1]:6379"),
    "Redis by socket": redis(url="unix:///run/redis/redis.sock?db=1"),
    "Redis in a Secret": redis(urlSecretRef={"name": "cache", "key": "REDIS_URL"}),
    "prefix that is a hash tag": redis(keyPrefix="{md}"),
    "pod template": fleet(podTemplate={"metadata": {"labels": {"a": "b"}}, "spec": {"anything": [{"goes": None}]}}),
    "overrides": exchanges(
        binance={"endpoint": "ws://127.0.0.1:9443/stream", "streams": {"trade": "aggTrade"}},
        okx={"requests": [{"count": 480, "seconds": 3600}, {"count": 3, "seconds": 0.5}], "heartbeatSeconds": 1},
    ),
    "images": fleet(image="registry.example.com:5000/feedfleet:1.0@sha256:" + "0" * 64),
}

UPDATES: dict[str, tuple[Body, Body, str | None]] = {
    "exchange": (subscription(exchange="okx"), subscription(exchange="binance"), "spec.exchange"),
    "market": (
        subscription(),
        subscription(market="swap", symbols=["BTC-USDT-PERP"]),
        "spec.market",
    ),
    "market given as its default": (subscription(), subscription(market="spot"), None),
    "symbols": (subscription(), subscription(symbols=["ETH-USDT"], channels=["quote"], staleAfterSeconds=9), None),
    "fleet": (subscription(fleet="a"), subscription(), None),
    "everything of a fleet": (fleet(replicas=1), redis(url="redis://cache"), None),
}
"""Old body, new body, and the field that may not change."""
