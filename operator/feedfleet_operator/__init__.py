"""The operator: adds subscriptions up, plans shards and keeps the cluster as planned."""
