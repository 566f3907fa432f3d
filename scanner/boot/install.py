"""Installing what the settings need: wheels first, then builds where the engine can, then less."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner.boot.dependencies import Wanted, name_of
from scanner.boot.failed import BootFailed
from scanner.boot.requirement_files import Flat, read_requirements
from scanner.model import Options, Progress, quoted
from scanner.project import Project, Unreadable
from scanner.sandbox.interface import Dependencies, Engine, EngineFailed, Installed, InstallFailed

_MOST_TRIES = 30
_SUBSTITUTES: Mapping[str, str] = {"psycopg2": "psycopg2-binary", "psycopg-c": "psycopg-binary"}
_NEVER_NEEDED = frozenset({"mod-wsgi", "pywin32", "pywin32-ctypes", "pypiwin32", "uwsgitop", "pkg-resources"})
"""The settings never need them, and they have no wheels (or none for Linux)."""
_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "mysqlclient": ("default-libmysqlclient-dev", "pkg-config"),
    "psycopg2": ("libpq-dev",),
    "psycopg": ("libpq5",),
    "python-ldap": ("libldap2-dev", "libsasl2-dev"),
    "django-auth-ldap": ("libldap2-dev", "libsasl2-dev"),
    "xmlsec": ("libxml2-dev", "libxmlsec1-dev", "libxmlsec1-openssl", "pkg-config"),
    "python3-saml": ("libxml2-dev", "libxmlsec1-dev", "libxmlsec1-openssl", "pkg-config"),
    "lxml": ("libxml2-dev", "libxslt1-dev"),
    "pillow": ("libjpeg-dev", "zlib1g-dev"),
    "pycairo": ("libcairo2-dev", "pkg-config"),
    "weasyprint": ("libpango-1.0-0", "libpangoft2-1.0-0"),
    "python-magic": ("libmagic1",),
    "pyzbar": ("libzbar0",),
    "gdal": ("libgdal-dev",),
}


@dataclass(frozen=True)
class Request:
    """What is to be installed, and how far it has been given way."""

    wanted: Wanted
    python: str
    builds: bool = False
    system_packages: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    """Normalised names of what could not be installed."""
    absent: tuple[str, ...] = ()
    """Dependencies of dependencies that are left out."""


@dataclass(frozen=True)
class Installer:
    """Installs with one engine for one project."""

    engine: Engine
    options: Options
    progress: Progress

    @property
    def can_build(self) -> bool:
        """Foreign build steps may run: the user says so, or the engine has a container for them."""
        return self.options.allow_builds or self.engine.name == "docker"

    def install(self, request: Request) -> tuple[Installed, Request]:
        """The environment, and the request as it was granted. Raises BootFailed."""
        current = _prepared(request)
        for _ in range(_MOST_TRIES):
            try:
                return self.engine.install(self._dependencies(current), self.progress), current
            except InstallFailed as problem:
                following = self._following(current, problem)
                if following is None:
                    missing = problem.message.startswith("needs Python")
                    raise BootFailed(_message(problem), problem.hint, missing_interpreter=missing) from problem
                current = following
            except EngineFailed as problem:
                if "python:" in problem.message and "cannot be had" in problem.message:
                    raise BootFailed(problem.message, problem.hint, missing_interpreter=True) from problem
                raise
        raise BootFailed(
            "the dependencies could not be installed, whatever was left out", "Name them with --requirements"
        )

    def _dependencies(self, request: Request) -> Dependencies:
        lines = [*request.wanted.lines, *request.extra]
        files = {"requirements.txt": "\n".join([*lines, ""]).encode()}
        arguments = ["-r", "requirements.txt"]
        if request.wanted.constraints:
            files["constraints.txt"] = "\n".join([*request.wanted.constraints, ""]).encode()
            arguments += ["-c", "constraints.txt"]
        if request.absent:
            files["overrides.txt"] = "".join(f"{name} ; sys_platform == 'never'\n" for name in request.absent).encode()
            arguments += ["--overrides", "overrides.txt"]
        if request.builds:
            files["build-constraints.txt"] = b"setuptools<81\nCython<3.1\n"
            arguments += ["--build-constraints", "build-constraints.txt"]
        return Dependencies(
            python=request.python,
            arguments=tuple(arguments),
            files=files,
            allow_builds=request.builds,
            system_packages=request.system_packages,
            index_url=self.options.index_url,
            ca_bundle=self.options.ca_bundle,
        )

    def _following(self, request: Request, problem: InstallFailed) -> Request | None:
        """What to try after a failure; None where nothing is left."""
        if (
            problem.message.startswith("needs Python")
            or "cannot be reached" in problem.hint
            or "--ca-bundle" in problem.hint
        ):
            return None
        name = _at_fault(request, problem)
        never = _NO_SUCH_VERSION.search(problem.output)
        if not request.builds and self.can_build and not never:
            packages = {one for each in request.wanted.names for one in _SYSTEM.get(each, ())}
            return replace(request, builds=True, system_packages=tuple(sorted({*request.system_packages, *packages})))
        for following in (_without_inner, _without_pin, _without, _without_constraints, _without_what_is_named):
            found = following(request, name, problem.output)
            if found is not None:
                return found
        return None


_NO_SUCH_VERSION = re.compile(r"there is no version of ([A-Za-z0-9][\w.-]*?)(?:\[|[<>=!~]|\s|$)")
_NO_WHEEL = re.compile(r"([A-Za-z0-9][\w.-]*?)(?:[<>=!~]\S*)? (?:has|have) no usable wheels")
_NOT_FOUND = re.compile(r"[Bb]ecause ([A-Za-z0-9][\w.-]*?) was not found in the package registry")


def _at_fault(request: Request, problem: InstallFailed) -> str:
    """The normalised name of the requirement at fault; empty where the output names none of ours."""
    asked = {name_of(line) for line in (*request.wanted.lines, *request.extra)}
    for pattern in (_NO_SUCH_VERSION, _NOT_FOUND, _NO_WHEEL):
        for match in pattern.finditer(problem.output):
            if name_of(match.group(1)) in asked:
                return name_of(match.group(1))
    return name_of(problem.package)


def _prepared(request: Request) -> Request:
    """Without what the settings never need, and with binary packages in the place of those that must be built."""
    lines, notes = [], []
    for line in request.wanted.lines:
        name = name_of(line)
        if name in _NEVER_NEEDED:
            notes.append(f"{name} was left out: the settings do not need it")
        elif name == "uwsgi":
            # The settings do not need it, the live layer does. The versions of the two are not quite the same.
            lines.append("pyuwsgi")
            notes.append("pyuwsgi takes the place of uwsgi: the same server as a wheel")
        elif name in _SUBSTITUTES and not re.match(r"[\w.-]+\[", line):
            lines.append(_SUBSTITUTES[name] + line[len(re.match(r"[\w.-]*", line.strip()).group()) :])  # type: ignore[union-attr]  # it matches empty as well
        elif name == "psycopg" and re.match(r"psycopg\[c[\],]", line):
            lines.append(line.replace("[c]", "[binary]").replace("[c,", "[binary,"))
        else:
            lines.append(line)
    return replace(request, wanted=replace(request.wanted, lines=tuple(lines)), notes=(*request.notes, *notes))


def _without_inner(request: Request, name: str, output: str) -> Request | None:
    """Without a dependency of a dependency that has no wheel: what needs it may load without."""
    del name
    asked = {name_of(line) for line in (*request.wanted.lines, *request.extra)}
    for match in _NO_WHEEL.finditer(output):
        inner = name_of(match.group(1))
        if inner and inner not in asked and inner not in request.absent and inner != "django":
            substitute = (_SUBSTITUTES[inner],) if inner in _SUBSTITUTES else ()
            return replace(
                request,
                absent=(*request.absent, inner),
                extra=(*request.extra, *substitute),
                notes=(*request.notes, f"{inner}, which others depend on, could not be installed: it was left out"),
                left_out=request.left_out | {inner},
            )
    return None


def _without_pin(request: Request, name: str, output: str) -> Request | None:
    """Another version of it: its own has no wheel for this Python, or contradicts the others."""
    missing = {name_of(match.group(1)) for match in _NO_SUCH_VERSION.finditer(output)}
    if not name or name == "django" or name in missing:
        return None
    for line in request.wanted.lines:
        bare = re.match(r"[\w.-]+(?:\[[^\]]*\])?", line)
        if name_of(line) == name and bare and re.search(r"[=<>~!]", line.partition(";")[0]):
            lines = tuple(bare.group() if one == line else one for one in request.wanted.lines)
            note = f"{quoted(line)} could not be had: another version of it was taken"
            return replace(request, wanted=replace(request.wanted, lines=lines), notes=(*request.notes, note))
    return None


def _without(request: Request, name: str, output: str) -> Request | None:
    """Without the requirement at fault."""
    del output
    asked = {name_of(line) for line in (*request.wanted.lines, *request.extra)}
    if not name or name == "django" or name not in asked:
        return None
    return replace(
        request,
        wanted=replace(request.wanted, lines=tuple(line for line in request.wanted.lines if name_of(line) != name)),
        extra=tuple(line for line in request.extra if name_of(line) != name),
        notes=(*request.notes, f"{name} could not be installed: it was left out"),
        left_out=request.left_out | {name},
    )


def _without_constraints(request: Request, name: str, output: str) -> Request | None:
    """Without the constraints file."""
    del name, output
    if not request.wanted.constraints:
        return None
    note = "the constraints file was left out: it contradicts the requirements"
    return replace(request, wanted=replace(request.wanted, constraints=()), notes=(*request.notes, note))


def _without_what_is_named(request: Request, name: str, output: str) -> Request | None:
    """What fails is a dependency of a requirement: without the first requirement that the output names."""
    del name
    said = output.lower().replace("_", "-")
    for line in request.wanted.lines:
        own = name_of(line)
        if own and own != "django" and re.search(rf"(?<![\w.-]){re.escape(own)}(?![\w.-])", said):
            return _without(request, own, output)
    return None


def _message(problem: InstallFailed) -> str:
    last = [re.sub(r"^[^A-Za-z0-9]+", "", line) for line in problem.output.splitlines() if line.strip()]
    told = f" ({quoted(last[-1])})" if last else ""
    return f"{problem.message}{told}"


def lines_elsewhere(project: Project) -> dict[str, str]:
    """Every requirement that any requirements file of the project names: normalised name -> line."""
    found: dict[str, str] = {}
    paths = [
        path
        for path in project.files
        if re.search(r"(?:^|/)(?:requirements[^/]*|requirements/[^/]+)\.(?:txt|in)$", path)
    ]
    for path in paths[:30]:
        flat = Flat()
        read_requirements(project, path, flat)
        for line in flat.lines:
            found.setdefault(name_of(line), line)
    for path in project.glob("uv.lock", "**/uv.lock", "poetry.lock", "**/poetry.lock", "pdm.lock"):
        try:
            text = project.read_text(path, 8 * 1024 * 1024)
        except Unreadable:
            continue
        for match in re.finditer(r'^name = "([\w.-]+)"\nversion = "([\w.!+-]+)"', text, re.MULTILINE):
            found.setdefault(name_of(match.group(1)), f"{match.group(1)}=={match.group(2)}")
    return found
