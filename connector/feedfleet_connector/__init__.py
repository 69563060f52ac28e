"""The connector: holds WebSocket connections to one exchange and writes normalized ticks to Redis Streams."""

__version__ = "0.1.0"
