"""What other files tell about a file: who uses it, which siblings it has, what it starts.

Conditions 7, 8, 10 and 11 of the classifier, and the one kind of condition 9 that only content shows: an nginx server
that proxies to the application or serves its files.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scanner.model import ScopeClass
from scanner.project.builds import builds
from scanner.project.checkout import Checkout, Unreadable
from scanner.project.scope import Scope, by_kind, by_path, is_compose, is_env_name

_LIMIT = 256 * 1024
_WORD = re.compile(r"[\w.@~/+-]+")
_SERVER = re.compile(r"\b(?:gunicorn|uvicorn|daphne|hypercorn|waitress-serve|uwsgi|granian|supervisord)\b")
_RELOAD = re.compile(r"--reload\b|--py-autoreload")
_DEV_SERVER = re.compile(r"\brunserver(?:_plus)?\b|\bflask\s+run\b")
_START = re.compile(r"^[ \t]*(?:CMD|ENTRYPOINT)\b.*(?:\\\n.*)*", re.MULTILINE | re.IGNORECASE)
_EDGE_IMAGE = re.compile(
    r"^[ \t]*image:[ \t]*[\"']?(?:[\w.:-]+/)*(?:nginx[\w-]*|traefik|caddy[\w-]*|haproxy|httpd|swag|openresty)[:\s\"'@]",
    re.MULTILINE,
)
_NGINX_SERVER = re.compile(r"^\s*server\s*\{", re.MULTILINE)
_NGINX_SERVES = re.compile(r"^\s*(?:proxy_pass|uwsgi_pass|grpc_pass|alias|root|return\s+30[1278])\b", re.MULTILINE)
_DOCKERFILE = re.compile(r"(?:Docker|Container)file(?:[._-][\w.-]+)?|[\w.-]+\.(?:docker|container)file", re.IGNORECASE)
_MAKE_TARGET = re.compile(r"^([A-Za-z0-9_.-]+)[ \t]*:(?!=)", re.MULTILINE)
_DEPLOYS = re.compile(r"(?:^|[._-])(?:deploy\w*|prod|production|release|publish|live)(?:$|[._-])", re.IGNORECASE)
_HOLDER_ENDINGS = (".service", ".socket", ".sh", ".bash", ".yml", ".yaml", ".conf", ".toml", ".j2", ".template")
_SERVICE = re.compile(r"^(\s+)([\w.-]+):[ \t]*(?:&\w+[ \t]*)?(?:#.*)?$")


def relations(checkout: Checkout, files: tuple[str, ...]) -> Mapping[str, Scope]:
    """The class that its relations give a path, where its own name gives none."""
    return _Relations(checkout, files).run()


def _directory(path: str) -> str:
    return posixpath.dirname(path) or "."


@dataclass
class _Relations:
    checkout: Checkout
    files: tuple[str, ...]
    found: dict[str, Scope] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def run(self) -> Mapping[str, Scope]:
        own = {path: by_path(path) or by_kind(path) for path in self.files if _is_deployment(path)}
        self.candidates = {path for path, scope in own.items() if scope is None}
        self.prod = [path for path, scope in own.items() if scope is not None and scope.klass is ScopeClass.PROD]
        self._siblings()
        self._refer([*self.prod, *(path for path in own if _is_makefile(path))])
        self._mark(self._nginx_servers())
        self._mark(self._development_images())
        self._mark(self._images())
        self._mark(self._development_sets())
        self._mark(self._compose_files())
        return self.found

    def _text(self, path: str) -> str:
        if path not in self.texts:
            try:
                self.texts[path] = self.checkout.read_text(path, _LIMIT)
            except Unreadable:
                self.texts[path] = ""  # its collector reports it
        return self.texts[path]

    def _open(self, wanted: Callable[[str], bool]) -> list[str]:
        return [path for path in sorted(self.candidates) if path not in self.found and wanted(path)]

    def _mark(self, made: Iterable[tuple[str, Scope]]) -> None:
        """Take the classes, and follow what the new production files name."""
        fresh = []
        for path, scope in made:
            if path not in self.found:
                self.found[path] = scope
                if scope.klass is ScopeClass.PROD:
                    fresh.append(path)
        self.prod += fresh
        self._refer(fresh)

    # Condition 7

    def _refer(self, holders: Iterable[str]) -> None:
        """Production files name other files: those are production's too."""
        waiting = list(holders)
        by_name: dict[str, list[str]] = {}
        for path in self.candidates:
            by_name.setdefault(path.rpartition("/")[2], []).append(path)
        while waiting:
            holder = waiting.pop()
            for path in self._named(holder, by_name):
                if path not in self.found and path != holder:
                    self.found[path] = Scope(ScopeClass.PROD, f"{holder} uses it")
                    self.prod.append(path)
                    waiting.append(path)

    def _named(self, holder: str, by_name: Mapping[str, list[str]]) -> Iterator[str]:
        text = self._holding(holder)
        for word in {word.rstrip("./") for word in _WORD.findall(text)}:
            for candidate in by_name.get(word.rpartition("/")[2], ()):
                if _names(holder, word, candidate):
                    yield candidate
        if is_compose(holder):
            yield from (build.dockerfile for build in builds(holder, text) if build.dockerfile in self.candidates)

    def _holding(self, path: str) -> str:
        """The part of a file that speaks of production: of a Makefile only the targets that deploy."""
        name = path.rpartition("/")[2]
        if _is_makefile(path):
            text = self._text(path)
            starts = [*_MAKE_TARGET.finditer(text)]
            ends = [*(match.start() for match in starts[1:]), *([len(text)] if starts else [])]
            return "\n".join(
                text[match.end() : end]
                for match, end in zip(starts, ends, strict=True)
                if _DEPLOYS.search(match.group(1))
            )
        if name.endswith(_HOLDER_ENDINGS) or is_compose(path) or _DOCKERFILE.fullmatch(name) or "." not in name:
            return self._text(path)
        return ""

    # Condition 8

    def _siblings(self) -> None:
        """A plain compose file beside production's, which stands alone, is for development."""
        for path in self._open(is_compose):
            beside = [
                other
                for other in self.prod
                if is_compose(other) and _directory(other) == _directory(path) and other != path
            ]
            alone = [other for other in beside if _stands_alone(self._text(other)) and not self._layered(path, other)]
            if alone:
                self.found[path] = Scope(ScopeClass.DEV, f"{alone[0]} beside it is production's")
            elif beside:
                self.found[path] = Scope(ScopeClass.PROD, f"{beside[0]} is layered on it")

    def _layered(self, base: str, over: str) -> bool:
        """Some script gives both files to Compose."""
        first, second = (re.escape(path.rpartition("/")[2]) for path in (base, over))
        pattern = re.compile(
            rf"(?:-f|--file)[ =]\S{{0,200}}{first}\s[^\n]{{0,400}}(?:-f|--file)[ =]\S{{0,200}}{second}"
        )
        callers = (path for path in self.files if path.endswith((".sh", ".yml", "Makefile", ".md", ".service")))
        return any("compose" in (text := self._text(path)) and pattern.search(text) is not None for path in callers)

    # Condition 9, by content

    def _nginx_servers(self) -> Iterator[tuple[str, Scope]]:
        for path in self._open(_may_be_nginx):
            text = self._text(path)
            if _NGINX_SERVER.search(text) and _NGINX_SERVES.search(text):
                yield path, Scope(ScopeClass.PROD, "an nginx server exists only for a server")

    # Condition 8, for what the compose files build

    def _development_images(self) -> Iterator[tuple[str, Scope]]:
        """Only compose files of development build it, and production builds the same directory with another."""
        compose = [path for path in self.files if is_compose(path)]
        built = {path: tuple(builds(path, self._text(path))) for path in compose}
        productive = [build for path in compose if path in self.prod for build in built[path]]
        for path in self._open(_is_dockerfile):
            builders = [one for one in compose if any(build.dockerfile == path for build in built[one])]
            if not builders or not all(self._is_development(one) for one in builders):
                continue
            contexts = {build.context for one in builders for build in built[one] if build.dockerfile == path}
            others = [build.dockerfile for build in productive if build.context in contexts]
            others += [one for one in self.prod if _is_dockerfile(one) and _directory(one) == _directory(path)]
            if others:
                yield path, Scope(ScopeClass.DEV, f"only {builders[0]} builds it; production builds {others[0]}")

    def _is_development(self, path: str) -> bool:
        scope = by_path(path) or self.found.get(path)
        return scope is not None and scope.klass is ScopeClass.DEV

    def _development_sets(self) -> Iterator[tuple[str, Scope]]:
        """Compose files that build nothing but images of development (an editor's container)."""
        for path in self._open(is_compose):
            built = [build.dockerfile for build in builds(path, self._text(path))]
            if built and all(self._is_development(one) for one in built):
                yield path, Scope(ScopeClass.DEV, f"it builds {built[0]}, which is development's")

    # Conditions 10 and 11

    def _images(self) -> Iterator[tuple[str, Scope]]:
        taken = any(_is_dockerfile(path) and self._starts(path) == "server" for path in self.prod)
        for path in self._open(_is_dockerfile):
            starts = self._starts(path)
            if starts == "server" and not taken:
                yield path, Scope(ScopeClass.PROD, "its command is a production server")
            elif starts == "dev" and self._produces(path):
                yield path, Scope(ScopeClass.DEV, "its command is Django's development server")

    def _starts(self, path: str) -> str:
        """``server``, ``dev`` or nothing: what the last command of a Dockerfile, or a script that it names, starts."""
        lines = _START.findall(self._text(path))
        if not lines:
            return ""
        text = "\n".join(lines[-2:])
        names = {word.rstrip("./").rpartition("/")[2] for word in _WORD.findall(text)}
        scripts = [one for one in self.files if one.rpartition("/")[2] in names and not one.endswith(".py")]
        return _started(text) or _started("\n".join(self._text(one) for one in scripts[:8]))

    def _compose_files(self) -> Iterator[tuple[str, Scope]]:
        if any(is_compose(path) for path in self.prod):
            return
        for path in self._open(is_compose):
            text = self._text(path)
            built = [build.dockerfile for build in builds(path, text)]
            starts = _started(text)
            if _EDGE_IMAGE.search(text) and starts != "dev":
                yield path, Scope(ScopeClass.PROD, "it starts the edge")
            elif starts == "server" or (not starts and any(self._is_production_image(one) for one in built)):
                yield path, Scope(ScopeClass.PROD, "its web command is a production server")
            elif starts == "dev" and self._produces(path):
                yield path, Scope(ScopeClass.DEV, "its web command is Django's development server")

    def _is_production_image(self, path: str) -> bool:
        return path in self.prod or (path in self.candidates and self._starts(path) == "server")

    def _produces(self, path: str) -> bool:
        """Something else in the repository starts the application in production."""
        kinds = (".service", "Procfile", "fly.toml", "render.yaml")
        return any(
            other != path
            and (other.endswith(kinds) or is_compose(other) or _is_dockerfile(other) or _may_be_nginx(other))
            for other in self.prod
        )


