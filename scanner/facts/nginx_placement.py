"""Where the project puts its nginx files on the server, and which of them work together.

One deployment is one set of files on one server: what a compose service mounts, what a Dockerfile copies, what scripts
install; else files that lie together.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.facts.compose import Compose, ComposeProject, Service
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles
from scanner.facts.nginx_files import Content, NginxFile
from scanner.facts.shell import split_commands
from scanner.nginx.includes import load, matching
from scanner.nginx.tree import ParsedFile, parse, walk
from scanner.project import Project, Unreadable

MAIN: Final = "/etc/nginx/nginx.conf"
STOCK: Final = """events {}
http {
    include mime.types;
    default_type application/octet-stream;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/http.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
"""
"""The nginx.conf around a fragment: nothing in it is judged."""
_STOCK_READS: Final = ("/etc/nginx/conf.d/*.conf", "/etc/nginx/http.d/*.conf", "/etc/nginx/sites-enabled/*")
_DEFAULT_SITE: Final = "/etc/nginx/conf.d/default.conf"
_REMOVES_DEFAULT: Final = re.compile(r"\brm\b[^;&|]*/etc/nginx/conf\.d(?:/(?:default\.conf|\*)|/?(?:\s|\Z))")
_SITES: Final = frozenset({"sites-available", "sites-enabled"})
_NGINX_TARGET: Final = re.compile(r"/(?:etc|usr/local|opt|usr/share)/(?:[^/]+/)*nginx(?:/|\Z)|/etc/nginx")
_TEMPLATES: Final = "/etc/nginx/templates/"
_IMAGE_VERSION: Final = re.compile(r"(?:^|/)nginx(?:-unprivileged)?:(?P<version>\d+\.\d+(?:\.\d+)?)")
_COPYING: Final = frozenset({"cp", "install", "ln", "mv", "rsync"})
_TEMPLATE_ENDING: Final = re.compile(r"\.(?:template|tmpl|tpl|j2|jinja2?|erb)\Z")
_DOCKER_FLAG: Final = re.compile(r"\A--\S+\s+")


@dataclass(frozen=True)
class Deployment:
    """Files that work together on one server."""

    files: Mapping[str, ParsedFile]
    """Production path to file."""
    main: str
    """Production path of the main file."""
    complete: bool
    """The main file is the project's."""
    says: str = ""
    """The file that puts them there: a compose file, a Dockerfile, a script; empty when they only lie together."""
    version: str | None = None
    """nginx's, from an image tag."""
    sealed: bool = False
    """It is a container in which the project's files take the place of the image's default site."""
    members: frozenset[str] = field(default=frozenset())
    """The repository's files that it serves, snippets left out."""


def deployments(
    project: Project, files: tuple[NginxFile, ...], compose: Compose | None, dockerfiles: Dockerfiles | None
) -> tuple[Deployment, ...]:
    """All sets of files that work together; every full file and fragment is in one at least."""
    by_path = {file.path: file for file in files if file.written_to is None}
    found: list[Deployment] = []
    for says, put in _placements(project, files, by_path, compose, dockerfiles):
        deployment = _deployment(put, files, says)
        if deployment is not None and all(deployment.members != other.members for other in found):
            found.append(deployment)
    taken = frozenset(path for deployment in found for path in deployment.members)
    left = [file for file in files if file.path not in taken and file.content is not Content.SNIPPET]
    found.extend(_lying_together(left, files))
    return tuple(found)


Placed = dict[str, NginxFile]


@dataclass(frozen=True)
class _Put:
    """What one service, image or set of scripts puts where."""

    files: Placed
    version: str | None = None
    sealed: bool = False


def _placements(
    project: Project,
    files: tuple[NginxFile, ...],
    by_path: Mapping[str, NginxFile],
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
) -> Iterator[tuple[str, _Put]]:
    images = {dockerfile.path: dockerfile for dockerfile in (dockerfiles.files if dockerfiles else ())}
    used: set[str] = set()
    for one in compose.projects if compose else ():
        for service in one.services:
            image = images.get(service.dockerfile or "")
            put = _from_service(service, by_path, image)
            if put.files:
                yield _file_of(service, one), put
                used.update([image.path] if image is not None else [])
    for path, image in images.items():
        put = _from_dockerfile(image, by_path)
        if put.files and path not in used:
            yield path, put
    placed = {file.written_to: file for file in files if file.written_to is not None}
    script, more = _from_scripts(project, by_path)
    if placed or more:
        yield script or next(iter(placed.values())).path, _Put({**more, **placed})


def _file_of(service: Service, project: ComposeProject) -> str:
    return service.location.path or (project.files[0] if project.files else "")


def _from_service(service: Service, by_path: Mapping[str, NginxFile], image: Dockerfile | None) -> _Put:
    placed: Placed = {}
    version = _version(service.image if isinstance(service.image, str) else None)
    # A mount over the directory hides what the image has there.
    sealed = any(posixpath.normpath(volume.target) == "/etc/nginx/conf.d" for volume in service.volumes)
    if image is not None:
        built = _from_dockerfile(image, by_path, service.build_target)
        version, sealed = version or built.version, sealed or built.sealed
        placed.update(built.files)
    for volume in service.volumes:
        if volume.bind and not volume.source.startswith("/"):
            placed.update(_under(volume.source, volume.target, by_path))
    return _Put(placed, version, sealed or _DEFAULT_SITE in placed)


def _from_dockerfile(dockerfile: Dockerfile, by_path: Mapping[str, NginxFile], target: str | None = None) -> _Put:
    """What the stage that ships, or the one that compose asks for, copies to where nginx reads."""
    placed: Placed = {}
    if not dockerfile.stages:
        return _Put(placed)
    shipped = dockerfile.stages[min(dockerfile.shipped, len(dockerfile.stages) - 1)]
    stage = next((stage for stage in dockerfile.stages if target is not None and stage.name == target), shipped)
    removed = False
    for instruction in stage.instructions:
        removed = removed or (
            instruction.keyword == "RUN" and _REMOVES_DEFAULT.search(instruction.arguments) is not None
        )
        if instruction.keyword not in {"COPY", "ADD"}:
            continue
        arguments = instruction.arguments
        while _DOCKER_FLAG.match(arguments):
            if arguments.startswith("--from"):
                arguments = ""
            arguments = _DOCKER_FLAG.sub("", arguments)
        words = arguments.replace('"', " ").replace("[", " ").replace("]", " ").replace(",", " ").split()
        for source in words[:-1]:
            for base in (posixpath.dirname(dockerfile.path), ""):
                put = _under(posixpath.normpath(posixpath.join(base, source.lstrip("/"))), words[-1], by_path)
                placed.update(put)
                if put:
                    break
    version = _version(stage.base if isinstance(stage.base, str) else None)
    return _Put(placed, version, removed or _DEFAULT_SITE in placed)


def _from_scripts(project: Project, by_path: Mapping[str, NginxFile]) -> tuple[str, Placed]:
    """What ``cp``, ``install`` and ``ln -s`` of the project's scripts put below /etc/nginx."""
    placed: Placed = {}
    says = ""
    for path in project.glob("**/*.sh", "*.sh", "**/Makefile", "Makefile"):
        try:
            text = project.read_text(path)
        except Unreadable:
            continue  # whoever reads scripts reports it
        if "nginx" not in text:
            continue
        for command in split_commands(text):
            words = [word.text for word in command.words]
            words = words[1:] if words[:1] == ["sudo"] else words
            if not words or words[0].lstrip("@-") not in _COPYING or not words[-1].startswith("/etc/nginx"):
                continue
            put = _copied(words[1:-1], words[-1], by_path, placed)
            if put:
                placed.update(put)
                says = says or path
    return says, placed


def _copied(sources: Iterable[str], target: str, by_path: Mapping[str, NginxFile], placed: Placed) -> Placed:
    found: Placed = {}
    for source in sources:
        if source.startswith("-"):
            continue
        file = placed.get(source) or _best_suffix(source, by_path.values())
        if file is not None:
            name = posixpath.basename(source)
            is_directory = target.endswith("/") or posixpath.basename(target) in {
                *_SITES,
                "conf.d",
                "snippets",
                "nginx",
            }
            found[posixpath.join(target, name) if is_directory else target] = file
    return found


def _under(source: str, target: str, by_path: Mapping[str, NginxFile]) -> Placed:
    """Where a file or directory of the repository brings its nginx files, if that is a directory of nginx."""
    if not _NGINX_TARGET.match(target):
        return {}
    source = posixpath.normpath(source)
    if source in by_path:
        at_directory = target.endswith("/") or posixpath.basename(target) in {
            *_SITES,
            "conf.d",
            "snippets",
            "templates",
        }
        place = posixpath.join(target, posixpath.basename(source)) if at_directory else target
        return {_rendered(posixpath.normpath(place)): by_path[source]}
    prefix = "" if source == "." else f"{source}/"
    return {
        _rendered(posixpath.normpath(posixpath.join(target, path.removeprefix(prefix)))): file
        for path, file in by_path.items()
        if path.startswith(prefix)
    }


def _rendered(path: str) -> str:
    """Where the official image renders a template to: ``templates/x.conf.template`` becomes ``conf.d/x.conf``."""
    if path.startswith(_TEMPLATES) and path.endswith(".template"):
        return "/etc/nginx/conf.d/" + path.removeprefix(_TEMPLATES).removesuffix(".template")
    return path


def _version(image: str | None) -> str | None:
    found = _IMAGE_VERSION.search(image or "")
    return None if found is None else found["version"]


def _deployment(put: _Put, files: tuple[NginxFile, ...], says: str) -> Deployment | None:
    """One set of placed files, or None when it has no server and no main file."""
    wanted = {path: file for path, file in put.files.items() if file.content is not Content.SNIPPET}
    if not wanted:
        return None
    main = next((path for path, file in wanted.items() if file.content is Content.FULL), None)
    return _assemble(main, put, files, says)


def _assemble(main: str | None, put: _Put, files: tuple[NginxFile, ...], says: str = "") -> Deployment:
    placed = put.files
    parsed = {path: file.parsed for path, file in placed.items()}
    complete = main is not None
    if main is None:
        main = MAIN
        parsed = {_where_stock_reads(path, file): file.parsed for path, file in placed.items()}
        parsed[MAIN] = parse(STOCK, "")
    _add_included(parsed, main, files)
    members = frozenset(file.path for file in placed.values() if file.content is not Content.SNIPPET)
    return Deployment(parsed, main, complete, says, put.version, put.sealed, members)


def _where_stock_reads(path: str, file: NginxFile) -> str:
    """A place that the stock nginx.conf includes, for a fragment that has none."""
    if file.content is not Content.FRAGMENT or any(matching(pattern, [path]) for pattern in _STOCK_READS):
        return path
    directory, name = posixpath.split(path)
    if posixpath.basename(directory) == "sites-available":
        return f"/etc/nginx/sites-enabled/{name}"
    return f"/etc/nginx/conf.d/{name.removesuffix('.conf')}.conf"


def _add_included(parsed: dict[str, ParsedFile], main: str, files: tuple[NginxFile, ...]) -> None:
    """Add the repository's files that these include by a production path that nothing else explains."""
    candidates: dict[str, list[NginxFile]] = {}
    for one in files:
        if one.content is not Content.FULL:
            candidates.setdefault(posixpath.basename(one.path), []).append(one)
    waiting = list(parsed.values())
    while waiting:
        for directive in walk(waiting.pop().directives):
            if directive.name != "include" or len(directive.args) != 1 or directive.is_template:
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(main), directive.args[0]))
            if path in parsed or any(character in path for character in "*?["):
                continue
            named = candidates.get(posixpath.basename(path), ())
            file = _best_suffix(directive.args[0], named, near=directive.location.path)
            if file is not None:
                parsed[path] = file.parsed
                waiting.append(file.parsed)


