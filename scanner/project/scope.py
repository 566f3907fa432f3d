"""What a file is for, told by its path: production, development, an example, or nobody can tell.

The conditions are tried in a fixed order and the first that answers wins. A path is split on ``/``, each part on
``. _ -``; tokens match whole and in any case, so that ``product`` or ``latest`` say nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.model import ScopeClass
from scanner.project.globs import matches


@dataclass(frozen=True)
class Scope:
    """A class and why, in words."""

    klass: ScopeClass
    reason: str


def words(*texts: str) -> frozenset[str]:
    """The words of the texts."""
    return frozenset(word for text in texts for word in text.split())


_EXAMPLE = frozenset({"example", "examples", "sample", "samples", "dist", "demo"})
_EXAMPLE_DIRECTORIES = frozenset({"docs", "doc", "examples", "samples", "example", "sample"})
_DEV = words(
    "dev devel develop development local localhost debug test tests testing e2e ci vagrant devcontainer playground"
)
_DEV_DIRECTORIES = frozenset({".devcontainer", "tools", ".github"})
_PROD = words(
    "prod production live deploy deployment release server infra ansible terraform provision",
    "sites-available sites-enabled conf.d systemd",
)
_STAGING = frozenset({"staging", "stage", "preprod", "uat"})
_SEPARATORS = re.compile(r"[._\-]+")
_EXAMPLE_DOMAIN = re.compile(r"(?:^|[._-])example\.(?:com|org|net|edu)(?:[._-]|$)")
_SERVER_ONLY = re.compile(
    r"(?:.+\.(?:service|socket|timer)(?:\.j2|\.jinja2|\.template|\.tmpl)?"
    r"|sshd_config|sudoers|user\.rules|before\.rules|after\.rules|nftables\.conf|iptables\.rules|rules\.v[46]|cloud-init\S*"
    r"|gunicorn(?:[._-]?conf(?:ig)?)?\.py|gunicorn\.conf|uwsgi(?:[._-]\w+)?\.ini|supervisord?\.conf"
    r"|procfile|fly\.toml|render\.yaml|app\.json)",
    re.IGNORECASE,
)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[._-][\w.-]+)?\.ya?ml", re.IGNORECASE)


def tokens(part: str) -> frozenset[str]:
    """The words of one part of a path, in lower case; the part itself is one of them."""
    low = part.casefold()
    return frozenset(word for word in (*_SEPARATORS.split(low), low) if word)


def is_compose(path: str) -> bool:
    """Whether the file is named as Compose files are."""
    return _COMPOSE.fullmatch(path.rpartition("/")[2]) is not None


def is_env_name(name: str) -> bool:
    """Whether a file's name is one of an env file: ``.env``, ``.env.prod``, ``prod.env``, ``env.template``."""
    low = name.casefold()
    return (
        low in {".env", "env", ".envrc"} or low.endswith(".env") or low.startswith((".env.", ".env-", ".env_", "env."))
    )


def _example(path: str) -> str:
    """Why the path is an example's, or nothing."""
    *directories, name = path.split("/")
    for part in directories:
        if part.casefold() in _EXAMPLE_DIRECTORIES:
            return f"it lies in {part}/"
    said = tokens(_EXAMPLE_DOMAIN.sub(".", name.casefold()))
    found = sorted(said & _EXAMPLE)
    if found:
        return f"its name says {found[0]}"
    if is_env_name(name) and not said.isdisjoint({"default", "defaults", "template"}):
        return "its name says that it is an env file's template"
    return ""


def _part(part: str, *, is_name: bool, path: str) -> Scope | None:
    said = tokens(part)
    dev = sorted(said & _DEV)
    if not dev and is_name and "override" in said and is_compose(path):
        dev = ["override"]
    if dev:
        return Scope(ScopeClass.DEV, f"its path says {dev[0]}")
    prod = sorted(said & _PROD)
    if prod:
        return Scope(ScopeClass.PROD, f"its path says {prod[0]}")
    staging = sorted(said & _STAGING)
    if staging:
        return Scope(ScopeClass.UNKNOWN, f"its path says {staging[0]}: reachable, but not production")
    if not is_name and part.casefold() in _DEV_DIRECTORIES:
        return Scope(ScopeClass.DEV, f"it lies in {part}/")
    return None


def by_path(path: str) -> Scope | None:
    """What the path alone tells: example, then the nearest token from the file name outwards."""
    example = _example(path)
    if example:
        return Scope(ScopeClass.EXAMPLE, example)
    *directories, name = path.split("/")
    answer = _part(name, is_name=True, path=path)
    for part in reversed(directories):
        if answer is not None:
            break
        answer = _part(part, is_name=False, path=path)
    return answer


def by_kind(path: str) -> Scope | None:
    """Kinds of files that exist only for a server."""
    name = path.rpartition("/")[2]
    if _SERVER_ONLY.fullmatch(name) or path.casefold().endswith(("/.platform.app.yaml", "/app.yaml")):
        return Scope(ScopeClass.PROD, f"{name} exists only for a server")
    return None


def classify(
    path: str,
    *,
    said: Mapping[str, ScopeClass],
    given: Mapping[str, str],
    related: Mapping[str, Scope],
) -> Scope:
    """The class of a file and why.

    ``said`` maps globs to what the user says; ``given`` maps paths that the user or the boot plan chose to the reason;
    ``related`` holds what other files tell about a path (who uses it, which siblings it has).
    """
    for pattern, klass in said.items():
        if matches(path, pattern):
            return Scope(klass, f"the configuration says so for {pattern}")
    if path in given:
        return Scope(ScopeClass.PROD, given[path])
    found = by_path(path)
    if found is None:
        found = related.get(path)
    if found is None:
        found = by_kind(path)
    return found or Scope(ScopeClass.UNKNOWN, "nothing tells what it is for")
