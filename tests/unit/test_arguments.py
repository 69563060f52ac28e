"""The operator's command line: what it takes, from flags or the environment, and what it refuses in which words."""

import pytest

from feedfleet_operator.arguments import ArgumentError, parse_arguments
from feedfleet_operator.resources import SecretKey

IMAGE = ["--connector-image", "feedfleet:1"]


def test_flags_and_environment_say_the_same() -> None:
    flags = parse_arguments(
        [*IMAGE, "--namespace", "a", "--namespace", "b", "--redis-secret", "redis/url", "--no-default-fleet",
         "--prune-share", "0.25", "--listen", "127.0.0.1:9", "--connector-resources", '{"limits":{"memory":"1Gi"}}'],
        {},
    )  # fmt: skip
    environment = parse_arguments(
        [],
        {
            "FEEDFLEET_CONNECTOR_IMAGE": "feedfleet:1", "FEEDFLEET_NAMESPACE": "a,b",
            "FEEDFLEET_REDIS_SECRET": "redis/url", "FEEDFLEET_NO_DEFAULT_FLEET": "true",
            "FEEDFLEET_PRUNE_SHARE": "0.25", "FEEDFLEET_LISTEN": "127.0.0.1:9",
            "FEEDFLEET_CONNECTOR_RESOURCES": '{"limits":{"memory":"1Gi"}}',
        },
    )  # fmt: skip
    assert flags == environment
    settings = flags.settings
    assert settings.namespaces == ("a", "b")
    assert settings.sink.url_secret == SecretKey("redis", "url")
    assert not settings.default_fleet
    assert settings.pods.resources == {"limits": {"memory": "1Gi"}}
    assert (flags.host, flags.port) == ("127.0.0.1", 9)


def test_little_has_to_be_said() -> None:
    arguments = parse_arguments(IMAGE, {})
    assert arguments.settings.default_fleet
    assert arguments.settings.namespaces == ()
    assert (arguments.host, arguments.port) == ("", 8080)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--connector-image: not given; allowed: "),
        ([*IMAGE, "--redis-url", "http://redis"], "--redis-url: not a Redis URL; allowed: "),
        ([*IMAGE, "--redis-url", "redis://:hunter2@redis"], "--redis-url: holds credentials; allowed: "),
        ([*IMAGE, "--redis-url", "redis://a", "--redis-secret", "b/c"], "are both given; allowed: one of them"),
        ([*IMAGE, "--redis-secret", "redis"], "--redis-secret: 'redis' is not allowed; allowed: NAME/KEY"),
        ([*IMAGE, "--prune-share", "2"], "--prune-share: '2' is not allowed; allowed: above 0, up to 1"),
        ([*IMAGE, "--listen", "nowhere"], "--listen: 'nowhere' is not allowed; allowed: [HOST]:PORT"),
        ([*IMAGE, "--connector-resources", "{"], "--connector-resources: not JSON"),
        ([*IMAGE, "--connector-resources", "[]"], "--connector-resources: not an object"),
        ([*IMAGE, "--no-default-fleet", "maybe"], "--no-default-fleet: 'maybe' is not allowed; allowed: true, false"),
        ([*IMAGE, "--log-level", "loud"], "--log-level"),
        ([*IMAGE, "--unheard-of"], "--unheard-of"),
    ],
)
def test_what_is_not_allowed_is_named(arguments: list[str], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_arguments(arguments, {})
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_environment_is_held_to_what_is_allowed_too() -> None:
    with pytest.raises(ArgumentError, match="FEEDFLEET_LOG_LEVEL: 'loud' is not allowed; allowed: debug, info"):
        parse_arguments(IMAGE, {"FEEDFLEET_LOG_LEVEL": "loud"})
