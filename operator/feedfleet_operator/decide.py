"""From what a fleet is to what is to exist for it. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import structlog

from feedfleet_connector.assignment import Assignment, AssignmentError
from feedfleet_connector.catalogue import CatalogueError, lookup
from feedfleet_operator import labels
from feedfleet_operator.assignments import shards_of
from feedfleet_operator.demand import Market
from feedfleet_operator.digests import digest_of
from feedfleet_operator.fleet_plan import FleetPlan, plan_fleet
from feedfleet_operator.fleet_sink import names_redis, with_default_sink
from feedfleet_operator.render import fleet_service, shard_manifests
from feedfleet_operator.render_error import RenderError
from feedfleet_operator.resources import Fleet, Subscription
from feedfleet_operator.rollout import hold_back, with_live_template
from feedfleet_operator.settings import OperatorSettings
from feedfleet_operator.world import FleetWorld, Manifest, ObjectsDecision, Ref, ref_of

_log = structlog.get_logger("feedfleet.decide")

NO_REDIS = "names no Redis, and the operator has none; allowed: spec.sink.redis.url or spec.sink.redis.urlSecretRef"


def decide_objects(world: FleetWorld, settings: OperatorSettings) -> ObjectsDecision:
    """Plan the fleet and say which objects are to be applied, deleted and touched."""
    fleet = with_default_sink(Fleet.from_body(world.fleet), settings.sink)
    if not names_redis(fleet):
        return ObjectsDecision(plan=None, fleet_problem=NO_REDIS)
    subscriptions, subscription_problems = _readable(world.subscriptions)
    market_problems = _market_problems(fleet, subscriptions)
    plan = _plan(fleet, subscriptions, market_problems, current_assignments(world))
    if fleet.paused:
        return ObjectsDecision(
            plan=plan, market_problems=market_problems, subscription_problems=subscription_problems, paused=True
        )
    desired, shard_problems = _desired(world, fleet, plan, settings)
    prune, prune_refused = _prune(world, desired, market_problems, shard_problems, settings.prune_share)
    held_back = hold_back([manifest for manifest in desired if manifest["kind"] == "Deployment"], world.children)
    return ObjectsDecision(
        plan=plan,
        market_problems=market_problems,
        subscription_problems=subscription_problems,
        shard_problems=shard_problems,
        apply=tuple(_to_apply(desired, frozenset(held_back), world.children)),
        held_back=held_back,
        prune=prune,
        prune_refused=prune_refused,
        touch=_touch(world.pods, plan),
    )


def current_assignments(world: FleetWorld) -> list[Assignment]:
    """What the live ConfigMaps say; one that cannot be read is planned anew."""
    found = []
    for ref, manifest in sorted(world.children.items()):
        if ref.kind != "ConfigMap":
            continue
        try:
            found.append(Assignment.load(manifest.get("data", {}).get(labels.ASSIGNMENT_KEY, "").encode()))
        except AssignmentError as error:
            _log.warning("assignment cannot be read and is planned anew", config_map=ref.name, error=str(error))
    return found


def _readable(bodies: Iterable[Manifest]) -> tuple[list[Subscription], dict[str, str]]:
    """The subscriptions that this version understands, and what is wrong with the others, by name.

    The API server has checked them, but maybe by the CRD of another version.
    """
    readable, problems = [], {}
    for body in bodies:
        try:
            subscription = Subscription.from_body(body)
            market = lookup(subscription.exchange, subscription.market)
            for channel in subscription.channels:
                market.stream(channel)
        except CatalogueError as error:
            problems[body["metadata"]["name"]] = str(error)
        except (KeyError, TypeError, ValueError) as error:
            problems[body["metadata"]["name"]] = f"cannot be read: {error!r}"
        else:
            readable.append(subscription)
    return readable, problems


def _market_problems(fleet: Fleet, subscriptions: Iterable[Subscription]) -> dict[Market, str]:
    problems = {}
    for market in sorted({Market(subscription.exchange, subscription.market) for subscription in subscriptions}):
        try:
            fleet.limits(market.exchange, market.market)
        except CatalogueError as error:
            problems[market] = str(error)
    return problems


def _plan(
    fleet: Fleet,
    subscriptions: Sequence[Subscription],
    problems: Mapping[Market, str],
    current: Sequence[Assignment],
) -> FleetPlan:
    return plan_fleet(
        fleet,
        [one for one in subscriptions if Market(one.exchange, one.market) not in problems],
        shards_of(one for one in current if Market(one.exchange, one.market) not in problems),
    )


def _desired(
    world: FleetWorld, fleet: Fleet, plan: FleetPlan, settings: OperatorSettings
) -> tuple[list[Manifest], dict[str, str]]:
    desired, problems = [fleet_service(fleet, world.fleet)], {}
    for assignment in plan.assignments:
        try:
            desired.extend(shard_manifests(fleet, world.fleet, assignment, settings))
        except RenderError as error:
            problems[assignment.shard] = str(error)
    return desired, problems


def _to_apply(
    desired: Iterable[Manifest], held_back: frozenset[Ref], live: Mapping[Ref, Manifest]
) -> Iterator[Manifest]:
    for manifest in desired:
        ref = ref_of(manifest)
        chosen = with_live_template(manifest, live[ref]) if ref in held_back else manifest
        annotations = {**chosen["metadata"].get("annotations", {}), labels.DIGEST_ANNOTATION: digest_of(chosen)}
        yield {**chosen, "metadata": {**chosen["metadata"], "annotations": annotations}}


def _prune(
    world: FleetWorld,
    desired: Iterable[Manifest],
    market_problems: Mapping[Market, str],
    shard_problems: Mapping[str, str],
    share: float,
) -> tuple[tuple[Ref, ...], str]:
    """Live objects that are not wanted; no more shards at once than the share, so that a mistake can be stopped."""
    wanted = {ref_of(manifest) for manifest in desired}
    unwanted: dict[str, list[Ref]] = {}
    shards: set[str] = set()
    for ref, manifest in sorted(world.children.items()):
        own = manifest["metadata"].get("labels", {})
        shard = own.get(labels.SHARD_LABEL, "")
        if shard:
            shards.add(shard)
        market = Market(own.get(labels.EXCHANGE_LABEL, ""), own.get(labels.MARKET_LABEL, ""))
        if ref not in wanted and market not in market_problems and shard not in shard_problems:
            unwanted.setdefault(shard, []).append(ref)
    allowed = max(1, math.floor(share * len(shards)))
    now = sorted(unwanted)[:allowed]
    refused = ""
    if len(unwanted) > allowed:
        refused = f"{len(unwanted)} of {len(shards)} shards are not wanted; {allowed} are deleted now, the rest later"
    return tuple(ref for shard in now for ref in unwanted[shard]), refused


def _touch(pods: Iterable[Manifest], plan: FleetPlan) -> dict[str, str]:
    digests = {assignment.shard: assignment.digest() for assignment in plan.assignments}
    touch = {}
    for pod in pods:
        metadata = pod["metadata"]
        digest = digests.get(metadata.get("labels", {}).get(labels.SHARD_LABEL, ""))
        if digest is not None and metadata.get("annotations", {}).get(labels.ASSIGNMENT_ANNOTATION) != digest:
            touch[metadata["name"]] = digest
    return touch
