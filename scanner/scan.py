"""The pipeline: checkout, projects, facts layer by layer, rules, verdicts, one report."""

import contextlib
import datetime as dt
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import FrameType
from typing import TypeVar

from scanner import __version__
from scanner.config import Config
from scanner.engine import BrokenProvider, Facts, discover_providers, discover_rules, judge
from scanner.facts.boot_plan import BootPlan
from scanner.facts.live_stack import LiveStack
from scanner.facts.proxy_test import MessageClass, ProxyTest
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.facts.unreadable import UnreadableFiles
from scanner.model import (
    ControlFailed,
    Exchange,
    Gate,
    Layer,
    LayerMissing,
    LayerReport,
    LayerStatus,
    Options,
    Outcome,
    PendingSuppression,
    Progress,
    ProjectReport,
    ProviderSpec,
    Report,
    RequestPath,
    Rule,
    Run,
    ScopeClass,
    Target,
    Unavailable,
)
from scanner.pins import pin, started_hops
from scanner.policy import Policy, ScopeOf, exit_code, stamp, summarise
from scanner.project import Checkout, Project, find_projects, read_checkout
from scanner.sandbox.interface import Engine
from scanner.sandbox.select import choose
from scanner.suppressions import in_force

T = TypeVar("T")

RULES_URL = "https://github.com/seatrial/seatrial/blob/main/docs/rules/"


class TimeUp(BaseException):
    """The scan's time is over. Not an Exception: no provider may take it for a fault of its own."""


@dataclass(frozen=True)
class _Kit:
    """What all projects of one scan share."""

    config: Config
    progress: Progress
    engine: Engine | Unavailable
    engine_notes: tuple[str, ...]
    providers: Mapping[type, ProviderSpec]
    rules: tuple[Rule, ...]
    deadline: float
    """On the monotonic clock."""


def scan(config: Config, progress: Progress, target: Target, run: Run) -> Report:
    """Scan a checkout.

    Raises SeatrialError when there is nothing to scan; everything that fails later is told in the report.
    """
    begun = time.monotonic()
    started = dt.datetime.now(tz=dt.UTC)
    progress.step("reading the checkout")
    checkout = read_checkout(config.path)
    projects = find_projects(checkout, config.projects)
    with contextlib.ExitStack() as cleanup:
        engine, notes = _engine(config, cleanup)
        kit = _Kit(
            config=config,
            progress=progress,
            engine=engine,
            engine_notes=notes,
            providers=discover_providers(),
            rules=discover_rules(),
            deadline=begun + config.options.timeout,
        )
        scanned = [_scan_project(project, kit) for project in projects]
    reports = tuple(one.report for one in scanned)
    summary = summarise(reports)
    layers = [layer for report in reports for layer in report.layers]
    fail_on = config.fail_on.word if config.fail_on is not None else "never"
    return Report(
        version=__version__,
        target=replace(target, commit=checkout.commit, dirty=checkout.dirty),
        gate=Gate(fail_on, config.scope or "all"),
        projects=reports,
        summary=summary,
        exit_code=exit_code(summary, layers, unreadable=any(one.unreadable for one in scanned)),
        run=replace(run, started=started.strftime("%Y-%m-%dT%H:%M:%SZ"), seconds=round(time.monotonic() - begun, 3)),
        pending=tuple(one for each in scanned for one in each.pending),
        notices=(*config.notices, *checkout.notes),
        rules_url=RULES_URL,
        exchanges=tuple(exchange for one in scanned for exchange in one.exchanges),
    )


def _engine(config: Config, cleanup: contextlib.ExitStack) -> tuple[Engine | Unavailable, tuple[str, ...]]:
    if config.layers == (Layer.FILES,):
        return LayerMissing("only the files layer was asked for"), ()
    if config.engine == "none":
        return LayerMissing("no engine: --engine none"), ()
    engine, reasons = choose(config.engine, config.options)
    if engine is None:
        return LayerMissing("no engine: " + "; ".join(reasons)), ()
    cleanup.callback(engine.close)
    return engine, tuple(reasons)


@dataclass(frozen=True)
class _Scanned:
    report: ProjectReport
    unreadable: bool
    exchanges: tuple[Exchange, ...]
    pending: tuple[PendingSuppression, ...]


