"""A result document made into a Report again, with suspicion: its author may be the author of the scanned code."""

from scanner.model import (
    Comparison,
    ComparisonStatus,
    Errored,
    Evidence,
    Failed,
    Finding,
    Fix,
    FixedFinding,
    Gate,
    Hop,
    Layer,
    LayerReport,
    LayerStatus,
    Link,
    Location,
    Outcome,
    Passed,
    PendingSuppression,
    Placeholder,
    ProjectReport,
    Proof,
    ReasonKind,
    Report,
    RequestPath,
    RuleResult,
    Run,
    ScopeClass,
    Scoped,
    Severity,
    Skipped,
    Summary,
    Target,
    Verdict,
    Waiver,
)
from scanner.reports.typed import Node, parsed, refusal

VERSION = 1


def parse(text: str, limit: int) -> Report:
    """The report of a document of at most ``limit`` bytes. Raises SeatrialError where it is not one."""
    root = parsed(text, limit)
    if root.number("version") != VERSION:
        raise refusal("the document.version", f"is not {VERSION}")
    run, gate, counts = root.node("run"), root.node("gate"), root.node("summary")
    return Report(
        version=root.node("tool").text("version"),
        target=_target(root.node("target")),
        gate=Gate(fail_on=gate.text("fail_on"), scope=gate.text("scope")),
        projects=tuple(_project(each) for each in root.nodes("projects")),
        summary=Summary(
            blocks=counts.number("blocks"),
            reported=counts.number("reported"),
            known=counts.number("known"),
            waived=counts.number("waived"),
            passed=counts.number("passed"),
            skipped=counts.number("skipped"),
            errored=counts.number("errored"),
        ),
        exit_code=root.number("exit_code"),
        run=Run(started=run.text("started"), seconds=run.seconds("seconds"), url=run.text_or_none("url")),
        pending=tuple(_pending(each) for each in root.nodes("pending_suppressions")),
        notices=tuple(root.texts("notices")),
        rules_url=root.node("links").text("rules"),
    )


def _target(node: Node) -> Target:
    return Target(
        commit=node.text_or_none("commit"),
        base=node.text_or_none("base"),
        dirty=node.flag("dirty"),
        repository=node.text_or_none("repository"),
        head=node.text_or_none("head"),
        pull_request=node.number_or_none("pull_request"),
    )


def _pending(node: Node) -> PendingSuppression:
    return PendingSuppression(
        rule=node.text("rule"),
        path=node.text("path"),
        line=node.number("line"),
        reason=node.text("reason"),
        until=node.text("until"),
    )


def _project(node: Node) -> ProjectReport:
    path = node.node("request_path")
    return ProjectReport(
        name=node.text("name"),
        path=node.text("path"),
        settings=node.text("settings"),
        engine=node.text("engine"),
        layers=tuple(_layer(each) for each in node.nodes("layers")),
        placeholders=tuple(
            Placeholder(each.text("name"), each.text("value"), each.text("why")) for each in node.nodes("placeholders")
        ),
        results=tuple(_result(each) for each in node.nodes("results")),
        request_path=RequestPath(
            hops=tuple(_hop(each) for each in path.nodes("hops")),
            links=tuple(Link(each.text("from"), each.text("to"), each.text("label")) for each in path.nodes("links")),
        ),
        settings_reason=node.text("settings_reason"),
        comparison=_comparison(node.node("comparison")),
        fixed=tuple(_fixed(each) for each in node.nodes("fixed")),
    )


def _comparison(node: Node) -> Comparison:
    names = set(node.texts("layers"))
    return Comparison(
        status=node.one_of("status", ComparisonStatus),
        base=node.text_or_none("base"),
        layers=tuple(layer for layer in Layer if layer.value in names),
        detail=node.text("detail"),
    )


def _fixed(node: Node) -> FixedFinding:
    return FixedFinding(
        rule=node.text("rule"),
        severity=_severity(node),
        path=node.text("path"),
        line=node.number("line"),
        symbol=node.text("symbol"),
        fingerprint=node.text("fingerprint"),
    )


def _layer(node: Node) -> LayerReport:
    return LayerReport(
        name=node.one_of("name", Layer),
        status=node.one_of("status", LayerStatus),
        detail=node.text("detail"),
        seconds=node.seconds("seconds"),
        asked_for=node.flag("asked_for"),
        allowed_to_miss=node.flag("allowed_to_miss"),
        notes=tuple(node.texts("notes")),
    )


def _hop(node: Node) -> Hop:
    return Hop(
        id=node.text("id"),
        kind=node.text("kind"),
        label=node.text("label"),
        path=node.text_or_none("path"),
        line=node.number_or_none("line"),
        started=node.flag("started"),
    )


def _result(node: Node) -> RuleResult:
    findings = tuple(_finding(each) for each in node.nodes("findings"))
    return RuleResult(
        rule=node.text("rule"),
        title=node.text("title"),
        topic=node.text("topic"),
        severity=_severity(node),
        outcome=_outcome(node, tuple(scoped.finding for scoped in findings)),
        findings=findings,
        omitted=node.number("omitted"),
    )


def _severity(node: Node) -> Severity:
    word = node.text("severity")
    for severity in Severity:
        if severity.word == word:
            return severity
    raise refusal("a severity", "is none of critical, high, medium, low, info")


def _outcome(node: Node, findings: tuple[Finding, ...]) -> Outcome:
    match node.text("outcome"):
        case "passed":
            return Passed()
        case "failed":
            return Failed(findings)
        case "skipped":
            return Skipped(node.text("reason"), node.one_of("reason_kind", ReasonKind))
        case "errored":
            return Errored(node.text("reason"), findings)
        case _:
            raise refusal("an outcome", "is none of passed, failed, skipped, errored")


def _finding(node: Node) -> Scoped:
    scope, severity = node.node("scope"), _severity(node)
    return Scoped(
        finding=Finding(
            message=node.text("message"),
            location=Location(
                node.text("path"), node.number("line"), node.number("column"), node.number_or_none("end_line")
            ),
            symbol=node.text("symbol"),
            evidence=tuple(_evidence(each) for each in node.nodes("evidence")),
            proof=node.one_of("proof", Proof),
            severity=severity,
            fix=_fix(node.node_or_none("fix")),
            verdict=node.one_of("verdict", Verdict),
        ),
        severity=severity,
        fingerprint=node.text("fingerprint"),
        scope=scope.one_of("class", ScopeClass),
        scope_reason=scope.text("reason"),
        waiver=_waiver(node.node_or_none("waiver")),
        known_from=node.text_or_none("known_from"),
        hop=node.text_or_none("hop"),
    )


def _evidence(node: Node) -> Evidence:
    path, line, column = node.text_or_none("path"), node.number_or_none("line"), node.number_or_none("column")
    return Evidence(node.text("text"), None if path is None else Location(path, line or 1, column or 1))


def _waiver(node: Node | None) -> Waiver | None:
    if node is None:
        return None
    place = Location(node.text("path"), node.number("line"))
    return Waiver(node.text("reason"), node.text("until"), place, node.text("kind"))


def _fix(node: Node | None) -> Fix | None:
    if node is None:
        return None
    return Fix(
        path=node.text("path"),
        start_line=node.number("start_line"),
        end_line=node.number("end_line"),
        lines=tuple(node.texts("lines")),
        safe=node.flag("safe"),
    )
