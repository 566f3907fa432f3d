"""From outcomes to verdicts: scope caps, suppressions, the baseline, the gate. Pure, and hides nothing."""

import datetime as dt
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from scanner.model import (
    Errored,
    Failed,
    Finding,
    LayerReport,
    LayerStatus,
    Location,
    Outcome,
    Passed,
    ProjectReport,
    Proof,
    Rule,
    RuleResult,
    ScopeClass,
    Scoped,
    Severity,
    Skipped,
    Summary,
    Verdict,
    Waiver,
)

MAX_FINDINGS = 200
"""Of one rule in one project; further ones are counted, not listed."""
# They judge example files, too: what is a real secret in an example is one all the same.
JUDGES_EXAMPLES = frozenset({"credential-committed", "env-file-committed"})

ScopeOf = Callable[[str], tuple[ScopeClass, str]]
"""Path -> its scope and the reason."""


@dataclass(frozen=True)
class Suppression:
    """One suppression that is in force: of a comment in a file, or of ``.seatrial.yml``."""

    rule: str
    path: str | None
    """The file; for an inline one always given."""
    lines: tuple[int, ...]
    """Of an inline one: the lines that it covers. Empty: the whole file or symbol."""
    symbol: str | None
    reason: str
    until: dt.date
    location: Location
    kind: str

    def covers(self, rule: str, finding: Finding) -> bool:
        """Whether it names this finding."""
        return (
            self.rule == rule
            and (self.path is None or self.path == finding.location.path)
            and (not self.lines or finding.location.line in self.lines)
            and (self.symbol is None or self.symbol == finding.symbol)
        )


@dataclass(frozen=True)
class Policy:
    """What decides about verdicts."""

    fail_on: Severity | None
    """None: nothing ever blocks."""
    today: dt.date
    suppressions: tuple[Suppression, ...] = ()
    baseline: Mapping[str, int] | None = None
    """Fingerprint -> how many of it are known."""
    on_base: Mapping[str, Severity] = field(default_factory=dict)
    """Fingerprint -> severity of the same finding on the base commit."""


def stamp(
    project: str, outcomes: Iterable[tuple[Rule, Outcome]], policy: Policy, scope_of: ScopeOf
) -> tuple[RuleResult, ...]:
    """Stamp every finding of one project with severity, fingerprint, scope and verdict.

    ``project`` is the project's path in the checkout. Results are sorted by rule, findings as every report shows them.
    """
    results = []
    for rule, outcome in outcomes:
        ordered = scoped(project, rule, outcome, policy, scope_of)
        final: Outcome = outcome
        if isinstance(outcome, Failed) and not ordered:
            final = Passed()
        results.append(
            RuleResult(
                rule=rule.id,
                title=rule.title,
                topic=rule.topic,
                severity=rule.severity,
                outcome=final,
                findings=ordered[:MAX_FINDINGS],
                omitted=max(0, len(ordered) - MAX_FINDINGS),
                cure=rule.cure,
            )
        )
    return tuple(sorted(results, key=lambda result: result.rule))


def scoped(project: str, rule: Rule, outcome: Outcome, policy: Policy, scope_of: ScopeOf) -> tuple[Scoped, ...]:
    """All findings of one rule in one project with their verdicts, as every report orders them."""
    return tuple(sorted(_scoped(project, rule, _findings(outcome), policy, scope_of), key=_order))


def _findings(outcome: Outcome) -> tuple[Finding, ...]:
    match outcome:
        case Failed(findings) | Errored(_, findings):
            return findings
        case Passed() | Skipped():
            return ()


def _scoped(
    project: str, rule: Rule, findings: tuple[Finding, ...], policy: Policy, scope_of: ScopeOf
) -> Iterable[Scoped]:
    seen: Counter[str] = Counter()
    places = sorted(findings, key=_place)
    for finding in places:
        scope, reason = scope_of(finding.location.path)
        if scope is ScopeClass.EXAMPLE and rule.id not in JUDGES_EXAMPLES:
            continue
        base = _base_fingerprint(rule.id, project, finding)
        mark = fingerprint(base, seen[base])
        seen[base] += 1
        severity = cap(finding.severity if finding.severity is not None else rule.severity, scope)
        waiver = next((one for one in policy.suppressions if one.covers(rule.id, finding)), None)
        known_from = _known_from(mark, severity, policy)
        verdict = _verdict(severity, scope, policy, waived=waiver is not None, known=known_from is not None)
        yield Scoped(
            finding=replace(finding, verdict=verdict),
            severity=severity,
            fingerprint=mark,
            scope=scope,
            scope_reason=reason,
            waiver=_waiver(waiver) if waiver else None,
            known_from=known_from if verdict is Verdict.KNOWN else None,
        )


