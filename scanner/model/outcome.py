"""The four ways in which a rule ends: JUnit's own four states."""

from dataclasses import dataclass

from scanner.model.finding import Finding, ReasonKind


@dataclass(frozen=True)
class Passed:
    """The rule looked, and there is nothing to report."""


@dataclass(frozen=True)
class Failed:
    """The rule found faults; at least one."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Skipped:
    """The rule did not judge, because of ``reason``."""

    reason: str
    kind: ReasonKind


@dataclass(frozen=True)
class Errored:
    """The rule, or a fact that it needs, broke; ``detail`` says what. Findings that it already had are kept."""

    detail: str
    findings: tuple[Finding, ...] = ()


Outcome = Passed | Failed | Skipped | Errored
