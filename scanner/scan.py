"""The pipeline: checkout, projects, facts layer by layer, rules, verdicts, one report."""

import contextlib
import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scanner import __version__
from scanner.compare import NO_BASE, Compared, compare
from scanner.config import Config
from scanner.engine import Facts, discover_providers, discover_rules, judge, needs_of
from scanner.facts.suppressions import RuleBook, UnusedSuppressions
from scanner.judging import Judged, judge_project
from scanner.layers import Kit
from scanner.model import (
    Comparison,
    ComparisonStatus,
    Gate,
    Layer,
    LayerMissing,
    Progress,
    ProjectReport,
    Report,
    Run,
    Target,
    Unavailable,
    quoted,
)
from scanner.pins import pin
from scanner.policy import Policy, exit_code, stamp, summarise
from scanner.project import find_projects, read_checkout
from scanner.sandbox.interface import Engine
from scanner.sandbox.select import choose
from scanner.suppressions import Held, in_force, unused

RULES_URL = "https://github.com/seatrial/seatrial/blob/main/docs/rules/"


@dataclass(frozen=True)
class _Decided:
    """One project with everything that decides about its verdicts."""

    judged: Judged
    suppressions: Held
    policy: Policy
    compared: Compared


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
        rules = discover_rules()
        kit = Kit(
            config=config,
            progress=progress,
            engine=engine,
            engine_notes=notes,
            providers=discover_providers(),
            rules=rules,
            book=RuleBook(started.date(), frozenset(rule.id for rule in rules), projects[0].path),
            deadline=begun + config.options.timeout,
        )
        decided = _decided([judge_project(project, kit) for project in projects], kit)
    reports = tuple(_report(one, kit) for one in decided)
    summary = summarise(reports)
    layers = [layer for report in reports for layer in report.layers]
    fail_on = config.fail_on.word if config.fail_on is not None else "never"
    base = config.comparison.base if config.comparison else None
    return Report(
        version=__version__,
        target=replace(target, commit=checkout.commit, dirty=checkout.dirty, base=base.commit if base else None),
        gate=Gate(fail_on, "new" if config.counts_new else "all"),
        projects=reports,
        summary=summary,
        exit_code=exit_code(summary, layers, unreadable=any(one.judged.unreadable for one in decided)),
        run=replace(run, started=started.strftime("%Y-%m-%dT%H:%M:%SZ"), seconds=round(time.monotonic() - begun, 3)),
        pending=tuple(one for each in decided for one in each.suppressions.pending),
        notices=(*config.notices, *checkout.notes, *_comparison_notices(reports)),
        rules_url=RULES_URL,
        exchanges=tuple(exchange for one in decided for exchange in one.judged.exchanges),
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


def _decided(scanned: list[Judged], kit: Kit) -> list[_Decided]:
    """Suppressions, the baseline and the base commit, for each project."""
    config = kit.config
    scanned = [_with_unused(one, scanned, kit) for one in scanned]
    held = [in_force(one.suppressions, config.ignores, kit.book, config.comparison) for one in scanned]
    policies = [
        Policy(
            fail_on=config.fail_on,
            today=kit.book.today,
            suppressions=suppressions.holding,
            baseline=config.known,
        )
        for suppressions in held
    ]
    if config.counts_new:
        compared = compare(list(zip(scanned, policies, strict=True)), kit)
    else:
        compared = tuple(Compared(Comparison(ComparisonStatus.NOT_NEEDED)) for _ in scanned)
    return [
        _Decided(judged, suppressions, replace(policy, on_base=one.on_base), one)
        for judged, suppressions, policy, one in zip(scanned, held, policies, compared, strict=True)
    ]


def _with_unused(one: Judged, everyone: Sequence[Judged], kit: Kit) -> Judged:
    """The same with the rules judged that must see what all the others found."""
    facts = Facts({}, {UnusedSuppressions: unused(one, everyone, kit.book)})
    outcomes = tuple(
        (rule, judge(rule, facts) if any(need.kind is UnusedSuppressions for need in needs_of(rule.check)) else outcome)
        for rule, outcome in one.outcomes
    )
    return replace(one, outcomes=outcomes)


def _report(one: _Decided, kit: Kit) -> ProjectReport:
    judged, settings = one.judged, one.judged.settings
    project, path = judged.project, judged.request_path
    results = stamp(project.path, judged.outcomes, one.policy, judged.scope_of)
    return ProjectReport(
        name=project.name,
        path=project.path,
        settings=settings.module if settings else "",
        engine="none" if isinstance(kit.engine, Unavailable) else kit.engine.name,
        layers=judged.layers,
        placeholders=settings.placeholders if settings else (),
        results=tuple(
            replace(result, findings=tuple(replace(one, hop=pin(path, result.topic, one)) for one in result.findings))
            for result in results
        ),
        request_path=path,
        settings_reason=settings.settings_reason if settings else "",
        comparison=one.compared.comparison,
        fixed=one.compared.fixed,
    )


def _comparison_notices(reports: tuple[ProjectReport, ...]) -> tuple[str, ...]:
    """That findings count as new which may not be, and why: it must not be found in a folded part only."""
    reasons = {
        report.comparison.detail
        for report in reports
        # That the base is not in the clone is said with all that follows from it, where the configuration is read.
        if report.comparison.status in {ComparisonStatus.FAILED, ComparisonStatus.NONE}
        and report.comparison.detail != NO_BASE
    }
    return tuple(
        f"Not everything could be compared with the base, so findings count as new that may not be: {quoted(reason)}. "
        "A baseline file in the repository does without the comparison."
        for reason in sorted(reasons)
    )
