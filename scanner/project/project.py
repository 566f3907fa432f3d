"""One Django project of a checkout, and its files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from scanner.model import Options, ScopeClass
from scanner.project.checkout import MAX_BYTES, Checkout
from scanner.project.globs import matches
from scanner.project.relations import relations
from scanner.project.scope import Scope, classify

_VENDORED = frozenset({"node_modules", "bower_components", "site-packages", ".venv", ".tox", "__pycache__"})


@dataclass(frozen=True)
class Project:
    """One directory with a ``manage.py`` (or a settings package with ``wsgi.py``). All paths are the checkout's."""

    checkout: Checkout
    path: str
    """Its directory; ``.`` for the checkout itself."""
    name: str
    manage: str | None
    """Its ``manage.py``."""
    siblings: tuple[str, ...] = ()
    """Directories of the other projects of the checkout."""
    settings_module: str | None = None
    """What ``manage.py`` (else ``wsgi.py``) sets DJANGO_SETTINGS_MODULE to."""
    said: Mapping[str, ScopeClass] = field(default_factory=dict)
    """Globs and the scope that the configuration gives them."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Paths that the user or the boot plan chose, and why: they are production's."""

    def with_options(self, options: Options) -> "Project":
        """The same project with the scopes and files that the user names."""
        given = dict(self.given)
        for option, paths in (
            ("--nginx", options.nginx),
            ("--env-file", options.env_files),
            ("--requirements", options.requirements),
            ("--dockerfile", (options.dockerfile,) if options.dockerfile else ()),
        ):
            given.update({path.removeprefix("./"): f"given with {option}" for path in paths})
        return replace(self, said=dict(options.scopes), given=given)

    def with_given(self, paths: Iterable[str], reason: str) -> "Project":
        """The same project where these paths are production's, for that reason."""
        return replace(self, given={**self.given, **dict.fromkeys(paths, reason)})

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The files that concern this project: all of the checkout's but other projects' own and vendored code."""
        others = tuple(f"{one}/" for one in self.siblings if not self._holds_me(one))
        return tuple(
            path
            for path in self.checkout.files
            if not path.startswith(others) and _VENDORED.isdisjoint(path.split("/"))
        )

    @cached_property
    def by_name(self) -> Mapping[str, tuple[str, ...]]:
        """The project's files by the last part of their path."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return {name: tuple(paths) for name, paths in found.items()}

    def _holds_me(self, directory: str) -> bool:
        return directory in {".", self.path} or self.path.startswith(f"{directory}/")

    @cached_property
    def _relations(self) -> Mapping[str, Scope]:
        return relations(self.checkout, self.files)

    def read_text(self, path: str, limit: int = MAX_BYTES) -> str:
        """The text of a file. Raises Unreadable."""
        return self.checkout.read_text(path, limit)

    def read_bytes(self, path: str, limit: int = MAX_BYTES) -> bytes:
        """The bytes of a file. Raises Unreadable."""
        return self.checkout.read_bytes(path, limit)

    def exists(self, path: str) -> bool:
        """Whether that path is a file of the checkout."""
        return self.checkout.exists(path)

    def glob(self, *patterns: str) -> tuple[str, ...]:
        """The project's files that match one of the globs, sorted."""
        found: set[str] = set()
        for pattern in patterns:
            if "/" in pattern:
                found.update(path for path in self.files if matches(path, pattern))
            elif "*" in pattern or "?" in pattern:
                names = (name for name in self.by_name if matches(name, pattern))
                found.update(path for name in names for path in self.by_name[name])
            else:
                found.update(self.by_name.get(pattern, ()))
        return tuple(sorted(found))

    def scope(self, path: str) -> Scope:
        """What a file is for, and why."""
        return classify(path, said=self.said, given=self.given, related=self._relations)

    def inside(self, path: str) -> str:
        """A path of the project's directory as one of the checkout: ``inside("shop/settings.py")``."""
        return path if self.path == "." else f"{self.path}/{path}"
