"""What a command of a unit, a program or a service is for."""

from collections.abc import Sequence

from scanner.facts.commands import Command, Scripts, Word, bare_name, resolve
from scanner.facts.deploy_paths import SYSTEM, find_in_checkout
from scanner.facts.unit_types import Role
from scanner.project import Project

_PROXIES = frozenset({"nginx", "caddy", "traefik", "haproxy", "apache2", "httpd", "envoy", "openresty", "varnishd"})


def role_of(
    project: Project, words: Sequence[Word], scripts: Scripts, directory: str | None = None
) -> tuple[Role, Command | None]:
    """The role of a command line, and what it comes down to. ``directory`` is where it runs in production."""
    command = resolve(words, scripts)
    role = _role(command)
    if role is not Role.UNKNOWN:
        return role, command
    looked_at = [*words[:1], *(command.words[:1] if command is not None else ())]
    # What belongs to the system or to its administrator (certbot, docker, a backup) stays unknown.
    own = any(_is_own(project, word.text, directory) for word in looked_at)
    return Role.HELPER if own else Role.UNKNOWN, command


def _role(command: Command | None) -> Role:
    if command is None or not command.words:
        return Role.UNKNOWN
    if command.server:
        return Role.APP
    if command.works:
        return Role.CELERY
    if command.manages:
        return Role.MANAGE
    return Role.PROXY if bare_name(command.words[0].text) in _PROXIES else Role.UNKNOWN


def _is_own(project: Project, word: str, directory: str | None) -> bool:
    """Whether a program is of the project's tree: one of its files, one of its modules, or in its directory."""
    if word.startswith((*SYSTEM, "/usr/local/")) or not word:
        return False
    if directory and directory not in {"/", "/root", "/opt", "/srv", "/home"} and word.startswith(f"{directory}/"):
        return True
    if "/" in word or word.endswith((".py", ".sh")):
        return find_in_checkout(project, word) is not None
    module = project.inside(word.replace(".", "/"))
    return "." in word and (project.exists(f"{module}.py") or project.exists(f"{module}/__main__.py"))
