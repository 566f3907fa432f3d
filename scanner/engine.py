"""Facts by type, and rules over them.

A provider is a function whose return annotation names the fact that it makes, and whose parameter annotations name the
facts that it needs; ``X | None`` marks one that it can do without. The engine obtains each fact at most once, on first
use. Rules name the facts that they join in the same way.
"""

import functools
import importlib
import pkgutil
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from scanner.model import (
    ControlFailed,
    Errored,
    Failed,
    Finding,
    Layer,
    LayerMissing,
    NotApplicable,
    Outcome,
    Passed,
    ProviderSpec,
    ReasonKind,
    Rule,
    Skipped,
    Unavailable,
    clean_block,
    provider_spec,
    rule_spec,
)

T = TypeVar("T")

PROVIDER_PACKAGES = ("scanner.facts", "scanner.boot", "scanner.stack", "scanner.probes")
# These run in the scanned project's interpreter or in the prober's sandbox: the scanner itself never imports them.
FOREIGN_MODULES = frozenset({"inside", "launch", "wire", "hook"})


@dataclass(frozen=True)
class Need:
    """One parameter of a provider or a rule."""

    name: str
    kind: type
    optional: bool


class BrokenProvider(Exception):
    """A provider raised something that no provider should raise: a fault of ours, told as such."""


_FAILURES = (Unavailable, ControlFailed, BrokenProvider)


@functools.cache
def needs_of(function: Callable[..., object]) -> tuple[Need, ...]:
    """The parameters of a provider or a rule, by their annotations. Raises TypeError for one that names no class."""
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    return tuple(_need(function, name, hint) for name, hint in hints.items())


def _need(function: Callable[..., object], name: str, hint: object) -> Need:
    if isinstance(hint, type):
        return Need(name, hint, optional=False)
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        kinds = [one for one in typing.get_args(hint) if one is not type(None)]
        if len(kinds) == 1 and isinstance(kinds[0], type):
            return Need(name, kinds[0], optional=True)
    message = f"{function.__module__}.{function.__qualname__}: parameter {name} names no fact"
    raise TypeError(message)


def _walk(package: str) -> Iterable[types.ModuleType]:
    root = importlib.import_module(package)
    yield root
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda one: one.name):
        if info.name in FOREIGN_MODULES:
            continue
        name = f"{package}.{info.name}"
        if info.ispkg:
            yield from _walk(name)
        else:
            yield importlib.import_module(name)


def discover_providers(packages: Iterable[str] = PROVIDER_PACKAGES) -> Mapping[type, ProviderSpec]:
    """All tagged functions of these packages, by the fact that they make.

    Raises TypeError when one has no class as its return annotation, or when two make the same fact.
    """
    found: dict[type, ProviderSpec] = {}
    for package in packages:
        for module in _walk(package):
            for candidate in vars(module).values():
                spec = provider_spec(candidate)
                if spec is None or spec.function.__module__ != module.__name__:
                    continue
                made = typing.get_type_hints(spec.function).get("return")
                if not isinstance(made, type) or made in found:
                    message = f"{module.__name__}.{spec.function.__qualname__}: makes no fact of its own"
                    raise TypeError(message)
                found[made] = spec
    return found


def discover_rules(package: str = "scanner.rules") -> tuple[Rule, ...]:
    """All rules, sorted by id. A rule is a module ``scanner.rules.TOPIC.NAME`` with a tagged function ``check``."""
    rules = []
    for module in _walk(package):
        check = getattr(module, "check", None)
        if check is not None and check.__module__ == module.__name__:
            one = rule_spec(module.__name__, module.__doc__ or "", check)
            if one is not None:
                rules.append(one)
    return tuple(sorted(rules, key=lambda one: one.id))


