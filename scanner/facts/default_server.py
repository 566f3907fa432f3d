"""Who answers on a socket for a name that nobody declares, and whether the repository can tell."""

from typing import Final

from scanner.nginx.effective import Configuration, Socket

STRANGER: Final = "a-name-of-nobody.invalid"
"""A host name that no project declares."""


def may_be_another(configuration: Configuration, socket: Socket) -> bool:
    """Whether another file on the host may hold the default server of a socket.

    A fragment that is installed on a host lies beside others, such as Debian's own `default` site, which takes port 80.
    """
    if socket.explicit_default:
        return False
    if configuration.unknown_includes and any(
        "*" in one.pattern or "sites-enabled" in one.pattern or "conf.d" in one.pattern
        for one in configuration.http.unknown_includes
    ):
        return True
    if configuration.complete:
        return any("sites-enabled" in glob.arg(0) for glob in configuration.tree.empty_globs)
    return not socket.tls and not _in_a_container(configuration)


def _in_a_container(configuration: Configuration) -> bool:
    """The fragment takes the place of the image's own default server."""
    return configuration.sealed or any(
        path.rpartition("/")[2].partition(".")[0] == "default" for path in configuration.placement
    )