def _known_from(mark: str, severity: Severity, policy: Policy) -> str | None:
    """Where the finding is known from: the baseline, or the base; None where it is new."""
    if policy.baseline is not None and policy.baseline.get(mark, 0) > 0:
        return "baseline"
    before = policy.on_base.get(mark)
    if before is None:
        return None
    # What did not block on the base and would block now got worse.
    worse = policy.fail_on is not None and before < policy.fail_on <= severity
    return None if worse else "base"


def cap(severity: Severity, scope: ScopeClass) -> Severity:
    """The severity in that scope.

    Unknown: one step lower from high on. Development: informative. Example: low.
    """
    match scope:
        case ScopeClass.PROD:
            return severity
        case ScopeClass.UNKNOWN:
            return Severity(severity - 1) if severity >= Severity.HIGH else severity
        case ScopeClass.DEV:
            return Severity.INFO
        case ScopeClass.EXAMPLE:
            return min(severity, Severity.LOW)


def _verdict(severity: Severity, scope: ScopeClass, policy: Policy, *, waived: bool, known: bool) -> Verdict:
    if waived:
        return Verdict.WAIVED
    if known:
        return Verdict.KNOWN
    blocks = policy.fail_on is not None and severity >= policy.fail_on
    return Verdict.BLOCKS if blocks and scope in {ScopeClass.PROD, ScopeClass.UNKNOWN} else Verdict.REPORTED


def _waiver(suppression: Suppression) -> Waiver:
    return Waiver(suppression.reason, suppression.until.isoformat(), suppression.location, suppression.kind)


_VERDICTS = tuple(Verdict)
_NUMBERS = (
    re.compile(r"(?<=[\w.]):\d+"),
    re.compile(r"\b[0-9a-f]{7,}\b"),
    re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds|minutes|hours|days|bytes|KiB|MiB)\b"),
)


def _order(one: Scoped) -> tuple[object, ...]:
    finding = one.finding
    return (
        _VERDICTS.index(finding.verdict),
        -one.severity,
        finding.proof is not Proof.PROVEN,
        _place(finding),
        finding.symbol,
    )


def _place(finding: Finding) -> tuple[str, int, int]:
    where = finding.location
    return (where.path, where.line, where.column)


def normalised(message: str) -> str:
    """A message without what changes between runs: line numbers, hexadecimal texts, amounts with a unit."""
    text = " ".join(unicodedata.normalize("NFC", message).replace("`", "").split())
    for pattern in _NUMBERS:
        text = pattern.sub("#", text)
    return text


def _base_fingerprint(rule: str, project: str, finding: Finding) -> str:
    return "\0".join((rule, project, finding.location.path, finding.symbol, normalised(finding.message)))


def fingerprint(base: str, ordinal: int) -> str:
    """``v1:`` and 32 hexadecimal digits. No line, severity, proof or evidence goes into it."""
    digest = hashlib.sha256(f"{base}\0{ordinal}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"v1:{digest[:32]}"


def summarise(projects: Iterable[ProjectReport]) -> Summary:
    """Findings by verdict and rules by outcome, over all projects."""
    verdicts: Counter[Verdict] = Counter()
    rules: Counter[str] = Counter()
    for project in projects:
        for result in project.results:
            verdicts.update(one.finding.verdict for one in result.findings)
            verdicts[Verdict.REPORTED] += result.omitted
            match result.outcome:
                case Passed():
                    rules["passed"] += 1
                case Skipped():
                    rules["skipped"] += 1
                case Errored():
                    rules["errored"] += 1
                case Failed():
                    pass
    return Summary(
        blocks=verdicts[Verdict.BLOCKS],
        reported=verdicts[Verdict.REPORTED],
        known=verdicts[Verdict.KNOWN],
        waived=verdicts[Verdict.WAIVED],
        passed=rules["passed"],
        skipped=rules["skipped"],
        errored=rules["errored"],
    )


def exit_code(summary: Summary, layers: Iterable[LayerReport], *, unreadable: bool) -> int:
    """1 something blocks; 3 the scan is incomplete and nothing blocks; else 0."""
    if summary.blocks:
        return 1
    missing = any(
        layer.asked_for and not layer.allowed_to_miss and layer.status is not LayerStatus.RAN for layer in layers
    )
    return 3 if missing or summary.errored or unreadable else 0
