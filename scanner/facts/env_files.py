"""Files of ``KEY=value`` lines."""

import re
from dataclasses import dataclass

from scanner.facts.compose import Compose
from scanner.facts.env_syntax import parse_assignments
from scanner.facts.secrets import ValueKind, examine
from scanner.model import Location, provider
from scanner.project import Project, Unreadable
from scanner.project.scope import is_env_name, tokens, words

__all__ = ["Entry", "EnvFile", "EnvFiles", "ValueKind", "env_files", "is_env_file", "read_env_file"]


@dataclass(frozen=True)
class Entry:
    """One ``KEY=value``."""

    key: str
    kind: ValueKind
    length: int
    location: Location
    value: str | None
    """Only of kinds that are no secret."""
    default_credential: bool = False
    """A secret that is none: a password that products ship with."""


@dataclass(frozen=True)
class EnvFile:
    """One env file."""

    path: str
    tracked: bool
    encrypted: bool
    example: bool
    """Named as an example, sample, template or dist file."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class EnvFiles:
    """All env files of the checkout."""

    files: tuple[EnvFile, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason."""

    def named(self, path: str) -> EnvFile | None:
        """The file with that path."""
        return next((file for file in self.files if file.path == path), None)


MAX_ENV_BYTES = 256 * 1024
_CODE = tuple(
    words(
        ".py .pyc .js .ts .tsx .jsx .mjs .cjs .vue .go .rb .php .rs .java .c .h .html .md .rst .txt .json .yml .yaml",
        ".toml .lock .ini .cfg .conf .svg .png .css .scss .sql .xml .bat .ps1 .zip .gz .mo .po .ipynb",
    )
)
_EXAMPLE = frozenset(
    {"example", "examples", "sample", "samples", "template", "tmpl", "tpl", "dist", "default", "defaults", "j2"}
)
_ENV_DIRECTORIES = frozenset({".envs", "envs", ".env"})
_ENCRYPTED = re.compile(
    r"\A\$ANSIBLE_VAULT;|\AENC\[|^sops_(?:version|mac)=|^DOTENV_PUBLIC_KEY\w*="
    r"|-----BEGIN AGE ENCRYPTED FILE|\Aage-encryption\.org/",
    re.MULTILINE,
)
_GIT_CRYPT = b"\0GITCRYPT\0"


def is_env_file(path: str) -> bool:
    """Whether a file's path is one of an env file: ``.env``, ``prod.env``, ``.envs/.production/.django``."""
    *directories, name = path.split("/")
    low = name.casefold()
    if low.endswith(_CODE):
        return False
    if is_env_name(low):
        return True
    return any(part.casefold() in _ENV_DIRECTORIES for part in directories) and "." not in low.lstrip(".") and bool(low)


def is_example_name(path: str) -> bool:
    """Whether an env file is named as an example, sample, template or dist file."""
    *directories, name = path.split("/")
    return not _EXAMPLE.isdisjoint(tokens(name)) or any(part.casefold() in _EXAMPLE for part in directories)


def read_env_file(path: str, text: str, *, tracked: bool) -> EnvFile:
    """The parsed file; no secret's text is kept."""
    entries = []
    for one in parse_assignments(text):
        seen = examine(one.key, one.value)
        end = one.end_line if one.end_line != one.line else None
        place = Location(path, one.line, one.column, end)
        entries.append(Entry(one.key, seen.kind, seen.length, place, seen.value, seen.default_credential))
    return EnvFile(path, tracked, _ENCRYPTED.search(text) is not None, is_example_name(path), tuple(entries))


@provider()
def env_files(project: Project, compose: Compose) -> EnvFiles:
    """Every file that is named as env files are, or that a compose service names."""
    named = {path for path in project.files if is_env_file(path)}
    used = {
        path
        for one in compose.projects
        for service in one.services
        for path, _ in service.env_files
        if project.exists(path)
    }
    files: list[EnvFile] = []
    unreadable: list[tuple[str, str]] = []
    for path in sorted(named | used):
        tracked = path in project.checkout.tracked
        try:
            files.append(read_env_file(path, project.read_text(path, MAX_ENV_BYTES), tracked=tracked))
        except Unreadable as problem:
            if _is_encrypted_binary(project, path):
                files.append(EnvFile(path, tracked, encrypted=True, example=is_example_name(path), entries=()))
            else:
                unreadable.append((path, problem.why))
    return EnvFiles(tuple(files), tuple(unreadable))


def _is_encrypted_binary(project: Project, path: str) -> bool:
    try:
        return project.read_bytes(path, MAX_ENV_BYTES).startswith((_GIT_CRYPT, b"age-encryption.org/"))
    except Unreadable:
        return False