def _scan_project(project: Project, kit: _Kit) -> _Scanned:
    options = kit.config.options
    with contextlib.ExitStack() as cleanup:
        facts = Facts(
            kit.providers,
            {
                Project: project.with_options(options),
                Checkout: project.checkout,
                Options: options,
                Engine: kit.engine,
                Progress: kit.progress,
                contextlib.ExitStack: cleanup,
            },
            kit.config.layers,
        )
        layers = _run_layers(facts, kit)
        kit.progress.step(f"{project.name}: judging")
        outcomes = [(rule, judge(rule, facts)) for rule in kit.rules]
        return _told(project, kit, facts, layers, outcomes)


def _told(
    project: Project,
    kit: _Kit,
    facts: Facts,
    layers: tuple[LayerReport, ...],
    outcomes: list[tuple[Rule, Outcome]],
) -> _Scanned:
    settings = _known(facts, Settings)
    topology = _known(facts, Topology)
    stack = _known(facts, LiveStack)
    unreadable = _known(facts, UnreadableFiles)
    suppressions = in_force(project, kit.config.ignores, outcomes, kit.config.comparison)
    policy = Policy(
        fail_on=kit.config.fail_on,
        today=dt.datetime.now(tz=dt.UTC).date(),
        suppressions=suppressions.holding,
        baseline=kit.config.known,
    )
    path = started_hops(topology.request_path, stack is not None) if topology else RequestPath()
    report = ProjectReport(
        name=project.name,
        path=project.path,
        settings=settings.module if settings else "",
        engine="none" if isinstance(kit.engine, Unavailable) else kit.engine.name,
        layers=layers,
        placeholders=settings.placeholders if settings else (),
        results=tuple(
            replace(result, findings=tuple(replace(one, hop=pin(path, result.topic, one)) for one in result.findings))
            for result in stamp(project.path, outcomes, policy, _scopes(project, facts))
        ),
        request_path=path,
        settings_reason=settings.settings_reason if settings else "",
    )
    return _Scanned(
        report,
        unreadable=bool(unreadable and unreadable.files),
        exchanges=stack.sender.finished if stack else (),
        pending=suppressions.pending,
    )


def _known(facts: Facts, kind: type[T]) -> T | None:
    try:
        return facts.get(kind)
    except (Unavailable, ControlFailed, BrokenProvider):
        return None


def _scopes(project: Project, facts: Facts) -> ScopeOf:
    """The classifier, told which settings files the boot really used."""
    source = _known(facts, SettingsSource)
    booted = _known(facts, Settings)
    known = project.with_options(facts.get(Options))
    if source and booted:
        known = known.with_given(source.files, f"read by the settings module {booted.module}")

    def scope_of(path: str) -> tuple[ScopeClass, str]:
        scope = known.scope(path)
        return scope.klass, scope.reason

    return scope_of


def _run_layers(facts: Facts, kit: _Kit) -> tuple[LayerReport, ...]:
    reports = []
    for layer in Layer:
        begun = time.monotonic()
        if layer not in kit.config.layers:
            status, detail = LayerStatus.NOT_RUN, "not asked for"
        else:
            status, detail = _run_layer(layer, facts, kit)
        reports.append(
            LayerReport(
                name=layer,
                status=status,
                detail=detail,
                seconds=round(time.monotonic() - begun, 3),
                asked_for=layer in kit.config.layers,
                allowed_to_miss=not kit.config.missing_layer_fails or kit.config.engine == "none",
                notes=_notes(layer, facts, kit) if layer in kit.config.layers else (),
            )
        )
    return tuple(reports)


def _run_layer(layer: Layer, facts: Facts, kit: _Kit) -> tuple[LayerStatus, str]:
    try:
        with _until(kit.deadline):
            match layer:
                case Layer.FILES:
                    return _files(facts)
                case Layer.BOOT:
                    return _boot(facts, kit)
                case Layer.STACK:
                    return _stack(facts, kit)
    except TimeUp:
        reason = f"stopped after {kit.config.options.timeout:.0f} s (--timeout)"
        facts.stop(reason)
        return LayerStatus.FAILED, reason


