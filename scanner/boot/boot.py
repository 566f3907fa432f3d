"""The boot layer: from a checkout to the effective production settings, and to what falls open without environment."""

import contextlib
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from scanner.boot.attempt import Booter, Outcome, Spoilt
from scanner.boot.dependencies import Wanted, wanted_dependencies, with_server
from scanner.boot.draft import Draft
from scanner.boot.effective import settings_fact
from scanner.boot.environment import Files
from scanner.boot.failed import BootFailed
from scanner.boot.give_way import Request
from scanner.boot.install import Installer, lines_elsewhere
from scanner.boot.interpreter import Interpreter, interpreters, minor
from scanner.boot.layout import Layout, layout_of
from scanner.boot.local_settings import LocalSettings, missing_local_settings
from scanner.boot.message import failed_boot
from scanner.boot.placeholders import Placeholders
from scanner.boot.prefill import Values, with_environment
from scanner.boot.record import BootRecord, Fault
from scanner.boot.repair import Workshop, repaired
from scanner.boot.workflow_values import workflow_variables
from scanner.facts.app_servers import AppServers
from scanner.facts.boot_end import BootEnd
from scanner.facts.boot_plan import BootPlan
from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.env_files import EnvFiles
from scanner.facts.settings import CheckMessages, Distributions, EmptyEnvBoot, Settings, Urlconf
from scanner.facts.settings_choice import SettingsChoice
from scanner.facts.settings_source import SettingsSource
from scanner.facts.units import Units
from scanner.model import Layer, Location, Options, Progress, Unavailable, provider
from scanner.project import Project
from scanner.sandbox.interface import Engine, EngineFailed, Installed

MOST_ROUNDS = 24
_NEWER_PYTHON = (
    "SyntaxError",
    "cannot import name 'UTC' from 'datetime'",
    "No module named 'tomllib'",
    "cannot import name 'StrEnum'",
    "cannot import name 'Self' from 'typing'",
    "cannot import name 'override' from 'typing'",
    "unsupported operand type(s) for |",
)
"""What a newer version of Python would not say."""
_OLDER_PYTHON = (
    "No module named 'imp'",
    "No module named 'cgi'",
    "No module named 'pipes'",
    "No module named 'distutils",
)
"""What an older version would not say."""


@dataclass(frozen=True)
class Deployment:
    """What the deployment files say, as far as it could be read."""

    units: Units | None
    compose: Compose | None
    dockerfiles: Dockerfiles | None
    env_files: EnvFiles | None
    servers: AppServers | None


@dataclass(frozen=True)
class Booted:
    """What both boots gave."""

    draft: Draft
    installed: Installed
    record: BootRecord
    empty: Outcome
    source: SettingsSource | None
    local: LocalSettings | None = None


@dataclass(frozen=True)
class Tried:
    """What became of the boot: one of both is None."""

    booted: Booted | None
    failed: BootFailed | None = None


class _Partly(BootFailed):
    """The settings loaded and the applications did not: better than nothing where no other Python does better."""

    def __init__(self, failure: BootFailed, booted: Booted) -> None:
        super().__init__(failure.what, failure.hint, failure.location)
        self.booted = booted


