"""Single options of an app server's command line."""

from scanner.facts.app_server_types import AppServer
from scanner.model import Location


def option_of(server: AppServer, name: str) -> tuple[str, Location] | None:
    """The value of the last ``--name value`` or ``--name=value``, with its place; None where it is not given."""
    found: tuple[str, Location] | None = None
    for index, (word, location) in enumerate(server.words):
        option, equals, value = word.partition("=")
        if option != name:
            continue
        if equals:
            found = (value, location)
        elif index + 1 < len(server.words):
            found = server.words[index + 1]
    return found