@contextlib.contextmanager
def _until(deadline: float) -> Iterator[None]:
    """Raise TimeUp in the block when the deadline passes."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _obtain_all(facts: Facts, layer: Layer) -> tuple[str, ...]:
    """Make every fact of a layer; what broke, one line each."""
    broken = []
    for kind in facts.kinds(layer):
        try:
            facts.get(kind)
        except (Unavailable, ControlFailed):
            continue
        except BrokenProvider as error:
            broken.append(str(error))
    return tuple(dict.fromkeys(broken))


def _files(facts: Facts) -> tuple[LayerStatus, str]:
    broken = _obtain_all(facts, Layer.FILES)
    if broken:
        return LayerStatus.FAILED, "; ".join(broken)
    recorded = _known(facts, UnreadableFiles)
    unreadable = recorded.files if recorded else ()
    if unreadable:
        told = "; ".join(f"{path}: {why}" for path, why in unreadable[:5])
        more = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
        return LayerStatus.FAILED, f"could not be read: {told}{more}"
    return LayerStatus.RAN, f"{len(facts.get(Checkout).files)} files"


def _boot(facts: Facts, kit: _Kit) -> tuple[LayerStatus, str]:
    if isinstance(kit.engine, Unavailable):
        return LayerStatus.NOT_RUN, kit.engine.reason
    try:
        settings = facts.get(Settings)
    except (Unavailable, ControlFailed, BrokenProvider) as error:
        return LayerStatus.FAILED, _reason(error)
    broken = _obtain_all(facts, Layer.BOOT)
    if broken:
        return LayerStatus.FAILED, "; ".join(broken)
    count = len(settings.placeholders)
    invented = f", {count} placeholder{'s' if count != 1 else ''}" if count else ""
    return (
        LayerStatus.RAN,
        f"{settings.module}, Python {settings.python_version}, Django {settings.django_version}{invented}",
    )


def _stack(facts: Facts, kit: _Kit) -> tuple[LayerStatus, str]:
    if isinstance(kit.engine, Unavailable):
        return LayerStatus.NOT_RUN, kit.engine.reason
    try:
        stack = facts.get(LiveStack)
    except (Unavailable, ControlFailed, BrokenProvider) as error:
        return LayerStatus.FAILED, _reason(error)
    kit.progress.step("probing")
    broken = _obtain_all(facts, Layer.STACK)
    if broken:
        return LayerStatus.FAILED, "; ".join(broken)
    if not stack.app_ready:
        return LayerStatus.FAILED, f"the application did not start: {stack.app_error}"
    refused = _refused(_known(facts, ProxyTest))
    if refused:
        return LayerStatus.FAILED, f"{refused}; the application was asked behind our own proxy"
    failed = _failed_controls(facts)
    if failed:
        return LayerStatus.FAILED, "; ".join(failed[:3])
    return LayerStatus.RAN, f"{stack.engine} engine, {stack.site.name}"


def _refused(test: ProxyTest | None) -> str:
    """Why the project's own proxy did not run, where nginx was asked; empty where it ran."""
    if test is None or (test.accepted and not test.our_cause):
        return ""
    if test.our_cause:
        return test.our_cause
    said = next((one for one in test.messages if one.kind is MessageClass.FINDING), None)
    place = f" {said.location}" if said and said.location else " the project's configuration"
    return f"nginx refuses{place}: {said.text}" if said else f"nginx refuses{place}"


def _failed_controls(facts: Facts) -> tuple[str, ...]:
    """Controls of probes that failed: the stack is broken somewhere."""
    failed = []
    for kind in facts.kinds(Layer.STACK):
        try:
            facts.get(kind)
        except ControlFailed as error:
            failed.append(error.detail)
        except (Unavailable, BrokenProvider):
            continue
    return tuple(dict.fromkeys(failed))


def _reason(error: Unavailable | ControlFailed | BrokenProvider) -> str:
    match error:
        case Unavailable():
            return error.reason
        case ControlFailed():
            return error.detail
        case BrokenProvider():
            return str(error)


def _notes(layer: Layer, facts: Facts, kit: _Kit) -> tuple[str, ...]:
    match layer:
        case Layer.FILES:
            return ()
        case Layer.BOOT:
            plan = _known(facts, BootPlan)
            return (*kit.engine_notes, *(plan.choices if plan else ()))
        case Layer.STACK:
            stack = _known(facts, LiveStack)
            return (*stack.notes, f"{len(stack.sender.finished)} exchanges") if stack else ()