@dataclass
class _Run:
    """One boot layer: the choices and the rounds."""

    project: Project
    options: Options
    booter: Booter
    installer: Installer
    source: SettingsSource | None
    progress: Progress
    local: LocalSettings | None
    empty: Outcome | None = None
    empty_with: Draft | None = None

    def rounds(self, draft: Draft, installed: Installed, request: Request, workshop: Workshop) -> Booted:
        """Boot, repair, boot again. Raises BootFailed."""
        begun = draft
        for number in range(MOST_ROUNDS):
            self.progress.step("booting the settings" if not number else f"booting the settings (round {number + 1})")
            outcome = self._both(draft, installed) if number == 0 else self._production(draft, installed)
            if isinstance(outcome, Spoilt):
                why = f"the settings module {draft.plan.settings_module} {outcome.why}"
                place = Location(draft.plan.settings_path) if draft.plan.settings_path else None
                raise BootFailed(why, outcome.hint, place, cut_off=outcome.cut_off)
            fault = outcome.fault
            if fault is None and outcome.settings is not None:
                return Booted(draft, installed, outcome, self._empty(draft, begun, installed), self.source, self.local)
            if fault is None:
                raise BootFailed("the settings loaded, and the boot's record lacks them")
            following = repaired(fault, draft, workshop)
            if following is None:
                raise self._unrepaired(fault, outcome, draft, installed, begun)
            if (following.requirements, following.system_packages) != (draft.requirements, draft.system_packages):
                packages = tuple(dict.fromkeys([*request.system_packages, *following.system_packages]))
                wider = replace(request, extra=following.requirements, system_packages=packages)
                installed, request = self.installer.install(wider)
            draft = following
        raise BootFailed(
            f"the settings still raised after {MOST_ROUNDS} repairs", "Give their environment with --env-file"
        )

    def _unrepaired(
        self, fault: Fault, record: BootRecord, draft: Draft, installed: Installed, begun: Draft
    ) -> BootFailed:
        """The failure; where only the applications did not load, with what the settings are all the same."""
        failure = failed_boot(fault, draft)
        if fault.stage != "setup" or record.settings is None:
            return failure
        noted = draft.note(f"{failure.what}: their checks and the routes are not known. {failure.hint}")
        empty = self._empty(draft, begun, installed)
        return _Partly(failure, Booted(noted, installed, record, empty, self.source, self.local))

    def _production(self, draft: Draft, installed: Installed) -> Outcome:
        return self.booter.production(draft.plan, installed, writable=draft.writable, marks=draft.marks)

    def _both(self, draft: Draft, installed: Installed) -> Outcome:
        """Both boots, side by side."""
        self.booter.prepare(draft.plan, installed, writable=draft.writable)
        pool = ThreadPoolExecutor(1, thread_name_prefix="empty-boot")
        try:
            empty: Future[Outcome] = pool.submit(self.booter.empty, draft.plan, installed, writable=draft.writable)
            outcome = self._production(draft, installed)
            with contextlib.suppress(EngineFailed):
                self.empty, self.empty_with = empty.result(), draft
            return outcome
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _empty(self, draft: Draft, begun: Draft, installed: Installed) -> Outcome:
        """The empty boot's outcome; once more where files had to be made for the settings to load at all."""
        same = (draft.plan.files, draft.plan.directories, draft.plan.python_path, draft.requirements) == (
            begun.plan.files, begun.plan.directories, begun.plan.python_path, begun.requirements
        )  # fmt: skip
        if self.empty is not None and same:
            return self.empty
        return self.booter.empty(draft.plan, installed, writable=draft.writable)


@provider(layer=Layer.BOOT)
def deployment(
    units: Units | None,
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
    env_files: EnvFiles | None,
    servers: AppServers | None,
) -> Deployment:
    """The facts about files that the boot reads, gathered."""
    return Deployment(units, compose, dockerfiles, env_files, servers)


@provider(layer=Layer.BOOT)
def tried(
    project: Project,
    options: Options,
    engine: Engine,
    progress: Progress,
    choice: SettingsChoice,
    source: SettingsSource | None,
    files: Deployment,
) -> Tried:
    """Install, boot with the production environment and with an empty one."""
    installer = Installer(engine, options, progress)
    booter = Booter(engine, project.checkout, options, secrets.token_hex(16))
    local = missing_local_settings(project, choice.path)
    run = _Run(project, options, booter, installer, source, progress, local)
    try:
        return Tried(_first_that_boots(run, choice, files))
    except BootFailed as error:
        return Tried(None, error)
    except EngineFailed as problem:
        return Tried(None, BootFailed(f"the {engine.name} engine failed: {problem.message}", problem.hint))


