"""Facts by type: once, on first use; rules end in one of four ways, and none of them is silence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from scanner.engine import BrokenProvider, Facts, discover_providers, discover_rules, judge, needs_of
from scanner.model import (
    ControlFailed,
    Errored,
    Failed,
    Finding,
    Layer,
    LayerMissing,
    Location,
    NotApplicable,
    Passed,
    ProviderSpec,
    ReasonKind,
    Rule,
    Severity,
    Skipped,
    Unavailable,
    UnknownValue,
)


@dataclass(frozen=True)
class Wood:
    kind: str


@dataclass(frozen=True)
class Hull:
    wood: Wood


@dataclass(frozen=True)
class Sail:
    area: int


FINDING = Finding("It leaks.", Location("hull"), "hull")


def rule_of(check: Any, *, severity: Any = Severity.HIGH, needs_one_of: Any = ()) -> Rule:
    return Rule("leak", severity, "0.1", "It leaks.", "hull", check, needs_one_of)


def facts_of(*functions: Any, given: Any = None, layers: Any = tuple(Layer), layer: Any = Layer.FILES) -> Facts:
    providers = {}
    for function in functions:
        made = function.__annotations__["return"]
        providers[made] = ProviderSpec(function, layer)
    return Facts(providers, given or {}, layers)


def hull(wood: Wood) -> Hull:
    return Hull(wood)


def test_obtains_a_fact_once_and_what_it_needs() -> None:
    calls = []

    def wood() -> Wood:
        calls.append(1)
        return Wood("oak")

    facts = facts_of(wood, hull)
    assert facts.get(Hull).wood is facts.get(Wood)
    assert facts.get(Hull).wood.kind == "oak"
    assert calls == [1]


def test_a_missing_layer_is_told() -> None:
    facts = facts_of(hull, layers=(Layer.FILES,), layer=Layer.STACK)
    with pytest.raises(LayerMissing, match="the stack layer was not asked for"):
        facts.get(Hull)


def test_what_nobody_makes_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="Wood"):
        facts_of(hull).get(Hull)


def test_a_given_refusal_is_raised() -> None:
    facts = facts_of(hull, given={Wood: NotApplicable("no trees")})
    with pytest.raises(NotApplicable, match="no trees"):
        facts.get(Hull)


def test_a_broken_provider_is_told_with_its_place() -> None:
    def wood() -> Wood:
        raise KeyError("axe")

    facts = facts_of(wood, hull)
    for kind in (Wood, Hull):
        with pytest.raises(BrokenProvider, match="KeyError: 'axe'"):
            facts.get(kind)


def test_a_circle_is_a_fault() -> None:
    def wood(hull: Hull) -> Wood:
        return hull.wood

    with pytest.raises(BrokenProvider, match="circle"):
        facts_of(wood, hull).get(Hull)


def test_after_stop_nothing_new_is_made_but_the_known_stays() -> None:
    facts = facts_of(hull, given={Wood: Wood("oak")})
    facts.stop("stopped after 600 s")
    assert facts.get(Wood).kind == "oak"
    with pytest.raises(ControlFailed, match="stopped after 600 s"):
        facts.get(Hull)


def test_a_parameter_without_a_fact_is_refused() -> None:
    def check(wood: Wood | Sail) -> Iterator[Finding]:
        return iter(())

    with pytest.raises(TypeError, match="wood names no fact"):
        needs_of(check)


def needs_hull(hull: Hull) -> Iterator[Finding]:
    yield FINDING


def silent(hull: Hull | None) -> Iterator[Finding]:
    return iter(())


def talks(hull: Hull | None) -> Iterator[Finding]:
    yield FINDING


@pytest.mark.parametrize(
    ("check", "hull_or_refusal", "outcome"),
    [
        (needs_hull, Hull(Wood("oak")), Failed((FINDING,))),
        (needs_hull, Unavailable("sunk"), Skipped("sunk", ReasonKind.COULD_NOT_TEST)),
        (needs_hull, NotApplicable("a raft"), Skipped("a raft", ReasonKind.NOT_APPLICABLE)),
        (needs_hull, ControlFailed("no answer"), Errored("no answer")),
        (needs_hull, BrokenProvider("broke"), Errored("broke")),
        (silent, Hull(Wood("oak")), Passed()),
        (silent, Unavailable("sunk"), Passed()),
        (silent, ControlFailed("no answer"), Errored("no answer")),
        (silent, BrokenProvider("broke"), Errored("broke")),
        (talks, Unavailable("sunk"), Failed((FINDING,))),
        (talks, ControlFailed("no answer"), Failed((FINDING,))),
    ],
)
def test_outcomes(check: Any, hull_or_refusal: Any, outcome: Any) -> None:
    assert judge(rule_of(check), facts_of(given={Hull: hull_or_refusal})) == outcome


def test_needs_one_of_several() -> None:
    def check(hull: Hull | None, sail: Sail | None) -> Iterator[Finding]:
        return iter(())

    rule = rule_of(check, needs_one_of=(Hull, Sail))
    nothing = {Hull: NotApplicable("a raft"), Sail: NotApplicable("a raft")}
    assert judge(rule, facts_of(given=nothing)) == Skipped("a raft", ReasonKind.NOT_APPLICABLE)
    assert judge(rule, facts_of(given={**nothing, Sail: Sail(3)})) == Passed()


def test_findings_win_over_an_unknown() -> None:
    def check(hull: Hull) -> Iterator[Finding]:
        yield FINDING
        raise UnknownValue("User= at a:1")

    def unknown(hull: Hull) -> Iterator[Finding]:
        if hull.wood.kind:
            raise UnknownValue("User= at a:1")
        yield FINDING

    facts = facts_of(given={Hull: Hull(Wood("oak"))})
    assert judge(rule_of(check), facts) == Failed((FINDING,))
    assert judge(rule_of(unknown), facts) == Skipped("User= at a:1", ReasonKind.UNKNOWN)


def test_a_broken_rule_is_errored_and_keeps_its_findings() -> None:
    def check(hull: Hull) -> Iterator[Finding]:
        yield FINDING
        raise ZeroDivisionError("depth")

    outcome = judge(rule_of(check), facts_of(given={Hull: Hull(Wood("oak"))}))
    assert isinstance(outcome, Errored)
    assert "ZeroDivisionError: depth" in outcome.detail
    assert outcome.findings == (FINDING,)


def test_a_finding_above_its_rule_is_a_fault() -> None:
    def check(hull: Hull) -> Iterator[Finding]:
        yield Finding("It leaks.", Location("hull"), "hull", severity=Severity.CRITICAL)

    outcome = judge(rule_of(check), facts_of(given={Hull: Hull(Wood("oak"))}))
    assert isinstance(outcome, Errored)
    assert "critical" in outcome.detail


def test_every_provider_and_rule_names_facts_that_can_be_had() -> None:
    providers = discover_providers()
    given = {"Project", "Checkout", "Options", "Engine", "Progress", "ExitStack", "RuleBook", "UnusedSuppressions"}
    for owner in (*(spec.function for spec in providers.values()), *(rule.check for rule in discover_rules())):
        for need in needs_of(owner):
            assert need.kind in providers or need.kind.__name__ in given, f"{owner.__module__}: {need.name}"
