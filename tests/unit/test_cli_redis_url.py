"""Redis URLs: which are taken, and that none is shown with its password."""

import pytest

from feedfleet.redis_url import RedisUrlError, check_redis_url, has_credentials, redact

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://:{SECRET}@cache:6379/0", "redis://:***@cache:6379/0"),
        (f"redis://reader:{SECRET}@cache", "redis://reader:***@cache"),
        (f"redis://{SECRET}@cache", "redis://:***@cache"),
        (f"redis://reader:{SECRET}@home@cache", "redis://reader:***@cache"),
        (f"redis://reader:a/{SECRET}#b@cache", "redis://reader:***@cache"),
        (f"unix:///run/redis.sock?db=1&password={SECRET}&x=1", "unix:///run/redis.sock?db=1&password=***&x=1"),
    ],
)
def test_secrets_are_hidden(url: str, shown: str) -> None:
    assert redact(url) == shown
    assert has_credentials(url)


@pytest.mark.parametrize("url", ["redis://cache", "rediss://cache:6379/2", "unix:///run/redis.sock", "redis://[::1]:1"])
def test_urls_without_secrets_stay_as_they_are(url: str) -> None:
    assert check_redis_url(url) == redact(url) == url
    assert not has_credentials(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://:{SECRET}@cache", "redis://"),
        (f"reader:{SECRET}@cache:6379", "redis://"),
        (f"redis://:{SECRET}@cache:port", "port"),
        (f"redis://:{SECRET}@cache:0", "port 0"),
        (f"redis://:{SECRET}@cache:70000", "65535"),
        (f"redis://:{SECRET}@cache/first", "database 'first'"),
        (f"redis://:a/{SECRET}@cache", "URL"),
        (f"redis://:{SECRET}@/0", "host"),
        ("unix://", "path"),
        ("cache", "scheme"),
        ("", "scheme"),
    ],
)
def test_malformed_urls_are_refused_without_their_secret(url: str, said: str) -> None:
    with pytest.raises(RedisUrlError) as refusal:
        check_redis_url(url)
    assert said in str(refusal.value)
    assert SECRET not in str(refusal.value)
