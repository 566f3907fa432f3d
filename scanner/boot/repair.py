"""From the exception of one boot to the plan of the next."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from scanner.boot.absent import stand_in
from scanner.boot.draft import Draft
from scanner.boot.placeholders import Placeholders
from scanner.boot.record import Fault
from scanner.boot.repair_modules import DISTRIBUTIONS, Offers, repair_module
from scanner.facts.boot_plan import MadeFile, Override, Variable, VariableSource
from scanner.facts.settings_source import SettingsSource
from scanner.model import clean_block
from scanner.project import Project

MOST_AT_ONCE = 40


@dataclass(frozen=True)
class Workshop:
    """What repairs work with."""

    project: Project
    source: SettingsSource | None
    placeholders: Placeholders
    available: dict[str, str]
    """Requirement lines that other files of the project name: normalised name -> line."""
    left_out: frozenset[str]
    """Normalised names of what could not be installed."""
    can_add_system_packages: bool
    by_ci: Mapping[str, Variable] = field(default_factory=dict)
    """What the project's own tests run with."""

    def reads(self, name: str) -> list[str]:
        """Variables of the source with that name in any case."""
        known = self.source.environment_reads if self.source else {}
        return [one for one in known if one.upper() == name.upper()]

    def fill(self, draft: Draft, name: str, why: str, hint: str = "") -> Draft:
        """The draft with a placeholder for that variable."""
        if name in self.by_ci and not hint and draft.plan.variable(name) is None:
            return draft.variable(self.by_ci[name])
        reads = [one for one in (self.source.reads if self.source else ()) if one.variable == name]
        made = self.placeholders.make(name, reads, hint)
        location = self.source.environment_reads.get(name) if self.source else None
        return draft.variable(Variable(name, made.value, VariableSource.PLACEHOLDER, why, location, made.mark))


Repair = Callable[[Fault, Draft, Workshop], Draft | None]