@provider(layer=Layer.BOOT)
def booted(tried: Tried) -> Booted:
    """What both boots gave. Raises BootFailed."""
    if tried.booted is None:
        raise tried.failed or BootFailed("the settings were not booted")
    return tried.booted


@provider(layer=Layer.BOOT)
def boot_end(tried: Tried) -> BootEnd:
    """Whether the boot's record is whole. Raises BootFailed where there is another reason for which there is none."""
    if tried.failed is None:
        return BootEnd()
    if not tried.failed.cut_off:
        raise tried.failed
    return BootEnd(tried.failed.cut_off, tried.failed.location)


def _first_that_boots(run: _Run, choice: SettingsChoice, files: Deployment) -> Booted:
    """Try the interpreters in turn, as long as it is the interpreter that is at fault."""
    wanted = wanted_dependencies(run.project, run.options, files.dockerfiles)
    wanted = with_server(wanted, files.servers.main.kind.value if files.servers and files.servers.main else None)
    candidates = list(interpreters(run.project, run.options, files.dockerfiles, wanted))
    if not candidates:
        raise BootFailed("no Python version is allowed by the project", "Name one with --python")
    missing: BootFailed | None = None
    failed: tuple[BootFailed, Interpreter] | None = None
    while candidates:
        one = candidates.pop(0)
        try:
            return _with_interpreter(run, choice, files, one, wanted, missing)
        except BootFailed as error:
            if error.missing_interpreter:
                missing = missing or error
            else:
                failed = failed or (error, one)
            candidates = [] if run.options.python else _others(error, one, candidates)
    if failed is not None and isinstance(failed[0], _Partly):
        return failed[0].booted
    if failed is not None:
        raise _told(failed[0], missing, failed[1])
    raise missing or BootFailed("no interpreter was tried")


def _told(error: BootFailed, missing: BootFailed | None, tried: Interpreter) -> BootFailed:
    """What to say of a failure: the Python that is not here, where that is what failed."""
    if missing is None or not any(sign in error.reason for sign in (*_NEWER_PYTHON, *_OLDER_PYTHON)):
        return error
    return BootFailed(
        f"{missing.what}; with Python {tried.version}, {error.what}", missing.hint, error.location,
        missing_interpreter=True,
    )  # fmt: skip


def _others(error: BootFailed, tried: Interpreter, candidates: list[Interpreter]) -> list[Interpreter]:
    """Which of the others may do better: any where this one is not here, else newer or older ones by the error."""
    if error.missing_interpreter:
        return candidates
    candidates = [one for one in candidates if one.allowed]
    newer = any(sign in error.reason for sign in _NEWER_PYTHON)
    older = any(sign in error.reason for sign in _OLDER_PYTHON)
    here = minor(tried.version)
    return [one for one in candidates if (newer and minor(one.version) > here) or (older and minor(one.version) < here)]


def _with_interpreter(
    run: _Run,
    choice: SettingsChoice,
    files: Deployment,
    interpreter: Interpreter,
    wanted: Wanted,
    problem: BootFailed | None,
) -> Booted:
    run.progress.step(f"installing {len(wanted.lines)} requirements for Python {interpreter.version}")
    installed, request = run.installer.install(Request(wanted, interpreter.version))
    placeholders = Placeholders(wanted.names)
    layout = layout_of(run.project, files.units, files.compose, files.dockerfiles, files.servers)
    notes = [*wanted.notes, *request.notes, *installed.notes]
    if problem is not None:
        notes.append(f"Python {interpreter.version} was taken: {problem.what}")
    draft = Draft(_plan(run, choice, layout, interpreter, wanted.reason, tuple(notes)))
    about = Files(run.project, files.units, files.compose, files.dockerfiles, files.env_files, files.servers)
    by_ci = workflow_variables(run.project)
    draft = with_environment(draft, about, run.options, run.source, choice, Values(placeholders, by_ci))
    draft = draft.note(run.local.note) if run.local else draft
    elsewhere = lines_elsewhere(run.project)
    workshop = Workshop(
        project=run.project,
        source=run.source,
        placeholders=placeholders,
        available={name: line for name, line in elsewhere.items() if name not in request.left_out},
        left_out=request.left_out,
        can_add_system_packages=run.installer.engine.name == "docker",
        by_ci=by_ci,
    )
    return run.rounds(draft, installed, request, workshop)