def _best_suffix(path: str, files: Iterable[NginxFile], near: str = "") -> NginxFile | None:
    """The file with the same name and the longest common end of the path; the nearest of equals."""
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    best: tuple[int, int, NginxFile] | None = None
    for file in files:
        theirs = file.path.split("/")
        if not parts or theirs[-1] != parts[-1] or file.written_to is not None:
            continue
        common = 0
        for mine, other in zip(reversed(parts), reversed(theirs), strict=False):
            if mine != other:
                break
            common += 1
        rank = (common, len(posixpath.commonpath([near or "x", file.path])))
        if best is None or rank > best[:2]:
            best = (*rank, file)
    return None if best is None else best[2]


def _lying_together(left: list[NginxFile], files: tuple[NginxFile, ...]) -> Iterator[Deployment]:
    """Sets of files that nothing places: each full file with the fragments around it, then fragments by directory."""
    fragments = {file.path: file for file in left if file.content is Content.FRAGMENT}
    for full in (file for file in left if file.content is Content.FULL):
        main = full.written_to or MAIN
        placed: Placed = {main: full}
        around = posixpath.dirname(full.path)
        near = [file for path, file in fragments.items() if not around or path.startswith(f"{around}/")]
        if near and load(main, {main: full.parsed}).empty_globs:
            placed.update(_into_globs(full, main, near))
            for file in placed.values():
                fragments.pop(file.path, None)
        yield _assemble(main, _Put(placed), files)
    groups: dict[str, list[NginxFile]] = {}
    for file in fragments.values():
        groups.setdefault(posixpath.dirname(file.path), []).append(file)
    for group in groups.values():
        for compatible in _compatible(group):
            placed = {_default_place(file): file for file in compatible}
            yield _assemble(None, _Put(placed), files)


