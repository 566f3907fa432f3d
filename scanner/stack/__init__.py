"""The project behind its own proxy, for a few seconds, reachable by nobody but the prober."""