def repaired(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """The next draft; None where nothing here can help."""
    for repair in _REPAIRS:
        found = repair(fault, draft, workshop)
        if found is not None:
            return found
    return None


def place_of(fault: Fault, draft: Draft) -> tuple[str, int] | None:
    """The last line of the project's own code through which the exception came: path in the checkout and line."""
    for frame in reversed(fault.frames):
        path = draft.plan.in_checkout(frame.file)
        if path is not None and "site-packages" not in path:
            return path, frame.line
    return None


def _why(fault: Fault, draft: Draft) -> str:
    place = place_of(fault, draft)
    kind = fault.kind.rpartition(".")[2]
    return f"{kind} in {place[0]}:{place[1]}" if place else f"{kind} while the settings loaded"


_NAMED = (
    re.compile(r"KeyError: ['\"]([A-Za-z_][A-Za-z0-9_]*)['\"]"),
    re.compile(r"[Ss]et the ([A-Za-z_]\w*) environment variable"),
    re.compile(r"Environment variable ['\"]([A-Za-z_]\w*)['\"] (?:not set|is not set)"),
    re.compile(r"([A-Za-z_]\w*) not found\. Declare it as envvar"),
    re.compile(r"Either ([A-Z_][A-Z0-9_]*) or [A-Z_][A-Z0-9_]* must be set"),
    re.compile(r"[Ee]nvironment variable:? ['\"`]?([A-Z][A-Z0-9_]{2,})"),
    re.compile(r"[Ee]nv(?:ironment)? var(?:iable)?s? ['\"`]?([A-Z][A-Z0-9_]{2,})"),
)
_PYDANTIC = re.compile(r"(\w+)\s+Field required")


def _texts(fault: Fault) -> tuple[str, ...]:
    return (fault.text, *fault.causes)


def _missing_variable(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    names: list[str] = []
    for text in _texts(fault):
        names += [match.group(1) for pattern in _NAMED for match in pattern.finditer(text)]
        if "Field required" in text:
            names += [_pydantic_name(match.group(1), workshop) for match in _PYDANTIC.finditer(text)]
    chosen = draft
    for name in dict.fromkeys(names[:MOST_AT_ONCE]):
        exact = workshop.reads(name)
        variable = exact[0] if exact else name
        if chosen.plan.variable(variable) is None and (exact or variable.isupper()):
            chosen = workshop.fill(chosen, variable, _why(fault, draft))
    return chosen if chosen is not draft else None


def _pydantic_name(field: str, workshop: Workshop) -> str:
    known = workshop.source.environment_reads if workshop.source else {}
    wanted = field.upper()
    ends = [one for one in known if one.upper() == wanted or one.upper().endswith(f"_{wanted}")]
    return min(ends, key=len) if ends else wanted


def _refused_value(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """A placeholder of the wrong kind: its mark stands in the message, or the cause names the kind."""
    texts = " ".join(_texts(fault))
    marked = next((one for one in draft.plan.variables if one.mark and one.mark.lower() in texts.lower()), None)
    if marked is None and re.search(r"JSONDecodeError|ValueError|SyntaxError|malformed", texts):
        marked = _read_near(fault, draft, workshop)
    if marked is None:
        return None
    tried = draft.hints.get(marked.name, ())
    hint = next((one for one in _kinds(texts) if one not in tried), None)
    if hint is None:
        return None
    next_draft = workshop.fill(draft, marked.name, _why(fault, draft), hint)
    return replace(next_draft, hints={**draft.hints, marked.name: (*tried, hint)})


def _read_near(fault: Fault, draft: Draft, workshop: Workshop) -> Variable | None:
    """The placeholder that is read in the last line of the project through which the exception came."""
    place = place_of(fault, draft)
    for one in workshop.source.reads if workshop.source and place else ():
        if place and one.location.path == place[0] and abs(one.location.line - place[1]) <= 1:
            known = draft.plan.variable(one.variable)
            if known is not None and known.mark:
                return known
    return None


def _kinds(text: str) -> Iterator[str]:
    for pattern, kind in (
        (r"invalid literal for int|not a valid integer|valid integer", "int"),
        (r"convert string to float|valid number", "float"),
        (r"truth value|boolean|not a boolean|valid bool", "env-bool"),
        (r"JSON|Expecting value", "json"),
        (r"[Uu]nknown level", "log_level"),
        (r"badly formed hexadecimal UUID|UUID", "uuid"),
        (r"scheme|URL|url|unpack", "url"),
    ):
        if re.search(pattern, text):
            yield kind
    yield from ("int", "env-bool", "url", "json", "path", "db")


def _empty_key(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    match = re.search(r"The (\w+) setting must not be empty|SECRET_KEY.{0,30}(?:missing|required|empty)", fault.text)
    if not match:
        return None
    setting = match.group(1) or "SECRET_KEY"
    winner = workshop.source.winner(setting) if workshop.source else None
    names = [winner.variable] if winner and winner.variable else []
    names += [one for one in ("SECRET_KEY", "DJANGO_SECRET_KEY") if workshop.reads(one)]
    for name in names:
        known = draft.plan.variable(name)
        if known is None or (known.source.invented and not known.mark):
            return workshop.fill(draft, name, f"{setting} must not be empty")
    ready = draft.once(f"override {setting}")
    if ready is None:
        return None
    made = workshop.placeholders.make("SECRET_KEY")
    why = f"nothing in the repository sets {setting}"
    return ready.override(Override(setting, json.dumps(made.value), why)).note(why)


def _named_in_message(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """A guard of the project's own: upper-case words of its message that are variables which the settings read."""
    known = workshop.source.environment_reads if workshop.source else {}
    chosen = draft
    for text in _texts(fault):
        for word in re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", text)[:MOST_AT_ONCE]:
            names = [one for one in known if one == word or one.endswith(f"_{word}")]
            for name in names[:1]:
                current = chosen.plan.variable(name)
                key = f"guard {name}"
                if current is not None and current.source is not VariableSource.SAMPLE:
                    continue
                ready = chosen.once(key)
                if ready is not None:
                    chosen = workshop.fill(ready, name, _why(fault, draft))
    return chosen if chosen is not draft else None


def _none_value(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """``os.environ.get("X")`` gave None: X stands in the line of the traceback."""
    if not re.search(r"NoneType|expected str, bytes or os\.PathLike|Invalid None|must be str", fault.text):
        return None
    chosen = draft
    for frame in reversed(fault.frames):
        path = draft.plan.in_checkout(frame.file)
        if path is None:
            continue
        for one in workshop.source.reads if workshop.source else ():
            near = one.location.path == path and abs(one.location.line - frame.line) <= 3
            if near and chosen.plan.variable(one.variable) is None:
                chosen = workshop.fill(chosen, one.variable, _why(fault, draft))
    return chosen if chosen is not draft else _all_that_is_none(fault, draft, workshop)


def _all_that_is_none(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """A library stumbles over None somewhere: give every setting that a variable without default decides a value."""
    ready = draft.once("fill everything")
    chosen = ready
    for one in workshop.source.reads if workshop.source else ():
        if chosen is not None and one.required and one.setting and chosen.plan.variable(one.variable) is None:
            chosen = workshop.fill(chosen, one.variable, _why(fault, draft))
    return chosen if chosen is not ready else None


def _database_driver(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    del workshop
    wanted = re.search(
        r"Error loading (?:MySQLdb|psycopg|cx_Oracle|oracledb)|Did you install (?:mysqlclient|psycopg)"
        r"|pymssql|mssql|ibm_db|isn't an available database backend"
        r"|No module named '(?:MySQLdb|psycopg2?|oracledb|cx_Oracle)'"
        r"|GDAL library|SpatiaLite|mod_spatialite",
        " ".join(_texts(fault)),
    )
    ready = draft.once("override DATABASES") if wanted else None
    if ready is None:
        return None
    value = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/tmp/seatrial.sqlite3"}}
    why = "the database's driver is not installed: SQLite takes its place"
    return ready.override(Override("DATABASES", json.dumps(value), why)).note(why)


def _logging(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    del workshop
    if not re.search(r"Unable to configure (?:handler|formatter|logger|root|filter)", " ".join(_texts(fault))):
        return None
    ready = draft.once("override LOGGING_CONFIG")
    why = f"logging could not be configured here ({clean_block(fault.text, 120)}): it is left out"
    return ready.override(Override("LOGGING_CONFIG", "null", why)).note(why) if ready else None


_SYSTEM = frozenset(
    {
        *(
            "/",
            "/bin",
            "/boot",
            "/dev",
            "/etc",
            "/home",
            "/lib",
            "/lib64",
            "/mnt",
            "/opt",
            "/proc",
            "/root",
            "/sbin",
            "/srv",
        ),
        *("/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/local/share"),
        *("/usr/share", "/var", "/var/lib", "/seatrial", "/opt/seatrial"),
    }
)
"""A file system of its own there would hide what the process needs."""
_PATH = re.compile(r"(?:No such file or directory|Permission denied|Read-only file system)[^'\"]*['\"]([^'\"]+)['\"]")


def _path(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """A file or directory that is missing, or a place that cannot be written to."""
    for text in _texts(fault):
        match = _PATH.search(text)
        if not match or match.group(1).startswith("/seatrial"):
            continue
        path = PurePosixPath(draft.plan.directory, match.group(1))
        in_tree = draft.plan.in_checkout(str(path)) is not None
        if "No such file" in text:
            made = _example_file(draft, workshop, path) if in_tree else None
            if made is not None:
                return made
        parent = str(path.parent if path.suffix or "No such file" in text else path)
        for place in dict.fromkeys([parent, str(path)]):
            ready = draft.once(f"directory {place}")
            if ready is None or place in _SYSTEM:
                continue
            return ready.directory(place).note(f"{place} was made (the deployment would have it)")
        whole = draft.once("writable") if in_tree else None
        if whole is not None:
            return replace(whole, writable=True).note("the checkout's copy was made writable")
    if re.search(r"unable to open database file|attempt to write a readonly", " ".join(_texts(fault))):
        ready = draft.once("writable")
        if ready is not None:
            return _database_directories(replace(ready, writable=True), workshop)
    return None


def _database_directories(draft: Draft, workshop: Workshop) -> Draft:
    winner = workshop.source.winner("DATABASES.default.NAME") if workshop.source else None
    text = winner.literal or "" if winner else ""
    for word in (*re.findall(r"['\"]([\w./-]+)/[\w.-]+['\"]", text), "data", "db", "var"):
        if not word.startswith("/"):
            draft = draft.directory(str(PurePosixPath(draft.plan.directory, word)))
    return draft.note("the SQLite file's directory was made")


def _example_file(draft: Draft, workshop: Workshop, path: PurePosixPath) -> Draft | None:
    """A file that people copy from an example of the repository."""
    wanted = draft.plan.in_checkout(str(path))
    if wanted is None:
        return None
    stem, suffix = PurePosixPath(wanted).stem, PurePosixPath(wanted).suffix
    directory = str(PurePosixPath(wanted).parent)
    pattern = re.compile(
        re.escape("" if directory == "." else f"{directory}/")
        + rf"(?:{re.escape(stem + suffix)}[._-]\w+|{re.escape(stem)}[._-](?:example|sample|template|dist|default)\w*"
        + rf"{re.escape(suffix)}|(?:example|sample)[._-]{re.escape(stem + suffix)})"
    )
    for candidate in workshop.project.checkout.files:
        if pattern.fullmatch(candidate):
            ready = draft.once(f"example {candidate}")
            if ready is not None:
                content = workshop.project.read_bytes(candidate)
                why = f"{wanted} was made from {candidate}"
                return ready.file(MadeFile(str(path), content, why)).note(why)
    return None


_NO_METADATA = re.compile(
    r"No package metadata was found for ['\"]?([\w.-]+)|The ['\"]([\w.-]+)['\"] distribution was not found"
)


def _metadata(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    """``importlib.metadata.version("the project itself")``: it is not installed, its metadata can be made."""
    del workshop
    match = _NO_METADATA.search(" ".join(_texts(fault)))
    name = (match.group(1) or match.group(2)) if match else None
    ready = draft.once(f"metadata {name}") if name else None
    if ready is None or name is None:
        return None
    place = "/seatrial/site"
    folder = f"{place}/{re.sub(r'[-_.]+', '_', name)}-0.0.0.dist-info"
    content = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.0\n".encode()
    why = f"the project itself ({name}) is not installed: its metadata was made"
    return ready.file(MadeFile(f"{folder}/METADATA", content, why)).path(place).note(why)


_CONFIGURATION = re.compile(r"[Cc]onfiguration module \(?['\"]?([\w.]+)['\"]?\)? not found")


def _module(fault: Fault, draft: Draft, workshop: Workshop) -> Draft | None:
    known = {
        module: name
        for module, name in DISTRIBUTIONS.items()
        if re.split(r"[\[<=]", name)[0].lower() not in workshop.left_out
    }
    offers = Offers(known, workshop.available, system=workshop.can_add_system_packages)
    named = _CONFIGURATION.search(fault.text)
    if named:  # the project's own words for a module that is missing
        fault = replace(fault, missing=named.group(1), text=f"{fault.text} No module named '{named.group(1)}'")
    known_name = re.search(r"No module named '([\w.]+)'", fault.text)
    absent = stand_in(fault, known_name.group(1), draft, workshop.left_out) if known_name else None
    return absent or repair_module(fault, draft, workshop.project, workshop.placeholders, offers)


_REPAIRS: tuple[Repair, ...] = (
    _metadata,
    _missing_variable,
    _refused_value,
    _empty_key,
    _logging,
    _database_driver,
    _module,
    _path,
    _named_in_message,
    _none_value,
)
