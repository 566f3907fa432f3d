"""One question to the live stack, one fact a module."""
