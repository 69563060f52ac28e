"""The sink: ticks in, Redis Streams out."""
