"""The booted settings as the fact that rules read: which of them the scanner decided, and which an example file did."""

import re
from collections.abc import Mapping
from dataclasses import replace

from scanner.boot.draft import Draft
from scanner.boot.effective_line import EffectiveClasses
from scanner.boot.local_settings import LocalSettings
from scanner.boot.record import BootedSettings
from scanner.facts.boot_plan import Variable, VariableSource
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource


def settings_fact(
    booted: BootedSettings,
    draft: Draft,
    source: SettingsSource | None,
    classes: EffectiveClasses | None = None,
    local: LocalSettings | None = None,
) -> Settings:
    """The fact, with ``injected`` and ``samples`` filled in."""
    plan = draft.plan
    injected: dict[str, str] = {}
    samples: dict[str, str] = {}
    for setting, name in booted.showing.items():
        variable = plan.variable(name)
        if variable is not None and variable.source is VariableSource.SAMPLE:
            samples[setting] = name
        else:
            injected[setting] = name
    for setting in source.assignments if source else ():
        _by_source(setting, draft, source, injected, samples)
    injected |= {one.setting: one.why for one in plan.overrides if one.setting not in {"DATABASES", "LOGGING_CONFIG"}}
    _by_guard(source, draft, injected)
    if local is not None:
        for setting in (*booted.explicit, *booted.secrets):
            if local.may_set(setting):
                injected.setdefault(setting, local.module)
    found = classes or EffectiveClasses()
    return Settings(
        module=booted.module,
        module_path=plan.settings_path,
        django_version=booted.django,
        python_version=booted.python,
        values=booted.values,
        explicit=booted.explicit,
        secrets={
            name: replace(shape, injected=_decided(name, injected, samples)) for name, shape in booted.secrets.items()
        },
        injected=injected,
        samples=samples,
        environment_names=booted.environment,
        placeholders=plan.placeholders,
        middleware=booted.middleware,
        installed_apps=booted.installed_apps,
        base_dir=plan.directory,
        settings_reason=plan.settings_reason,
        password_hashers=found.password_hashers,
        password_validators=found.password_validators,
        authentication_backends=found.authentication_backends,
        session_serializer=found.session_serializer,
        report_filter=found.report_filter,
        rest_framework=found.rest_framework,
        cors=found.cors,
        jwt=found.jwt,
        toolbar_for_all=found.toolbar_for_all,
    )


def _decided(name: str, injected: Mapping[str, str], samples: Mapping[str, str]) -> bool:
    """Whether a value, or all of what it is an item of, is one that nobody runs with."""
    if name in injected or name in samples:
        return True
    parent = name.rpartition(".")[0]
    while "." in parent:
        if parent in injected or parent in samples:
            return True
        parent = parent.rpartition(".")[0]
    return False


def _by_source(
    setting: str, draft: Draft, source: SettingsSource | None, injected: dict[str, str], samples: dict[str, str]
) -> None:
    """A setting whose assignment reads a variable that nobody runs with, whatever its value looks like."""
    winner = source.winner(setting) if source else None
    if winner is None or winner.variable is None or setting in injected:
        return
    if any(name.startswith(f"{setting}.") for name in (source.assignments if source else ())):
        return  # of a dict that is written out, each item speaks for itself
    variable = draft.plan.variable(winner.variable)
    if variable is not None:
        _mark(variable, setting, injected, samples)
    elif winner.origin is Origin.ENV_REQUIRED and winner.guard is None:
        injected[setting] = winner.variable  # production gives it, and nobody here can tell what


def _mark(variable: Variable, setting: str, injected: dict[str, str], samples: dict[str, str]) -> None:
    if variable.source is VariableSource.SAMPLE:
        samples.setdefault(setting, variable.name)
    elif variable.source is VariableSource.PLACEHOLDER:
        injected.setdefault(setting, variable.name)


def _by_guard(source: SettingsSource | None, draft: Draft, injected: dict[str, str]) -> None:
    """A setting that is assigned under a condition that the scanner decided: the branch may not be production's."""
    made = {one.name for one in draft.plan.variables if one.source is VariableSource.PLACEHOLDER}
    doubtful = {name for name in injected if "." not in name and "[" not in name and name != "DEBUG"}
    for setting, found in (source.assignments if source else {}).items():
        if setting in injected:
            continue
        for one in found:
            reason = _doubt(one, made, doubtful)
            if reason:
                injected[setting] = reason
                break


def _doubt(one: Assignment, made: set[str], doubtful: set[str]) -> str:
    if one.guard is None:
        return ""
    words = set(re.findall(r"[A-Za-z_]\w*", one.guard))
    return next(iter(sorted(words & made)), "") or next(iter(sorted(words & doubtful)), "")
