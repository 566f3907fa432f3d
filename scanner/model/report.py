"""The one document from which every report is rendered (its JSON form is ``schema/result-v1.json``)."""

import enum
from dataclasses import dataclass, field

from scanner.model.finding import Evidence, Finding, Layer, ScopeClass, Severity, Verdict, Waiver
from scanner.model.http import Exchange
from scanner.model.outcome import Outcome


class LayerStatus(enum.StrEnum):
    """How a layer ended."""

    RAN = "ran"
    NOT_RUN = "not-run"
    FAILED = "failed"


@dataclass(frozen=True)
class LayerReport:
    """What one layer did, in one line of ``detail`` and further ``notes``."""

    name: Layer
    status: LayerStatus
    detail: str
    seconds: float
    asked_for: bool = True
    allowed_to_miss: bool = False
    """The user said (``--on-missing-layer warn``, ``--engine none``) that it may be missing."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placeholder:
    """A value that the scanner invented so that the settings load; no rule judges one."""

    name: str
    value: str
    """As shown: secrets are masked."""
    why: str


@dataclass(frozen=True)
class Hop:
    """One station of a request's way: client, cdn, proxy, app-server, django or store."""

    id: str
    kind: str
    label: str
    path: str | None = None
    line: int | None = None
    started: bool = False


@dataclass(frozen=True)
class Link:
    """A connection between two hops, by their ids."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class RequestPath:
    """The way of a request through the deployment, as the files describe it."""

    hops: tuple[Hop, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Scoped:
    """A finding as policy leaves it: with its verdict, its final severity, and why."""

    finding: Finding
    severity: Severity
    fingerprint: str
    scope: ScopeClass = ScopeClass.PROD
    scope_reason: str = ""
    waiver: Waiver | None = None
    known_from: str | None = None
    """``base`` or ``baseline``."""
    hop: str | None = None
    """The id of the hop to which it is pinned."""

    @property
    def verdict(self) -> Verdict:
        """The finding's verdict."""
        return self.finding.verdict

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The finding's evidence."""
        return self.finding.evidence


@dataclass(frozen=True)
class RuleResult:
    """What became of one rule in one project."""

    rule: str
    title: str
    topic: str
    severity: Severity
    outcome: Outcome
    findings: tuple[Scoped, ...] = ()
    omitted: int = 0
    """Findings beyond the first 200: counted, not listed."""
    cure: str = ""
    """How it looks where nothing is wrong, from the rule's documentation; not part of the JSON."""


class ComparisonStatus(enum.StrEnum):
    """Whether a project's findings were compared with those of the base commit."""

    COMPARED = "compared"
    NOT_NEEDED = "not-needed"
    """Nothing would block, or all findings count: the base was not scanned."""
    FAILED = "failed"
    """The base could not be scanned as the head was: what could not be compared counts as new."""
    NONE = "none"
    """There is no base commit at hand."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of one project with the base commit."""

    status: ComparisonStatus = ComparisonStatus.NONE
    base: str | None = None
    """The commit that was scanned."""
    layers: tuple[Layer, ...] = ()
    """What ran on the base."""
    detail: str = ""


@dataclass(frozen=True)
class FixedFinding:
    """A finding of the base that the head no longer has."""

    rule: str
    severity: Severity
    path: str
    line: int
    symbol: str
    fingerprint: str


@dataclass(frozen=True)
class ProjectReport:
    """One Django project of the checkout."""

    name: str
    path: str
    settings: str
    engine: str
    layers: tuple[LayerReport, ...]
    placeholders: tuple[Placeholder, ...]
    results: tuple[RuleResult, ...]
    request_path: RequestPath = field(default_factory=RequestPath)
    settings_reason: str = ""
    comparison: Comparison = field(default_factory=Comparison)
    fixed: tuple[FixedFinding, ...] = ()


@dataclass(frozen=True)
class Target:
    """What was scanned."""

    commit: str | None = None
    base: str | None = None
    dirty: bool = False
    repository: str | None = None
    """Web address of the repository, such as ``https://github.com/acme/shop``."""
    head: str | None = None
    """Head commit of the pull request, when the scanned commit is a merge commit."""
    pull_request: int | None = None


@dataclass(frozen=True)
class Gate:
    """What blocks."""

    fail_on: str
    """A severity's word, or ``never``."""
    scope: str
    """``new`` or ``all``."""


@dataclass(frozen=True)
class PendingSuppression:
    """A suppression that the pull request adds; it is in force after the merge."""

    rule: str
    path: str
    line: int
    reason: str
    until: str


@dataclass(frozen=True)
class Run:
    """When and where the scan ran."""

    started: str = ""
    """UTC, ISO 8601 with ``Z``."""
    seconds: float = 0.0
    url: str | None = None


@dataclass(frozen=True)
class Summary:
    """Findings by verdict, and rules by outcome."""

    blocks: int = 0
    reported: int = 0
    known: int = 0
    waived: int = 0
    passed: int = 0
    skipped: int = 0
    errored: int = 0


@dataclass(frozen=True)
class Report:
    """A whole scan."""

    version: str
    """Of Seatrial."""
    target: Target
    gate: Gate
    projects: tuple[ProjectReport, ...]
    summary: Summary
    exit_code: int
    run: Run = field(default_factory=Run)
    pending: tuple[PendingSuppression, ...] = ()
    notices: tuple[str, ...] = ()
    """Lines for the head of the report, such as how the suppressions of a pull request count."""
    rules_url: str = ""
    """Prefix of a rule's documentation; ``RULE.md`` is appended."""
    exchanges: tuple[Exchange, ...] = ()
    """What the probes asked and got; not part of the JSON."""


@dataclass(frozen=True)
class View:
    """How a terminal shows a report."""

    width: int = 100
    color: bool = False
    verbose: bool = False
    quiet: bool = False
    report_level: Severity = Severity.INFO