def _plan(
    run: _Run,
    choice: SettingsChoice,
    layout: Layout,
    interpreter: Interpreter,
    dependencies: str,
    notes: tuple[str, ...],
) -> BootPlan:
    root = layout.place(choice.root)
    path = [layout.directory, *([root] if root else [])]
    source = layout.place(str(PurePosixPath(run.project.path, "src")))
    if source and any(name.startswith(run.project.inside("src/")) for name in run.project.files):
        path.append(source)
    return BootPlan(
        settings_module=choice.module,
        settings_reason=choice.reason,
        settings_path=choice.path,
        directory=layout.directory,
        root=layout.root,
        trees=layout.trees,
        python_path=tuple(dict.fromkeys(path)),
        variables=(),
        python_reason=interpreter.reason,
        dependencies_reason=dependencies,
        notes=notes,
    )


@provider(layer=Layer.BOOT)
def installed(boot: Booted) -> Installed:
    """The Python environment in which the settings loaded."""
    return boot.installed


@provider(layer=Layer.BOOT)
def boot_plan(boot: Booted) -> BootPlan:
    """With what the settings loaded."""
    return boot.draft.plan


@provider(layer=Layer.BOOT)
def settings(boot: Booted) -> Settings:
    """The effective settings of the production environment."""
    if boot.record.settings is None:
        raise BootFailed("the boot's record lacks the settings")
    return settings_fact(boot.record.settings, boot.draft, boot.source, boot.record.effective, boot.local)


@provider(layer=Layer.BOOT)
def empty_environment(boot: Booted) -> EmptyEnvBoot:
    """What falls open when no variable is set."""
    empty = boot.empty
    if isinstance(empty, Spoilt):
        return EmptyEnvBoot(booted=False, error=f"the settings {empty.why}")
    fault: Fault | None = empty.fault
    found = empty.settings
    if found is None:
        return EmptyEnvBoot(booted=False, error=fault.text if fault else "no settings")
    debug = found.values.get("DEBUG")
    hosts = found.values.get("ALLOWED_HOSTS")
    listed = hosts.value if hosts and isinstance(hosts.value, list) else []
    production = boot.record.settings.key_digest if boot.record.settings else ""
    return EmptyEnvBoot(
        booted=True,
        error="",
        debug=bool(debug.value) if debug else None,
        allowed_hosts=tuple(one for one in listed if isinstance(one, str)),
        secret_key=found.secrets.get("SECRET_KEY"),
        same_secret_key=bool(found.key_digest) and found.key_digest == production,
    )


@provider(layer=Layer.BOOT)
def check_messages(boot: Booted) -> CheckMessages:
    """What Django's checks said."""
    if boot.record.checks is None:
        raise Unavailable(_why("the checks", boot.record, "checks"))
    return boot.record.checks


@provider(layer=Layer.BOOT)
def urlconf(boot: Booted) -> Urlconf:
    """The routes."""
    if boot.record.urls is None:
        raise Unavailable(_why("the URL configuration", boot.record, "urls"))
    return boot.record.urls


@provider(layer=Layer.BOOT)
def distributions(boot: Booted) -> Distributions:
    """What is installed."""
    if boot.record.distributions is None:
        raise Unavailable("the boot did not list what is installed")
    return boot.record.distributions


def _why(what: str, record: BootRecord, stage: str) -> str:
    fault = next((one for one in record.faults if one.stage in {stage, "setup"}), None)
    return f"{what} could not be loaded: {fault.text}" if fault else f"the boot did not get to {what}"
