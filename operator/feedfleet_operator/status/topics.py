"""How each topic is, from what the pods that serve it say of their connections."""

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from feedfleet_connector.assignment import AssignedConnection, Assignment
from feedfleet_connector.topic import Topic
from feedfleet_operator.status.serving import Answer, ServingShard
from feedfleet_operator.status.wording import quoted


class TopicState(enum.IntEnum):
    """How a topic is, best first: of several pods that serve it, the best one counts."""

    FLOWING = 0
    """Acknowledged, heard lately, and written."""
    UNWRITTEN = 1
    """Heard lately, but Redis does not take it (yet)."""
    STALE = 2
    """Not heard for too long."""
    REFUSED = 3
    """The exchange refused it."""
    WAITING = 4
    """It waits for a connection, for the exchange's answer, or for its first tick."""
    PENDING = 5
    """The pods that are to serve it have not loaded their assignment."""
    UNKNOWN = 6
    """No pod that is to serve it has said lately how it is."""
    UNPLACED = 7
    """No shard is to serve it."""


class Seen(NamedTuple):
    """A topic's state. ``words`` say why, where the exchange, Redis or the connection does."""

    state: TopicState
    words: str = ""


def topic_states(
    topics: Iterable[Topic],
    shards: Mapping[str, ServingShard],
    answers: Mapping[str, Answer],
    settled: Collection[Topic],
) -> dict[Topic, Seen]:
    """The state of each of ``topics``.

    ``settled`` are those that pods were seen to serve before and whose subscriptions have not changed since: they count
    also where a pod serves an assignment that is not known any more.
    """
    best: dict[Topic, Seen] = {}
    for answer in answers.values():
        for topic, seen in _of_pod(answer, shards.get(answer.shard), settled):
            if topic not in best or seen.state < best[topic].state:
                best[topic] = seen
    answering = {answer.shard for answer in answers.values()}
    assigned = places(shards.values())
    return {topic: best.get(topic) or _unseen(assigned.get(topic), answering) for topic in topics}


def places(shards: Iterable[ServingShard]) -> dict[Topic, str]:
    """The shard that is to serve each topic."""
    return {topic: shard.name for shard in shards for topic in shard.assignment.topics()}


def _unseen(shard: str | None, answering: Collection[str]) -> Seen:
    if shard is None:
        return Seen(TopicState.UNPLACED)
    return Seen(TopicState.PENDING if shard in answering else TopicState.UNKNOWN)


def _of_pod(answer: Answer, shard: ServingShard | None, settled: Collection[Topic]) -> Iterator[tuple[Topic, Seen]]:
    assignment = answer.assignment or (shard.assignment if shard is not None else None)
    if assignment is None:
        return
    rows = {row.get("number"): row for row in answer.status.get("connections") or ()}
    sink = answer.status.get("sink") or {}
    unwritten = None if sink.get("state") == "writing" else Seen(TopicState.UNWRITTEN, _sink_words(answer, sink))
    for connection in assignment.connections:
        row = rows.get(connection.number)
        if row is None:
            continue
        for topic, seen in _of_connection(answer, assignment, connection, row):
            if answer.assignment is not None or topic in settled:
                written = unwritten is None or seen.state is not TopicState.FLOWING
                yield topic, seen if written or unwritten is None else unwritten


def _of_connection(
    answer: Answer, assignment: Assignment, connection: AssignedConnection, row: Mapping[str, Any]
) -> Iterator[tuple[Topic, Seen]]:
    waiting, stale = frozenset(row.get("waiting") or ()), frozenset(row.get("stale") or ())
    refused = {refusal["topic"]: refusal for refusal in row.get("refused") or ()}
    last, silent_for = row.get("lastMessage"), _silent_for(answer, row)
    speaks = last is not None and row.get("state") in {"flowing", "subscribing"}
    words = _disconnect_words(answer, row)
    for topic in connection.topics:
        name = str(topic)
        if name in refused:
            yield topic, Seen(TopicState.REFUSED, _refusal_words(refused[name]))
        elif name in stale or silent_for >= assignment.stale_after_of(topic):
            yield topic, Seen(TopicState.STALE, words)
        elif not speaks or name in waiting:
            yield topic, Seen(TopicState.WAITING, words)
        else:
            yield topic, Seen(TopicState.FLOWING)


def _silent_for(answer: Answer, row: Mapping[str, Any]) -> float:
    """Seconds without a tick on the connection, when the pod was asked; 0 where it has not had the time for one.

    A reconnect makes the connector's own list of stale topics empty for a while, so it is not enough.
    """
    last = row.get("lastMessage")
    if last is None and row.get("reconnects", 0) > 0:
        last = answer.status.get("startedAt")
    return 0.0 if last is None else max(0.0, answer.read_at - last / 1_000_000)


def _disconnect_words(answer: Answer, row: Mapping[str, Any]) -> str:
    disconnect, last = row.get("lastDisconnect"), row.get("lastMessage")
    if not disconnect or (last is not None and disconnect.get("at", 0) < last):
        return ""
    reason, _, detail = str(disconnect.get("reason", "")).partition(":")
    # How long it was silent is another text each time, and says nothing new.
    said = reason if reason in {"silent", "rotation"} else f"{reason}:{detail}"
    return f"connection {row.get('number')} of pod {answer.pod} was lost and has had no tick since ({quoted(said)})"


def _refusal_words(refusal: Mapping[str, Any]) -> str:
    return quoted(" ".join(str(refusal[part]) for part in ("code", "message") if refusal.get(part)))


def _sink_words(answer: Answer, sink: Mapping[str, Any]) -> str:
    error = sink.get("error")
    return f"pod {answer.pod}: {quoted(str(error))}" if sink.get("state") == "failing" and error else ""
