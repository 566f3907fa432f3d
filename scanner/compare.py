"""New versus base: which findings of the head the base commit has already.

The base is scanned only where the head has something that would block, and no deeper than the rules of those findings
look. What cannot be compared stays new: a comparison that fails never makes a finding known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scanner.engine import needs_of
from scanner.judging import Judged, judge_project
from scanner.layers import Kit
from scanner.model import (
    Comparison,
    ComparisonStatus,
    Errored,
    Failed,
    Finding,
    FixedFinding,
    Layer,
    LayerStatus,
    Outcome,
    Passed,
    ProviderSpec,
    ReasonKind,
    Rule,
    Scoped,
    SeatrialError,
    Severity,
    Skipped,
    Verdict,
)
from scanner.policy import Policy, scoped
from scanner.project import BaseTree, Project, base_tree, find_projects

NO_BASE = "the base commit is not in this clone (set fetch-depth: 2)"
NOT_KNOWN = "no base commit is known here (give --base)"


@dataclass(frozen=True)
class Compared:
    """What the base says of one project."""

    comparison: Comparison
    on_base: Mapping[str, Severity] = field(default_factory=dict)
    """Fingerprint -> severity, of the findings that the base has."""
    fixed: tuple[FixedFinding, ...] = ()


def compare(head: Sequence[tuple[Judged, Policy]], kit: Kit) -> tuple[Compared, ...]:
    """Compare each project with the base, in the order in which they are given.

    Never raises for what is wrong with the base: the comparison then has failed, and says why.
    """
    known = kit.config.comparison
    base = known.base if known else None
    commit = base.commit if base else None
    wanted = [bool(_candidates(judged, policy)) for judged, policy in head]
    if base is None:
        nothing, lacking = Comparison(ComparisonStatus.NOT_NEEDED), _none(NO_BASE if known else NOT_KNOWN)
        return tuple(Compared(lacking if want else nothing) for want in wanted)
    rest = Compared(Comparison(ComparisonStatus.NOT_NEEDED, commit))
    if not any(wanted):
        return tuple(rest for _ in head)
    kit.progress.step(f"comparing with the base {base.commit[:7]}")
    try:
        with base_tree(base) as tree:
            return tuple(_project(*one, tree, kit) if want else rest for one, want in zip(head, wanted, strict=True))
    except SeatrialError as error:
        failed = Compared(Comparison(ComparisonStatus.FAILED, commit, detail=error.message))
        return tuple(failed if want else rest for want in wanted)


def _none(why: str) -> Comparison:
    return Comparison(ComparisonStatus.NONE, detail=why)


def _candidates(judged: Judged, policy: Policy) -> frozenset[str]:
    """The rules of which something would block if all findings counted."""
    return frozenset(
        rule.id
        for rule, outcome in judged.outcomes
        if any(one.verdict is Verdict.BLOCKS for one in _stamped(judged, policy, rule, outcome))
    )


def _stamped(judged: Judged, policy: Policy, rule: Rule, outcome: Outcome) -> tuple[Scoped, ...]:
    return scoped(judged.project.path, rule, outcome, policy, judged.scope_of)


def _project(judged: Judged, policy: Policy, tree: BaseTree, kit: Kit) -> Compared:
    candidates = _candidates(judged, policy)
    ran = {layer.name for layer in judged.layers if layer.status is LayerStatus.RAN}
    reach = {rule.id: layers_of(rule, kit.providers) & ran for rule, _ in judged.outcomes}
    layers = {Layer.FILES}.union(*(reach[name] for name in candidates))
    if Layer.STACK in layers:
        layers.add(Layer.BOOT)
    commit = tree.checkout.commit
    project = _same_project(tree, judged.project)
    if project is None:
        detail = "this project is not on the base: all of it is new"
        return Compared(Comparison(ComparisonStatus.COMPARED, commit, (Layer.FILES,), detail))
    config = replace(kit.config, layers=tuple(layer for layer in Layer if layer in layers))
    rules = tuple(rule for rule in kit.rules if reach[rule.id] <= layers)
    before = judge_project(project, replace(kit, config=config, rules=rules))
    return _matched(judged, before, policy, tree, {name: reach[name] for name in reach if reach[name] <= layers})


def _same_project(tree: BaseTree, project: Project) -> Project | None:
    try:
        (found,) = find_projects(tree.checkout, (project.path,))
    except SeatrialError:
        return None
    return replace(found, name=project.name)


def layers_of(rule: Rule, providers: Mapping[type, ProviderSpec]) -> frozenset[Layer]:
    """The layers that make the facts which a rule joins, and the facts of those facts."""
    found: set[Layer] = set()
    seen: set[type] = set()
    waiting = [need.kind for need in needs_of(rule.check)]
    while waiting:
        kind = waiting.pop()
        spec = providers.get(kind)
        if spec is None or kind in seen:
            continue
        seen.add(kind)
        found.add(spec.layer)
        waiting += [need.kind for need in needs_of(spec.function)]
    return frozenset(found)


def _matched(
    head: Judged, before: Judged, policy: Policy, tree: BaseTree, reach: Mapping[str, frozenset[Layer]]
) -> Compared:
    ran = {layer.name for layer in before.layers if layer.status is LayerStatus.RAN}
    heads = {rule.id: outcome for rule, outcome in head.outcomes}
    plain = replace(policy, suppressions=(), baseline=None)
    on_base: dict[str, Severity] = {}
    fixed: list[FixedFinding] = []
    comparable: set[str] = set()
    for rule, outcome in before.outcomes:
        if not reach[rule.id] <= ran or not _looked(outcome):
            continue
        comparable.add(rule.id)
        found = _stamped(before, plain, rule, _moved(outcome, tree.renamed))
        on_base |= {one.fingerprint: one.severity for one in found}
        if _looked(heads[rule.id]):
            now = {one.fingerprint for one in _stamped(head, plain, rule, heads[rule.id])}
            fixed += [_fixed(rule, one) for one in found if one.fingerprint not in now]
    lost = sorted(_candidates(head, policy) - comparable)
    status = ComparisonStatus.FAILED if lost else ComparisonStatus.COMPARED
    detail = _why(lost, before, reach, ran) if lost else ""
    layers = tuple(layer for layer in Layer if layer in ran)
    return Compared(
        Comparison(status, tree.checkout.commit, layers, detail), on_base, tuple(sorted(fixed, key=_fixed_order))
    )


def _looked(outcome: Outcome) -> bool:
    """Whether the rule saw all that it judges, so that what it does not say is not there."""
    match outcome:
        case Passed() | Failed() | Skipped(_, ReasonKind.NOT_APPLICABLE):
            return True
        case Skipped() | Errored():
            return False


def _moved(outcome: Outcome, renamed: Mapping[str, str]) -> Outcome:
    """The outcome with the names that the head gives to files which the change moved."""
    match outcome:
        case Failed(findings):
            return Failed(tuple(_renamed(finding, renamed) for finding in findings))
        case _:
            return outcome


def _renamed(finding: Finding, renamed: Mapping[str, str]) -> Finding:
    old = finding.location.path
    new = renamed.get(old)
    if new is None:
        return finding
    return replace(
        finding,
        location=replace(finding.location, path=new),
        message=finding.message.replace(f"`{old}`", f"`{new}`"),
        symbol=finding.symbol.replace(old, new),
    )


def _fixed(rule: Rule, one: Scoped) -> FixedFinding:
    place = one.finding.location
    return FixedFinding(rule.id, one.severity, place.path, place.line, one.finding.symbol, one.fingerprint)


def _fixed_order(fixed: FixedFinding) -> tuple[object, ...]:
    return (-fixed.severity, fixed.rule, fixed.path, fixed.line, fixed.symbol)


def _why(lost: Sequence[str], before: Judged, reach: Mapping[str, frozenset[Layer]], ran: Iterable[Layer]) -> str:
    """Why rules could not be compared: a layer that did not run on the base, or what each said there."""
    missing = set().union(*(reach[name] for name in lost)) - set(ran)
    reasons = [f"{layer.name.value}: {layer.detail}" for layer in before.layers if layer.name in missing]
    for rule, outcome in before.outcomes:
        if rule.id in lost and not reach[rule.id] & missing and isinstance(outcome, Skipped | Errored):
            reasons.append(f"{rule.id}: {outcome.reason if isinstance(outcome, Skipped) else outcome.detail}")
    return "on the base, " + "; ".join(reasons[:5])
