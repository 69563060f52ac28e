"""The operator's command line; each flag also from the environment, as ``FEEDFLEET_<FLAG>``."""

import argparse
import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from feedfleet_operator.resources import SecretKey
from feedfleet_operator.settings import OperatorSettings, PodDefaults, SinkDefaults

LEVELS = ("debug", "info", "warning", "error")
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
_WORDS = {"1": True, "true": True, "0": False, "false": False, "": False}


class ArgumentError(ValueError):
    """A flag that is missing or not allowed; the message names it, its value and what is allowed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Arguments:
    """What the command line says. ``host`` is empty for all addresses."""

    settings: OperatorSettings
    host: str
    port: int
    log_format: str
    log_level: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ArgumentError(message)


def parse_arguments(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Arguments:
    """Read the command line, and the environment for what it does not say.

    Raises:
        ArgumentError: a flag is missing or not allowed.
    """
    options = _parser(environment).parse_args(arguments)
    if not options.connector_image:
        raise ArgumentError("--connector-image: not given; allowed: the reference of the feedfleet image")
    host, _, port = options.listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ArgumentError(f"--listen: {options.listen!r} is not allowed; allowed: [HOST]:PORT")
    return Arguments(
        settings=OperatorSettings(
            pods=_pods(options),
            sink=_sink(options),
            namespaces=tuple(name for names in options.namespace for name in names.split(",") if name),
            default_fleet=not _switch("--no-default-fleet", options.no_default_fleet),
            prune_share=_share(options.prune_share),
        ),
        host=host.strip("[]"),
        port=int(port),
        log_format=options.log_format,
        log_level=options.log_level,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="feedfleet-operator", description="Keep the fleets of a cluster as their subscriptions ask.")

    def flag(name: str, default: str, text: str, **options: Any) -> None:
        variable = "FEEDFLEET_" + name.upper().replace("-", "_")
        chosen, allowed = environment.get(variable), options.get("choices")
        if chosen and allowed and chosen not in allowed:
            # argparse holds flags to their choices, and not their defaults.
            raise ArgumentError(f"{variable}: {chosen!r} is not allowed; allowed: {', '.join(allowed)}")
        parser.add_argument(f"--{name}", default=environment.get(variable) or default, help=text, **options)

    parser.add_argument(
        "--namespace",
        action="append",
        default=[environment["FEEDFLEET_NAMESPACE"]] if environment.get("FEEDFLEET_NAMESPACE") else [],
        help="a namespace to serve; can be repeated; all where none is given",
    )
    flag("connector-image", "", "the image of connector pods")
    flag("connector-image-pull-policy", "IfNotPresent", "", choices=("Always", "IfNotPresent", "Never"))
    flag("connector-image-pull-secrets", "", "names of Secrets, comma-separated")
    flag("connector-resources", "", "resources of connector containers, as JSON")
    flag("connector-priority-class", "", "priority class of connector pods")
    flag("redis-url", "", "the Redis of fleets that name none; without credentials")
    flag("redis-secret", "", "NAME/KEY of a Secret in the fleet's namespace with the Redis URL")
    flag("no-default-fleet", "", "make no FeedFleet called default", nargs="?", const="true")
    flag("prune-share", "0.5", "how much of a fleet's shards one pass may delete, above 0 up to 1")
    flag("listen", ":8080", "where /livez, /readyz and /metrics are served")
    flag("log-format", "auto", "", choices=("auto", "json", "text"))
    flag("log-level", "info", "", choices=LEVELS)
    return parser


def _pods(options: argparse.Namespace) -> PodDefaults:
    pods = PodDefaults(
        image=options.connector_image,
        image_pull_policy=options.connector_image_pull_policy,
        image_pull_secrets=tuple(name for name in options.connector_image_pull_secrets.split(",") if name),
        priority_class=options.connector_priority_class or None,
    )
    if not options.connector_resources:
        return pods
    try:
        resources = json.loads(options.connector_resources)
    except ValueError as error:
        raise ArgumentError(f"--connector-resources: not JSON: {error}") from error
    if not isinstance(resources, dict):
        raise ArgumentError("--connector-resources: not an object; allowed: requests, limits")
    return dataclasses.replace(pods, resources=resources)


def _sink(options: argparse.Namespace) -> SinkDefaults:
    url, secret = options.redis_url, options.redis_secret
    if url and secret:
        raise ArgumentError("--redis-url and --redis-secret are both given; allowed: one of them")
    if url:
        if not url.startswith(_REDIS_SCHEMES):
            raise ArgumentError(
                f"--redis-url: not a Redis URL; allowed: one that starts with {', '.join(_REDIS_SCHEMES)}"
            )
        if "@" in url:
            raise ArgumentError(
                "--redis-url: holds credentials; allowed: a URL without them, or --redis-secret NAME/KEY"
            )
        return SinkDefaults(url=url)
    if secret:
        name, separator, key = secret.partition("/")
        if not (name and separator and key):
            raise ArgumentError(f"--redis-secret: {secret!r} is not allowed; allowed: NAME/KEY")
        return SinkDefaults(url_secret=SecretKey(name, key))
    return SinkDefaults()


def _switch(name: str, value: str) -> bool:
    try:
        return _WORDS[value.lower()]
    except KeyError:
        raise ArgumentError(f"{name}: {value!r} is not allowed; allowed: true, false") from None


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ArgumentError(f"--prune-share: {text!r} is not allowed; allowed: above 0, up to 1")
    return share
