"""How rules, collectors and probes declare themselves.

A declaration only tags the function. Packages are walked for tagged functions; there is no list to edit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from scanner.model.finding import Finding, Layer, Severity

_PROVIDER = "__seatrial_provider__"
_RULE = "__seatrial_rule__"

Check = Callable[..., Iterable[Finding]]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ProviderSpec:
    """A function whose return annotation says which fact it makes, and whose parameters say which it needs."""

    function: Callable[..., object]
    layer: Layer
    disturbs: bool = False
    """A probe that disturbs the stack runs alone, after all the others."""


@dataclass(frozen=True)
class Rule:
    """One rule: its module's name with dashes is its id, its module's docstring is its documentation."""

    id: str
    severity: Severity
    since: str
    doc: str
    topic: str
    check: Check
    needs_one_of: tuple[type, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the documentation, without its full stop."""
        return self.doc.strip().splitlines()[0].rstrip(".") if self.doc.strip() else self.id

    @property
    def cure(self) -> str:
        """What stands under ``Good`` in the documentation, without its indentation; empty where there is none."""
        import textwrap  # noqa: PLC0415 - only for reports

        _, _, rest = self.doc.partition("## Good\n")
        return textwrap.dedent(rest.partition("\n## ")[0]).strip("\n")


@dataclass(frozen=True)
class _RuleTag:
    severity: Severity
    since: str
    needs_one_of: tuple[type, ...] = field(default=())


def provider(layer: Layer = Layer.FILES) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Tag a function as the provider of the fact that its return annotation names."""

    def tag(function: Callable[P, T]) -> Callable[P, T]:
        setattr(function, _PROVIDER, ProviderSpec(function, layer))
        return function

    return tag


def probe(*, disturbs: bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Tag a function as a probe: a provider that asks the live stack one question."""

    def tag(function: Callable[P, T]) -> Callable[P, T]:
        setattr(function, _PROVIDER, ProviderSpec(function, Layer.STACK, disturbs))
        return function

    return tag


def provider_spec(candidate: object) -> ProviderSpec | None:
    """The tag that ``provider`` or ``probe`` put on a function, or None."""
    spec = getattr(candidate, _PROVIDER, None)
    return spec if isinstance(spec, ProviderSpec) else None


def rule(*, severity: Severity, since: str = "0.1", needs_one_of: tuple[type, ...] = ()) -> Callable[[Check], Check]:
    """Tag the ``check`` function of a rule module.

    ``severity`` is the highest that its findings can have; ``needs_one_of`` names facts of which at least one must be
    at hand (their parameters are ``X | None``), or else the rule is skipped.
    """

    def tag(function: Check) -> Check:
        setattr(function, _RULE, _RuleTag(severity, since, needs_one_of))
        return function

    return tag


def rule_spec(module_name: str, doc: str, check: Check) -> Rule | None:
    """The Rule of a module ``scanner.rules.TOPIC.NAME`` whose ``check`` is tagged, or None."""
    tag: Any = getattr(check, _RULE, None)
    if not isinstance(tag, _RuleTag):
        return None
    *_, topic, name = module_name.split(".")
    return Rule(
        id=name.replace("_", "-"),
        severity=tag.severity,
        since=tag.since,
        doc=doc,
        topic=topic,
        check=check,
        needs_one_of=tag.needs_one_of,
    )
