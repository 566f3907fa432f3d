"""Rules about what can be reached past the proxy."""
