"""The levels of a configuration at which requests are decided, for rules about single directives."""

from collections.abc import Iterator

from scanner.nginx.effective import Configuration, Level, LocationBlock, Server


def answering_levels(configuration: Configuration) -> Iterator[tuple[Level, LocationBlock | None]]:
    """Every level that takes part in an answer to a client, with its location; ``if`` blocks are levels of their own.

    A server's own level is always among them: its ``return`` and ``rewrite`` run before a location is chosen.
    """
    for server in configuration.servers:
        if not configuration.is_choosable(server):
            continue
        yield server, None
        for block in server.ifs:
            yield block, None
        for location in server.locations:
            if location.reachable:
                for level in location.levels:
                    yield level, location


def answers_itself(configuration: Configuration, server: Server) -> bool:
    """Whether some request gets its answer from the server level, where no location takes over."""
    return server in configuration.reachable_places(server)