def _into_globs(full: NginxFile, main: str, near: Iterable[NginxFile]) -> Placed:
    """Put fragments where a full file's patterns read them."""
    patterns = [
        posixpath.normpath(posixpath.join(posixpath.dirname(main), item.args[0]))
        for item in load(main, {main: full.parsed}).empty_globs
    ]
    placed: Placed = {}
    for file in near:
        wanted = _default_place(file)
        options = [wanted, *(f"{posixpath.dirname(pattern)}/{posixpath.basename(wanted)}" for pattern in patterns)]
        options += [f"{option}.conf" for option in options if not option.endswith(".conf")]
        for option in options:
            if any(matching(pattern, [option]) for pattern in patterns):
                placed[option] = file
                break
    return placed


def _default_place(file: NginxFile) -> str:
    if file.written_to is not None:
        return file.written_to
    directory, name = posixpath.split(file.path)
    name = _TEMPLATE_ENDING.sub("", name)
    if posixpath.basename(directory) in _SITES:
        return f"/etc/nginx/sites-enabled/{name}"
    return f"/etc/nginx/conf.d/{name.removesuffix('.conf')}.conf"


def _compatible(group: list[NginxFile]) -> Iterator[list[NginxFile]]:
    """Files of one directory that can stand on one server: no upstream or (socket, name) twice."""
    sets: list[tuple[set[tuple[str, ...]], list[NginxFile]]] = []
    for file in group:
        claims = set(_claims(file.parsed))
        for taken, members in sets:
            if taken.isdisjoint(claims):
                taken.update(claims)
                members.append(file)
                break
        else:
            sets.append((claims, [file]))
    yield from (members for _, members in sets)


def _claims(parsed: ParsedFile) -> Iterator[tuple[str, ...]]:
    for item in parsed.directives:
        if item.name == "upstream":
            yield ("upstream", item.arg(0))
        if item.name != "server" or item.block is None:
            continue
        sockets = [inner.args for inner in item.block if inner.name == "listen" and inner.args] or [("80",)]
        names = [name for inner in item.block if inner.name == "server_name" for name in inner.args] or [""]
        for port, *options in sockets:
            if "default_server" in options:
                yield ("default", port)
            yield from (("name", port, name) for name in names)
