"""Giving up connections and pods that are no longer needed, once there are more than the hysteresis leaves in place.

What is given up is emptied into what stays, wholly or not at all, and only as far as the hysteresis leaves slack there,
so that the next few topics do not open again what was just closed.
"""

import heapq
import math

from feedfleet_operator.packing import Packing, Placement, Pod


def with_slack(count: int, room: int, hysteresis: float) -> int:
    """How many of ``room`` each hold ``count`` when the hysteresis' share of each stays free."""
    return math.ceil(count / (room * (1 - hysteresis)))


def compact(packing: Packing, topic_count: int, hysteresis: float) -> None:
    """Empty the least filled connections, then the least filled pods, until what the hysteresis allows is left."""
    while _compact_connections(packing, topic_count, hysteresis) or _compact_pods(packing, hysteresis):
        packing.drop_empty()


def _compact_connections(packing: Packing, topic_count: int, hysteresis: float) -> bool:
    excess = packing.connection_count() - with_slack(topic_count, packing.topics_per_connection, hysteresis)
    if excess <= 0:
        return False
    least_filled = sorted(
        (len(topics), len(pod.connections), -pod.index, -number)
        for pod in packing.pods.values()
        for number, topics in pod.connections.items()
    )[:excess]
    given_up = [(-index, -number) for _, _, index, number in least_filled]
    load_per_pod = packing.load_per_pod * (1 - hysteresis)
    placement = Placement(packing, load_per_pod, set(given_up))
    compacted = False
    for index, number in given_up:
        pod = packing.pods[index]
        if _empty_connection(packing, placement, pod, number):
            compacted = True
        else:
            placement = Placement(packing, load_per_pod, set(given_up))
    return compacted


def _empty_connection(packing: Packing, placement: Placement, pod: Pod, number: int) -> bool:
    moved: list[tuple[Pod, int]] = []
    topics = packing.by_load(pod.connections[number])
    for topic in topics:
        packing.take(topic, pod, number)
    for topic in topics:
        target = placement.place(topic)
        if target is None:
            for back, (target_pod, target_number) in zip(topics, moved, strict=False):
                packing.take(back, target_pod, target_number)
            for back in topics:
                packing.put(back, pod, number)
            return False
        moved.append(target)
    return True


def _compact_pods(packing: Packing, hysteresis: float) -> bool:
    excess = len(packing.pods) - with_slack(packing.connection_count(), packing.connections_per_pod, hysteresis)
    if excess <= 0:
        return False
    given_up = sorted(
        packing.pods.values(),
        key=lambda pod: (len(pod.connections), sum(map(len, pod.connections.values())), -pod.index),
    )[:excess]
    kept = [pod for pod in packing.pods.values() if pod not in given_up]
    load_per_pod = packing.load_per_pod * (1 - hysteresis)
    emptiest = _emptiest_first(kept)
    compacted = False
    for pod in given_up:
        if _empty_pod(packing, emptiest, pod, load_per_pod):
            compacted = True
        else:
            emptiest = _emptiest_first(kept)
    return compacted


def _emptiest_first(pods: list[Pod]) -> list[tuple[int, int]]:
    heap = [(len(pod.connections), pod.index) for pod in pods]
    heapq.heapify(heap)
    return heap


def _empty_pod(packing: Packing, emptiest: list[tuple[int, int]], pod: Pod, load_per_pod: float) -> bool:
    moved: list[tuple[int, Pod, int]] = []
    too_loaded: list[tuple[int, int]] = []
    for number in sorted(pod.connections):
        load = packing.total_load(pod.connections[number])
        while emptiest:
            connections, index = heapq.heappop(emptiest)
            target = packing.pods[index]
            if connections < packing.connections_per_pod and target.load + load <= load_per_pod:
                moved.append((number, target, packing.move_connection(pod, number, target)))
                heapq.heappush(emptiest, (connections + 1, index))
                break
            too_loaded.append((connections, index))
        else:
            for here, there, number_there in reversed(moved):
                packing.move_connection(there, number_there, pod, here)
            return False
        while too_loaded:
            heapq.heappush(emptiest, too_loaded.pop())
    return True
