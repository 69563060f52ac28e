"""Whether topics flow, and what keeps those that do not: the conditions Ready, Stale and Degraded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from feedfleet_connector.topic import Topic
from feedfleet_operator.status.conditions import FALSE, TRUE, UNKNOWN, Finding
from feedfleet_operator.status.picture import Picture
from feedfleet_operator.status.pods import Trouble, is_ready, is_running, pod_name, trouble
from feedfleet_operator.status.reasons import Reason
from feedfleet_operator.status.serving import ServingShard
from feedfleet_operator.status.topics import TopicState
from feedfleet_operator.status.wording import counted, listed, quoted

SHOWN_REFUSALS = 3


def readiness(picture: Picture, topics: Sequence[Topic], accepted: Finding, programmed: Finding) -> Finding:
    """Ready of whoever asks for these topics."""
    by_state = _by_state(picture, topics)
    flowing = len(by_state.get(TopicState.FLOWING, ()))
    if not topics:
        if accepted.status == FALSE:
            return Finding(FALSE, Reason.NOT_ACCEPTED, "it was not accepted")
        return Finding(TRUE, Reason.NO_SUBSCRIPTIONS, "no subscription asks for anything")
    if flowing == len(topics):
        return Finding(TRUE, Reason.FLOWING, f"{_all(topics)} written to Redis")
    scope = _Scope(picture, by_state, accepted, programmed)
    found = next(finding for obstacle in _OBSTACLES if (finding := obstacle(scope)) is not None)
    return found._replace(message=f"{flowing} of {counted(topics, 'topic')} flow; {found.message}")


def staleness(picture: Picture, topics: Sequence[Topic]) -> Finding:
    """Stale of whoever asks for these topics."""
    by_state = _by_state(picture, topics)
    stale = by_state.get(TopicState.STALE, [])
    if stale:
        message = f"{len(stale)} of {counted(topics, 'topic')} had no tick for too long: {listed(stale)}"
        return Finding(TRUE, Reason.TOPICS_STALE, message)
    unseen = sum(len(by_state.get(state, ())) for state in (TopicState.UNKNOWN, TopicState.UNPLACED))
    if topics and unseen == len(topics):
        return Finding(UNKNOWN, Reason.NO_REPORT, "no pod says how the topics are")
    return Finding(FALSE, Reason.NONE_STALE, "no topic is known to be stale")


def degradation(picture: Picture, shards: Sequence[ServingShard]) -> Finding:
    """Degraded of whoever is served by these shards."""
    wanted = sum(shard.wanted_pods for shard in shards)
    if not wanted:
        return Finding(FALSE, Reason.NO_PODS, "no pods are wanted")
    ready = sum(ready_pods(shard) for shard in shards)
    troubles = _troubles(picture, shards)
    if ready == wanted and not troubles:
        return Finding(FALSE, Reason.ALL_PODS_READY, f"{counted(wanted, 'pod')} of {wanted} ready")
    reason = troubles[0].reason if troubles else Reason.PODS_NOT_READY
    lagging = [shard.object_name for shard in shards if ready_pods(shard) < shard.wanted_pods]
    why = _said(troubles) if troubles else f"not all of {listed(lagging)}"
    return Finding(TRUE, reason, f"{ready} of {counted(wanted, 'pod')} ready; {why}")


def ready_pods(shard: ServingShard) -> int:
    """How many pods of the shard are ready, those beyond the wanted number (in a rollout) left out."""
    return min(shard.wanted_pods, sum(is_ready(pod) for pod in shard.pods))


def _by_state(picture: Picture, topics: Iterable[Topic]) -> dict[TopicState, list[Topic]]:
    grouped: dict[TopicState, list[Topic]] = {}
    for topic in topics:
        grouped.setdefault(picture.states[topic].state, []).append(topic)
    return grouped


class _Scope(NamedTuple):
    """The topics that are looked at, by state, with the findings that came before."""

    picture: Picture
    by_state: Mapping[TopicState, Sequence[Topic]]
    accepted: Finding
    programmed: Finding

    def topics(self, *states: TopicState) -> list[Topic]:
        return [topic for state in states for topic in self.by_state.get(state, ())]

    def silent_shards(self) -> tuple[ServingShard, ...]:
        """The shards of which no pod says how it is."""
        return self.picture.shards_of(self.topics(TopicState.UNKNOWN))


def _not_served(scope: _Scope) -> Finding | None:
    if scope.topics(TopicState.UNPLACED) and scope.accepted.status == FALSE:
        return Finding(FALSE, Reason.NOT_ACCEPTED, scope.accepted.message)
    if any(shard.wanted_pods == 0 for shard in scope.silent_shards()):
        return Finding(FALSE, Reason.SCALED_TO_ZERO, f"FeedFleet {scope.picture.fleet_name} has 0 replicas")
    return None


def _pods_in_trouble(scope: _Scope) -> Finding | None:
    troubles = _troubles(scope.picture, scope.silent_shards())
    return Finding(FALSE, troubles[0].reason, _said(troubles)) if troubles else None


def _redis_failing(scope: _Scope) -> Finding | None:
    words = _words(scope.picture, scope.topics(TopicState.UNWRITTEN))
    return Finding(FALSE, Reason.REDIS_FAILING, f"Redis takes no writes: {words}") if words else None


def _topics_refused(scope: _Scope) -> Finding | None:
    refused = scope.topics(TopicState.REFUSED)
    return Finding(FALSE, Reason.TOPICS_REFUSED, _refusals(scope.picture, refused)) if refused else None


def _not_loaded(scope: _Scope) -> Finding | None:
    loading, unknown = scope.topics(TopicState.UNPLACED, TopicState.PENDING), scope.topics(TopicState.UNKNOWN)
    programmed = scope.programmed
    # That pods which have not started have not loaded anything says nothing; why they have not is told instead.
    if programmed.status == FALSE and (loading or (unknown and programmed.reason not in _ONLY_LATE)):
        return Finding(FALSE, _as_readiness(programmed.reason), programmed.message)
    return Finding(FALSE, Reason.ASSIGNMENT_PENDING, f"not loaded yet: {listed(loading)}") if loading else None


def _no_recent_tick(scope: _Scope) -> Finding | None:
    for state, reason, what in (
        (TopicState.STALE, Reason.NOT_FLOWING, "without a recent tick"),
        (TopicState.WAITING, Reason.CONNECTING, "waiting for the exchange"),
    ):
        topics = scope.topics(state)
        if topics:
            words = _words(scope.picture, topics)
            return Finding(FALSE, reason, f"{what}: {listed(topics)}" + (f"; {words}" if words else ""))
    if scope.topics(TopicState.UNWRITTEN):
        return Finding(FALSE, Reason.CONNECTING, "pods are connecting to Redis")
    return None


def _no_report(scope: _Scope) -> Finding:
    shards = scope.silent_shards()
    mute = [pod_name(pod) for shard in shards for pod in shard.pods if is_ready(pod) and is_running(pod)]
    if not mute:
        names = [shard.object_name for shard in shards]
        return Finding(FALSE, Reason.STARTING, f"pods of {listed(names)} are starting")
    report = scope.picture.world.reports.get(mute[0])
    why = quoted(report.error) if report is not None and report.error else "no answer"
    return Finding(UNKNOWN, Reason.NO_REPORT, f"{listed(mute)} run, but their status cannot be read: {why}")


_OBSTACLES = (_not_served, _pods_in_trouble, _redis_failing, _topics_refused, _not_loaded, _no_recent_tick, _no_report)
"""What can keep topics from flowing, that first which most needs somebody to act."""

_ONLY_LATE = frozenset({Reason.ASSIGNMENT_PENDING, Reason.ROLLING_OUT, Reason.ROLLOUT_STUCK, Reason.PRUNE_REFUSED})


def _as_readiness(reason: Reason) -> Reason:
    # A rollout or a refused deletion is not what a topic that was not loaded waits for.
    return Reason.ASSIGNMENT_PENDING if reason in _ONLY_LATE else reason


def _troubles(picture: Picture, shards: Iterable[ServingShard]) -> list[Trouble]:
    found = []
    for shard in shards:
        for pod in shard.pods:
            told = trouble(pod, answers=pod_name(pod) in picture.answers)
            if told is not None:
                found.append(told)
        refusal = _pods_refusal(picture, shard)
        if refusal is not None:
            found.append(refusal)
    return found


def _pods_refusal(picture: Picture, shard: ServingShard) -> Trouble | None:
    for row in ((picture.deployment(shard) or {}).get("status") or {}).get("conditions") or ():
        if row.get("type") == "ReplicaFailure" and row.get("status") == "True":
            words = quoted(str(row.get("message") or row.get("reason") or ""))
            return Trouble(Reason.PODS_REFUSED, f"Deployment {shard.object_name}: {words}")
    return None


def _said(troubles: Sequence[Trouble]) -> str:
    more = f" (and {counted(len(troubles) - 1, 'other')})" if len(troubles) > 1 else ""
    return f"{troubles[0].message}{more}"


def _refusals(picture: Picture, refused: Sequence[Topic]) -> str:
    told = [f"{topic} ({picture.states[topic].words or 'without a reason'})" for topic in refused]
    return f"the exchange refused {listed(told, SHOWN_REFUSALS)}"


def _words(picture: Picture, topics: Iterable[Topic]) -> str:
    return next((picture.states[topic].words for topic in topics if picture.states[topic].words), "")


def _all(topics: Sequence[Topic]) -> str:
    return "the only topic flows and is" if len(topics) == 1 else f"all {len(topics)} topics flow and are"
