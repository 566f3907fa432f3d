"""What to try next where dependencies cannot be installed: a build, older tools for it, another version, less."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner.boot.dependencies import Wanted, name_of
from scanner.model import quoted
from scanner.sandbox.interface import InstallFailed

SUBSTITUTES: Mapping[str, str] = {"psycopg2": "psycopg2-binary", "psycopg-c": "psycopg-binary"}
_COMPILERS = ("build-essential", "pkg-config", "libffi-dev")
_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "gdal": ("libgdal-dev",),
    "lxml": ("libxml2-dev", "libxslt1-dev"),
    "mysqlclient": ("default-libmysqlclient-dev",),
    "pillow": ("libjpeg-dev", "zlib1g-dev"),
    "psycopg": ("libpq-dev",),
    "psycopg-c": ("libpq-dev",),
    "psycopg2": ("libpq-dev",),
    "psycopg2-binary": ("libpq-dev",),
    "pycairo": ("libcairo2-dev",),
    "pycurl": ("libcurl4-openssl-dev", "libssl-dev"),
    "pygraphviz": ("libgraphviz-dev",),
    "pylibmc": ("libmemcached-dev", "zlib1g-dev"),
    "pyodbc": ("unixodbc-dev",),
    "python-ldap": ("libldap-dev", "libsasl2-dev"),
    "ssdeep": ("libfuzzy-dev",),
    "xmlsec": ("libxml2-dev", "libxmlsec1-dev", "libxmlsec1-openssl"),
}
"""What a build needs, by Debian's names."""
_SOURCE_ONLY = frozenset({"mysqlclient", "python-ldap", "pycairo", "pygraphviz", "pylibmc", "gdal", "ssdeep", "pycurl"})
"""They have extension modules and no wheels for Linux (or had none for long)."""
_COMPILED = frozenset({
    "aiohttp", "argon2-cffi", "backports-zoneinfo", "bcrypt", "brotli", "cffi", "charset-normalizer", "cryptography",
    "cython", "ddtrace", "frozenlist", "gevent", "greenlet", "grpcio", "hiredis", "httptools", "jiter", "kiwisolver",
    "levenshtein", "lxml", "markupsafe", "matplotlib", "msgpack", "multidict", "mypy", "newrelic", "numpy", "orjson",
    "pandas", "pillow", "psutil", "psycopg-binary", "psycopg2-binary", "pycryptodome", "pycryptodomex",
    "pydantic-core", "pymssql", "pynacl", "python-levenshtein", "pyyaml", "pyzmq", "rapidfuzz", "rcssmin", "regex",
    "reportlab", "rjsmin", "rpds-py", "ruamel-yaml-clib", "scikit-learn", "scipy", "setproctitle", "simplejson",
    "sqlalchemy", "tiktoken", "tokenizers", "ujson", "uvloop", "watchfiles", "wrapt", "yarl", "zope-interface",
    "zstandard",
})  # fmt: skip
"""They have wheels, but those of a release are for the Pythons of its day: the nearest release that has one for this
Python costs seconds, a build of the pinned one minutes, and settings do not depend on which it is."""
_TOOLS: tuple[tuple[str, ...], ...] = (
    ("setuptools<81", "Cython<3.1"),
    ("setuptools<70", "Cython<3.1"),
    ("setuptools<58", "Cython<3"),
)
"""For builds: what the build steps of each age expect. The last does not run on Python 3.12."""


@dataclass(frozen=True)
class Request:
    """What is to be installed, and how far it has been given way."""

    wanted: Wanted
    python: str
    builds: bool = False
    tools: int = 0
    """How old the tools are that builds get."""
    system_packages: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    """Normalised names of what could not be installed."""
    absent: tuple[str, ...] = ()
    """Dependencies of dependencies that are left out."""

    @property
    def asked(self) -> frozenset[str]:
        """Normalised names of what is asked for."""
        return frozenset(name_of(line) for line in (*self.wanted.lines, *self.extra))

    @property
    def build_constraints(self) -> tuple[str, ...]:
        """Versions of what builds are made with."""
        return _TOOLS[self.tools]


def following(request: Request, problem: InstallFailed, *, can_build: bool) -> Request | None:
    """What to try after a failure; None where nothing is left."""
    never_helps = ("cannot be reached" in problem.hint, "--ca-bundle" in problem.hint)
    if problem.message.startswith("needs Python") or any(never_helps):
        return None
    name = _at_fault(request, problem)
    newer = _with_wheels(request, name, problem.output)
    if newer is not None:
        return newer
    if not request.builds:
        if can_build and not _NO_SUCH_VERSION.search(problem.output):
            return _with_builds(request)
    else:
        better = _with_compilers(request, name, problem.output) or _with_older_tools(request, problem.output)
        if better is not None:
            return better
    for step in (_without_inner, _without_pin, _without, _without_constraints, _without_what_is_named):
        found = step(request, name, problem.output)
        if found is not None:
            return found
    return None


