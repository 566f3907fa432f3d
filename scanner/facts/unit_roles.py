"""What a command of a unit, a program or a service is for."""

from collections.abc import Sequence

from scanner.facts.commands import Command, Scripts, Word, bare_name, resolve
from scanner.facts.unit_types import Role

_PROXIES = frozenset({"nginx", "caddy", "traefik", "haproxy", "apache2", "httpd", "envoy", "openresty", "varnishd"})


def role_of(words: Sequence[Word], scripts: Scripts) -> tuple[Role, Command | None]:
    """The role of a command line, and what it comes down to."""
    command = resolve(words, scripts)
    if command is None or not command.words:
        return Role.UNKNOWN, command
    if command.server:
        return Role.APP, command
    if command.works:
        return Role.CELERY, command
    if command.manages:
        return Role.MANAGE, command
    if bare_name(command.words[0].text) in _PROXIES:
        return Role.PROXY, command
    # A program of the system or of its administrator (certbot, docker, a backup script) only helps.
    return Role.HELPER if command.words[0].text.startswith(("/usr/", "/bin/", "/sbin/")) else Role.UNKNOWN, command
