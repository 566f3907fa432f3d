"""One project through facts and rules, before policy: what the head's and the base's scan have in common."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from scanner.engine import Facts, judge
from scanner.facts.live_stack import LiveStack
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.suppressions import RuleBook, Suppressions
from scanner.facts.topology import Topology
from scanner.facts.unreadable import UnreadableFiles
from scanner.layers import Kit, known, run_layers
from scanner.model import (
    Exchange,
    LayerReport,
    Options,
    Outcome,
    Progress,
    RequestPath,
    Rule,
    ScopeClass,
)
from scanner.pins import started_hops
from scanner.policy import ScopeOf
from scanner.project import Checkout, Project
from scanner.sandbox.interface import Engine


@dataclass(frozen=True)
class Judged:
    """What the rules said of one project, and what a report tells besides."""

    project: Project
    layers: tuple[LayerReport, ...]
    outcomes: tuple[tuple[Rule, Outcome], ...]
    scope_of: ScopeOf
    settings: Settings | None
    request_path: RequestPath
    unreadable: bool
    exchanges: tuple[Exchange, ...]
    suppressions: Suppressions


def judge_project(project: Project, kit: Kit) -> Judged:
    """Run the layers and the rules. What is started for it is gone when this returns."""
    options = kit.config.options
    with contextlib.ExitStack() as cleanup:
        facts = Facts(
            kit.providers,
            {
                Project: project.with_options(options),
                Checkout: project.checkout,
                Options: options,
                RuleBook: kit.book,
                Engine: kit.engine,
                Progress: kit.progress,
                contextlib.ExitStack: cleanup,
            },
            kit.config.layers,
        )
        layers = run_layers(facts, kit)
        kit.progress.step(f"{project.name}: judging")
        return _judged(project, facts, layers, [(rule, judge(rule, facts)) for rule in kit.rules])


def _judged(
    project: Project, facts: Facts, layers: tuple[LayerReport, ...], outcomes: Iterable[tuple[Rule, Outcome]]
) -> Judged:
    topology, stack = known(facts, Topology), known(facts, LiveStack)
    unreadable = known(facts, UnreadableFiles)
    return Judged(
        project=project,
        layers=layers,
        outcomes=tuple(outcomes),
        scope_of=_scopes(project, facts),
        settings=known(facts, Settings),
        request_path=started_hops(topology.request_path, stack is not None) if topology else RequestPath(),
        unreadable=bool(unreadable and unreadable.files),
        exchanges=stack.sender.finished if stack else (),
        suppressions=known(facts, Suppressions) or Suppressions(()),
    )


def _scopes(project: Project, facts: Facts) -> ScopeOf:
    """The classifier, told which settings files the boot really used."""
    source = known(facts, SettingsSource)
    booted = known(facts, Settings)
    told = project.with_options(facts.get(Options))
    if source and booted:
        told = told.with_given(source.files, f"read by the settings module {booted.module}")

    def scope_of(path: str) -> tuple[ScopeClass, str]:
        scope = told.scope(path)
        return scope.klass, scope.reason

    return scope_of
