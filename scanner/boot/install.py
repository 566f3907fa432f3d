"""Installing what the settings need: wheels first, then builds where the engine can, then less."""

import hashlib
import re
from dataclasses import dataclass, replace

from scanner.boot.dependencies import name_of
from scanner.boot.failed import BootFailed
from scanner.boot.give_way import SUBSTITUTES, Request, following
from scanner.boot.requirement_files import Flat, read_requirements
from scanner.model import Options, Progress, quoted
from scanner.project import Project, Unreadable
from scanner.sandbox.interface import Dependencies, Engine, EngineFailed, Installed, InstallFailed

_MOST_TRIES = 30
_REMEDY = "Name a file with what the settings need with --requirements"
_OTHER = "3.13"
_NEVER_NEEDED = frozenset({"mod-wsgi", "pywin32", "pywin32-ctypes", "pypiwin32", "uwsgitop", "pkg-resources"})
"""The settings never need them, and they have no wheels (or none for Linux)."""

_HEAVY = re.compile(r"(?:torch(?:vision|audio)?|triton|tensorflow(?:-cpu|-gpu|-intel)?|jaxlib?|nvidia-.+|cupy.*)")
"""Gigabytes of machine learning: what imports them gets a stand-in once the settings have loaded."""
_BRING_HEAVY = frozenset(
    {"accelerate", "easyocr", "openai-whisper", "peft", "sentence-transformers", "timm", "transformers", "ultralytics"}
)


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
        family = hashlib.sha256(repr((request.python, request.wanted.lines)).encode()).hexdigest()
        for _ in range(_MOST_TRIES):
            try:
                return self.engine.install(self._dependencies(current, family), self.progress), current
            except InstallFailed as problem:
                wider = following(current, problem, can_build=self.can_build)
                if wider is None and problem.message.startswith("needs Python"):
                    raise self._without_interpreter(request.python) from problem
                if wider is None:
                    raise BootFailed(_message(problem), problem.hint or _REMEDY) from problem
                current = wider
            except EngineFailed as problem:
                if "python:" in problem.message and "cannot be had" in problem.message:
                    raise self._without_interpreter(request.python) from problem
                raise
        raise BootFailed("the dependencies could not be installed, whatever was left out", _REMEDY)

    def _without_interpreter(self, python: str) -> BootFailed:
        if self.engine.name == "docker":
            what = f"the project wants Python {python}, and the image `python:{python}-slim` cannot be had"
            hint = f"Let Docker pull that image, or name a Python whose image is here: --python {_OTHER}"
        else:
            what = f"the project wants Python {python}, which is not on this machine"
            hint = f"Install it, use --engine docker, or name one that is here: --python {_OTHER}"
        return BootFailed(what, hint, missing_interpreter=True)

    def _dependencies(self, request: Request, family: str) -> Dependencies:
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
            files["build-constraints.txt"] = "".join(f"{one}\n" for one in request.build_constraints).encode()
            arguments += ["--build-constraints", "build-constraints.txt"]
        return Dependencies(
            python=request.python,
            arguments=tuple(arguments),
            files=files,
            allow_builds=request.builds,
            wheels_only=not request.builds,
            family=family,
            system_packages=request.system_packages,
            index_url=self.options.index_url,
            ca_bundle=self.options.ca_bundle,
        )


def _prepared(request: Request) -> Request:
    """Without what the settings never need, and with binary packages in the place of those that must be built."""
    lines, notes = [], []
    heavy = {"torch", "triton", "tensorflow"} if _BRING_HEAVY & request.wanted.names else set[str]()
    for line in request.wanted.lines:
        name = name_of(line)
        if _HEAVY.fullmatch(name):
            heavy.add(name)
        elif name in _NEVER_NEEDED:
            notes.append(f"{name} was left out: the settings do not need it")
        elif name == "uwsgi":
            # The settings do not need it, the live layer does. The versions of the two are not quite the same.
            lines.append("pyuwsgi")
            notes.append("pyuwsgi takes the place of uwsgi: the same server as a wheel")
        elif name in SUBSTITUTES and not re.match(r"[\w.-]+\[", line):
            lines.append(SUBSTITUTES[name] + line[len(re.match(r"[\w.-]*", line.strip()).group()) :])  # type: ignore[union-attr]  # it matches empty as well
        elif name == "psycopg":
            lines.append(_with_driver(line))
        else:
            lines.append(line)
    if heavy:
        notes.append("libraries of machine learning were left out: they are large, and settings do not need them")
    return replace(
        request,
        wanted=replace(request.wanted, lines=tuple(lines)),
        notes=(*request.notes, *notes),
        absent=(*request.absent, *sorted(heavy)),
        left_out=request.left_out | heavy,
    )


def _with_driver(line: str) -> str:
    """psycopg with its binary part: alone it wants a system library, its C part a compiler."""
    match = re.match(r"(psycopg)\s*(?:\[([^\]]*)\])?(.*)", line, re.IGNORECASE)
    if match is None:
        return line
    extras = {one.strip() for one in (match.group(2) or "").split(",") if one.strip()} - {"c"}
    return f"{match.group(1)}[{','.join(sorted(extras | {'binary'}))}]{match.group(3)}"


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
