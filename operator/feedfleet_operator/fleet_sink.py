"""Which Redis a fleet writes to."""

import dataclasses

from feedfleet_operator.resources import Fleet
from feedfleet_operator.settings import SinkDefaults


def with_default_sink(fleet: Fleet, defaults: SinkDefaults) -> Fleet:
    """The fleet with the installation's Redis, where it names none of its own. Plans are made of this fleet.

    Neither ``sink.url`` nor ``url_secret`` is set where nobody names a Redis.
    """
    if names_redis(fleet):
        return fleet
    if defaults.url_secret is not None:
        return dataclasses.replace(fleet, url_secret=defaults.url_secret)
    return dataclasses.replace(fleet, sink=dataclasses.replace(fleet.sink, url=defaults.url))


def names_redis(fleet: Fleet) -> bool:
    """Whether the fleet has a Redis URL or a Secret that holds one."""
    return fleet.sink.url is not None or fleet.url_secret is not None