class Facts:
    """The facts of one project in one run."""

    def __init__(
        self,
        providers: Mapping[type, ProviderSpec],
        given: Mapping[type, object],
        layers: Iterable[Layer] = tuple(Layer),
    ) -> None:
        """``given`` are facts at hand, by type; an Unavailable in place of a value is raised when it is asked for."""
        self._providers = providers
        self._layers = frozenset(layers)
        self._known: dict[type, object] = dict(given)
        self._pending: list[type] = []
        self._stopped = ""

    def stop(self, reason: str) -> None:
        """From now on, a fact that is not known yet is no longer made: asking for it raises ControlFailed."""
        self._stopped = reason

    def get(self, kind: type[T]) -> T:
        """The fact of that type, made on first use.

        Raises Unavailable or ControlFailed as its provider did, BrokenProvider when the provider raised anything else.
        """
        value = self.look(kind)
        if isinstance(value, _FAILURES):
            raise value
        # A Protocol that was given (an engine, a progress) is trusted to be what it was given as.
        return typing.cast(T, value)  # noqa: TC006 - the one cast: a mapping from type to its value cannot be typed

    def look(self, kind: type) -> object:
        """The fact of that type, made on first use, or the exception that ``get`` would raise for it."""
        known = self._known
        if kind in known:
            return known[kind]
        made = known[kind] = self._obtain(kind)
        return made

    def layer_of(self, kind: type) -> Layer | None:
        """The layer that makes that fact; None for given and unknown ones."""
        spec = self._providers.get(kind)
        return spec.layer if spec else None

    def kinds(self, layer: Layer) -> tuple[type, ...]:
        """The facts that this layer can make; those of disturbing probes last."""
        specs = [(kind, spec) for kind, spec in self._providers.items() if spec.layer is layer]
        return tuple(kind for kind, _ in sorted(specs, key=lambda pair: pair[1].disturbs))

    def _obtain(self, kind: type) -> object:
        spec = self._providers.get(kind)
        if spec is None:
            return Unavailable(f"nothing here can tell {kind.__name__}")
        if spec.layer not in self._layers:
            return LayerMissing(f"the {spec.layer} layer was not asked for")
        if self._stopped:
            return ControlFailed(self._stopped)
        if kind in self._pending:
            chain = " -> ".join(one.__name__ for one in [*self._pending, kind])
            message = f"facts need each other in a circle: {chain}"
            raise TypeError(message)
        self._pending.append(kind)
        try:
            arguments = {need.name: self._argument(need) for need in needs_of(spec.function)}
            return spec.function(**arguments)
        except (Unavailable, ControlFailed, BrokenProvider) as error:
            return error
        except Exception as error:  # noqa: BLE001 - not swallowed: every rule that needs the fact ends errored with it
            broken = BrokenProvider(f"{spec.function.__module__.removeprefix('scanner.')} broke: {describe(error)}")
            broken.__cause__ = error
            return broken
        finally:
            self._pending.pop()

    def _argument(self, need: Need) -> object:
        try:
            return self.get(need.kind)
        except (Unavailable, ControlFailed):
            if need.optional:
                return None
            raise


def describe(error: BaseException) -> str:
    """An exception in one line: its class, its text, and the place of ours where it came from."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if isinstance(module, str) and module.startswith("scanner."):
            place = f" ({module}:{trace.tb_lineno})"
        trace = trace.tb_next
    return clean_block(f"{type(error).__name__}: {error}".replace("\n", " "), 600) + place


@dataclass(frozen=True)
class _Arguments:
    values: Mapping[str, object]
    broken: tuple[str, ...]
    """Why facts that the rule can do without could not be had, where that is a failure and no absence."""


def _collect(rule: Rule, facts: Facts) -> _Arguments | Skipped | Errored:
    values: dict[str, object] = {}
    broken: list[str] = []
    reasons: dict[type, Unavailable] = {}
    for need in needs_of(rule.check):
        value = facts.look(need.kind)
        if not isinstance(value, _FAILURES):
            values[need.name] = value
            continue
        values[need.name] = None
        if isinstance(value, Unavailable):
            if not need.optional:
                return Skipped(value.reason, value.kind)
            reasons[need.kind] = value
        else:
            if not need.optional:
                return Errored(str(value))
            broken.append(str(value))
    if rule.needs_one_of and all(kind in reasons for kind in rule.needs_one_of):
        return _skipped_for_want_of(tuple(reasons[kind] for kind in rule.needs_one_of))
    return _Arguments(values, tuple(broken))


def _skipped_for_want_of(errors: tuple[Unavailable, ...]) -> Skipped:
    reason = "; ".join(dict.fromkeys(error.reason for error in errors))
    kinds = {error.kind for error in errors}
    if all(isinstance(error, NotApplicable) for error in errors):
        return Skipped(reason, ReasonKind.NOT_APPLICABLE)
    return Skipped(reason, kinds.pop() if len(kinds) == 1 else ReasonKind.COULD_NOT_TEST)


def judge(rule: Rule, facts: Facts) -> Outcome:
    """Run one rule.

    A required fact that is unavailable skips it; one that broke errors it. An optional fact that broke (or whose
    control failed) is None for the rule: findings stand, but what would have passed ends errored.
    """
    arguments = _collect(rule, facts)
    if isinstance(arguments, Skipped | Errored):
        return arguments
    findings: list[Finding] = []
    try:
        for finding in rule.check(**arguments.values):
            if finding.severity is not None and finding.severity > rule.severity:
                message = f"a finding is {finding.severity.word}, above its rule's {rule.severity.word}"
                raise ValueError(message)
            findings.append(finding)
    except Unavailable as error:
        if not findings:
            return Errored("; ".join(arguments.broken)) if arguments.broken else Skipped(error.reason, error.kind)
    except Exception as error:  # noqa: BLE001 - not swallowed: a broken rule is an errored result
        return Errored(f"the rule broke: {describe(error)}", tuple(findings))
    if findings:
        return Failed(tuple(findings))
    return Errored("; ".join(arguments.broken)) if arguments.broken else Passed()
