"""The planner's working state: pods, their connections and topics, and the choice of the least loaded place.

Loads are whole thousandths of a tick per second, so that sums are exact in whatever order they are added up.
"""

import heapq
import itertools
from collections.abc import Collection, Iterable, Mapping

from feedfleet_connector.topic import Topic


class Pod:
    """A shard while it is being planned: its topics by connection number, and their load.

    Topics are the keys of a dict and not a set: they keep the order in which they came, which is nearly sorted.
    """

    __slots__ = ("connections", "index", "load")

    def __init__(self, index: int) -> None:
        self.index = index
        self.connections: dict[int, dict[Topic, None]] = {}
        self.load = 0


class Packing:
    """All pods of one market, with the caps that hold for each of them."""

    def __init__(
        self, *, topics_per_connection: int, connections_per_pod: int, load_per_pod: int, loads: Mapping[Topic, int]
    ) -> None:
        self.topics_per_connection = topics_per_connection
        self.connections_per_pod = connections_per_pod
        self.load_per_pod = load_per_pod
        self.pods: dict[int, Pod] = {}
        self._loads = loads
        self._lowest_free_index = 0

    def load_of(self, topic: Topic) -> int:
        """The topic's load; 0 where its rate is not known."""
        return self._loads.get(topic, 0)

    def total_load(self, topics: Iterable[Topic]) -> int:
        """The load of all of them."""
        return sum(map(self.load_of, topics)) if self._loads else 0

    def connection_count(self) -> int:
        """The connections of all pods, empty ones too."""
        return sum(len(pod.connections) for pod in self.pods.values())

    def topic_count(self) -> int:
        """The topics of all connections."""
        return sum(len(topics) for pod in self.pods.values() for topics in pod.connections.values())

    def open_pod(self, index: int | None = None) -> Pod:
        """A pod without connections, by default at the lowest free index."""
        if index is None:
            while self._lowest_free_index in self.pods:
                self._lowest_free_index += 1
            index = self._lowest_free_index
        pod = self.pods[index] = Pod(index)
        return pod

    def open_connection(self, pod: Pod) -> int:
        """A connection without topics, at the pod's lowest free number."""
        number = next(number for number in itertools.count() if number not in pod.connections)
        pod.connections[number] = {}
        return number

    def move_connection(self, pod: Pod, number: int, target: Pod, target_number: int | None = None) -> int:
        """Move a connection's topics to a new connection of another pod; gives its number there."""
        topics = pod.connections.pop(number)
        if target_number is None:
            target_number = self.open_connection(target)
        target.connections[target_number] = topics
        load = self.total_load(topics)
        pod.load -= load
        target.load += load
        return target_number

    def put(self, topic: Topic, pod: Pod, number: int) -> None:
        pod.connections[number][topic] = None
        pod.load += self.load_of(topic)

    def take(self, topic: Topic, pod: Pod, number: int) -> None:
        del pod.connections[number][topic]
        pod.load -= self.load_of(topic)

    def open_connections(self, count: int, pod_count: int) -> None:
        """Open until there are ``count`` connections on at least ``pod_count`` pods, none of which is without one.

        The emptiest pods get theirs first, so that pods end up alike.
        """
        pods_needed = max(pod_count, -(-count // self.connections_per_pod))
        while len(self.pods) < pods_needed:
            self.open_pod()
        missing = count - self.connection_count()
        emptiest = [(len(pod.connections), pod.index) for pod in self.pods.values()]
        heapq.heapify(emptiest)
        while emptiest and (missing > 0 or emptiest[0][0] == 0):
            connections, index = emptiest[0]
            self.open_connection(self.pods[index])
            heapq.heapreplace(emptiest, (connections + 1, index))
            missing -= 1

    def drop_empty(self) -> None:
        """Forget connections without topics, then pods without connections."""
        for pod in list(self.pods.values()):
            pod.connections = {number: topics for number, topics in pod.connections.items() if topics}
            if not pod.connections:
                del self.pods[pod.index]
        self._lowest_free_index = 0

    def by_load(self, topics: Iterable[Topic]) -> list[Topic]:
        """Heaviest first, which packs best; equal loads in the topics' own order."""
        ordered = sorted(topics)
        if self._loads:
            ordered.sort(key=self.load_of, reverse=True)
        return ordered


class Placement:
    """Puts topics one by one on the least loaded connection that has room.

    A connection is as loaded as the scarcer of its topics and its pod's load. The heaps hold pods and keep those
    that are too full for a topic apart: n topics take n log n.
    ``excluded`` names connections, as pod index and number, that get nothing.
    """

    def __init__(
        self, packing: Packing, load_per_pod: float, excluded: Collection[tuple[int, int]] = frozenset()
    ) -> None:
        self._packing = packing
        self._load_per_pod = load_per_pod
        self._connections: dict[int, list[tuple[int, int]]] = {}
        self._ready: list[tuple[float, int]] = []
        self._too_loaded: list[tuple[float, int]] = []
        self._full: list[tuple[float, int]] = []
        for pod in packing.pods.values():
            connections = [
                (len(topics), number)
                for number, topics in pod.connections.items()
                if (pod.index, number) not in excluded
            ]
            if connections:
                heapq.heapify(connections)
                self._connections[pod.index] = connections
                self._ready.append((self._fill(pod), pod.index))
        heapq.heapify(self._ready)

    def place(self, topic: Topic) -> tuple[Pod, int] | None:
        """Put the topic somewhere; None, and nothing is changed, where no connection has room for it."""
        load = self._packing.load_of(topic)
        while self._too_loaded and -self._too_loaded[0][0] >= load:
            _, index = heapq.heappop(self._too_loaded)
            self._admit(self._packing.pods[index])
        while self._ready:
            _, index = self._ready[0]
            pod = self._packing.pods[index]
            connections = self._connections[index]
            topics, number = connections[0]
            room = self._load_per_pod - pod.load
            if topics >= self._packing.topics_per_connection:
                heapq.heappop(self._ready)
                heapq.heappush(self._full, (-room, index))
            elif load > room:
                heapq.heappop(self._ready)
                heapq.heappush(self._too_loaded, (-room, index))
            else:
                self._packing.put(topic, pod, number)
                heapq.heapreplace(connections, (topics + 1, number))
                heapq.heapreplace(self._ready, (self._fill(pod), index))
                return pod, number
        return None

    def place_or_open(self, topic: Topic) -> None:
        """Put the topic somewhere; where nothing has room, on a new connection, in a new pod if need be."""
        if self.place(topic) is None:
            pod = self._pod_for_another_connection(self._packing.load_of(topic))
            number = self._packing.open_connection(pod)
            heapq.heappush(self._connections.setdefault(pod.index, []), (0, number))
            self._admit(pod)
            self.place(topic)

    def _admit(self, pod: Pod) -> None:
        heapq.heappush(self._ready, (self._fill(pod), pod.index))

    def _pod_for_another_connection(self, load: int) -> Pod:
        while self._full and -self._full[0][0] >= load:
            _, index = heapq.heappop(self._full)
            pod = self._packing.pods[index]
            if len(pod.connections) < self._packing.connections_per_pod:
                return pod
        return self._packing.open_pod()

    def _fill(self, pod: Pod) -> float:
        topics, _ = self._connections[pod.index][0]
        return max(topics / self._packing.topics_per_connection, pod.load / self._load_per_pod)