def _started(text: str) -> str:
    if _SERVER.search(text) and not _RELOAD.search(text) and not _DEV_SERVER.search(text):
        return "server"
    return "dev" if _DEV_SERVER.search(text) or (_SERVER.search(text) and _RELOAD.search(text)) else ""


def _is_makefile(path: str) -> bool:
    name = path.rpartition("/")[2].casefold()
    return name in {"makefile", "justfile"} or name.endswith(".mk")


def _is_dockerfile(path: str) -> bool:
    name = path.rpartition("/")[2]
    return _DOCKERFILE.fullmatch(name) is not None and not name.endswith(".dockerignore")


def _may_be_nginx(path: str) -> bool:
    name = path.rpartition("/")[2].casefold()
    return name.endswith((".conf", ".nginx", ".vhost", ".conf.template", ".conf.j2")) or "nginx" in name


def _is_deployment(path: str) -> bool:
    """Files whose class the relations can decide, and files that may name such ones."""
    name = path.rpartition("/")[2]
    low = name.casefold()
    return (
        is_compose(path)
        or _is_dockerfile(path)
        or _may_be_nginx(path)
        or is_env_name(low)
        or low in {"makefile", "procfile", "justfile"}
        or low.endswith((".service", ".socket", ".timer", ".sh", ".bash", ".mk", ".ini", ".toml", ".j2", ".template"))
        or (low.endswith((".yml", ".yaml")) and not low.startswith("."))
        or ("." not in low and not low.startswith(("license", "readme", "authors", "changelog")))
    )


def _names(holder: str, word: str, candidate: str) -> bool:
    """Whether a word of one file names another: relative to it, to the root, or as the end of a production path."""
    if word.startswith(("/", "~")):
        return f"/{word.lstrip('/~')}".endswith(f"/{candidate}")
    plain = posixpath.normpath(word)
    beside = posixpath.normpath(posixpath.join(_directory(holder), word))
    return candidate in {plain, beside} or ("/" in plain and candidate.endswith(f"/{plain}"))


def _stands_alone(text: str) -> bool:
    """Whether every service of a compose file says what it runs. Told by indentation: this is no place for a parser."""
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.startswith("services:")), None)
    if start is None:
        return False
    indent: str | None = None
    said: list[bool] = []
    for line in lines[start + 1 :]:
        if line.strip() and not line[0].isspace() and not line.startswith("#"):
            break
        match = _SERVICE.match(line)
        if match and (indent is None or match.group(1) == indent):
            indent = match.group(1)
            said.append(False)
        elif said and re.match(r"\s+(?:image|build|extends|<<):", line):
            said[-1] = True
    return bool(said) and all(said)