def _with_wheels(request: Request, name: str, output: str) -> Request | None:
    """Newer releases that have wheels, of what is known to have them."""
    failed = {name_of(match.group(1)) for match in _NO_WHEEL.finditer(output)}
    names = (failed | ({name} if request.builds else set())) & _COMPILED
    lines, notes = [], []
    for line in request.wanted.lines:
        pinned = re.match(r"([\w.-]+(?:\[[^\]]*\])?)\s*===?\s*([\w.!+]+)(?![.*])(.*)", line)
        if pinned and name_of(line) in names:
            lines.append(f"{pinned.group(1)}>={pinned.group(2)}{pinned.group(3)}")
            notes.append(f"{quoted(line)} could not be had: another version of it was taken")
        else:
            lines.append(line)
    if not notes:
        return None
    return replace(request, wanted=replace(request.wanted, lines=tuple(lines)), notes=(*request.notes, *notes))


def _with_builds(request: Request) -> Request:
    known = sorted(_SOURCE_ONLY & request.asked)
    packages = {one for name in known for one in (*_COMPILERS, *_SYSTEM.get(name, ()))}
    return replace(request, builds=True, system_packages=tuple(sorted({*request.system_packages, *packages})))


_WANTS_COMPILER = re.compile(
    r"gcc.{0,20}(?:failed|No such file|not found)|unable to execute"
    r"|No such file or directory: '(?:gcc|cc|g\+\+|c\+\+|make)'"
    r"|command '[^']*(?:gcc|g\+\+|cc)' failed|[Uu]nable to find .{0,20}compiler|Python\.h|Unknown compiler"
    r"|(?:pg_config|mysql_config|pkg-config|pkg_config|xmlsec1|curl-config)\b.{0,40}(?:not found|is required|name)"
    r"|fatal error: \S+\.h|cannot find -l|Can not find valid pkg-config|install the development packages",
)


def _with_compilers(request: Request, name: str, output: str) -> Request | None:
    """With a compiler and the headers of what failed, where a build asked for them."""
    if not _WANTS_COMPILER.search(output):
        return None
    packages = {*_COMPILERS, *_SYSTEM.get(name, ())}
    if packages <= set(request.system_packages):
        return None
    return replace(request, system_packages=tuple(sorted({*request.system_packages, *packages})))


def _with_older_tools(request: Request, output: str) -> Request | None:
    """With the tools of an older age, where a build step broke on those of today."""
    broken = re.search(r"build_meta|use_2to3|setup\.py|egg_info|pkg_resources|distutils|bdist_wheel|Cython", output)
    at = request.tools + 1
    minor = int(request.python.partition(".")[2] or 0)
    if not broken or at >= len(_TOOLS) or (minor >= 12 and at == len(_TOOLS) - 1):
        return None
    if _WANTS_COMPILER.search(output) or "ResolutionImpossible" in output:
        return None
    return replace(request, tools=at)


_NO_SUCH_VERSION = re.compile(r"there is no version of ([A-Za-z0-9][\w.-]*?)(?:\[|[<>=!~]|\s|$)")
_NO_WHEEL = re.compile(r"(?<![\w.=])([A-Za-z][\w.-]*?)(?:[<>=!~]\S*)? (?:has|have) no usable wheels")
_NOT_FOUND = re.compile(r"[Bb]ecause ([A-Za-z0-9][\w.-]*?) was not found in the package registry")


def _at_fault(request: Request, problem: InstallFailed) -> str:
    """The normalised name of the requirement at fault; empty where the output names none of ours."""
    asked = request.asked
    for pattern in (_NO_SUCH_VERSION, _NOT_FOUND, _NO_WHEEL):
        for match in pattern.finditer(problem.output):
            if name_of(match.group(1)) in asked:
                return name_of(match.group(1))
    return name_of(problem.package)


def _without_inner(request: Request, name: str, output: str) -> Request | None:
    """Without a dependency of a dependency that cannot be had: what needs it may load without."""
    failed = [name_of(match.group(1)) for match in _NO_WHEEL.finditer(output)]
    for inner in [*failed, *([name] if request.builds else [])]:
        if inner and inner not in request.asked and inner not in request.absent and inner != "django":
            substitute = SUBSTITUTES.get(inner)
            return replace(
                request,
                absent=(*request.absent, inner),
                extra=(*request.extra, *([substitute] if substitute and substitute not in request.asked else [])),
                notes=(*request.notes, f"{inner}, which others depend on, could not be installed: it was left out"),
                left_out=request.left_out | {inner},
            )
    return None


def _without_pin(request: Request, name: str, output: str) -> Request | None:
    """A later version of it: its own has no wheel for this Python, or contradicts the others."""
    missing = {name_of(match.group(1)) for match in _NO_SUCH_VERSION.finditer(output)}
    if not name or name == "django" or name in missing:
        return None
    for line in request.wanted.lines:
        bare = re.match(r"[\w.-]+(?:\[[^\]]*\])?", line)
        said = line.partition(";")[0]
        if name_of(line) != name or not bare or re.fullmatch(r"[^=<>~!]*(?:>=\s*[\w.!]+)?\s*", said):
            continue  # every later version is allowed already
        pinned = re.search(r"==\s*([\w.!]+)(?![\w.*])", said)
        # Not an earlier one: that would be of another age of Django.
        later = bare.group() + (f">={pinned.group(1)}" if pinned else "")
        lines = tuple(later if one == line else one for one in request.wanted.lines)
        note = f"{quoted(line)} could not be had: another version of it was taken"
        return replace(request, wanted=replace(request.wanted, lines=lines), notes=(*request.notes, note))
    return None


def _without(request: Request, name: str, output: str) -> Request | None:
    """Without the requirement at fault."""
    del output
    asked = request.asked
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
