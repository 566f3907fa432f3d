"""Rules about effective Django settings and where each value comes from."""
