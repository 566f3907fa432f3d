"""The environment of the first boot: what somebody gives, and values for what is read without a default."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scanner.boot.draft import Draft
from scanner.boot.environment import Files, known_variables
from scanner.boot.placeholders import Placeholders
from scanner.facts.boot_plan import Variable, VariableSource
from scanner.facts.python_modules import Modules
from scanner.facts.settings_choice import SettingsChoice
from scanner.facts.settings_source import EnvironmentRead, SettingsSource, production_configuration
from scanner.model import Options

_NEVER_NONE = frozenset(
    {
        *("SECRET_KEY", "ALLOWED_HOSTS", "DATABASES", "CACHES", "CSRF_TRUSTED_ORIGINS", "STATIC_URL", "MEDIA_URL"),
        *("TIME_ZONE", "LANGUAGE_CODE", "ROOT_URLCONF"),
    }
)
"""Settings of Django's that break it where they are None."""
_NEVER_FILLED = frozenset({"DJANGO_SETTINGS_MODULE", "HOME", "PATH", "USER", "PWD", "HOSTNAME", "PYTEST_CURRENT_TEST"})


@dataclass(frozen=True)
class Values:
    """Where values come from that nobody gives for production."""

    placeholders: Placeholders
    by_ci: Mapping[str, Variable] = field(default_factory=dict)
    """What the project's own tests run with."""


def with_environment(
    draft: Draft, files: Files, options: Options, source: SettingsSource | None, choice: SettingsChoice, values: Values
) -> Draft:
    """The variables that somebody gives, and a value for each that is read without a default."""
    known = known_variables(files, options, source)
    if choice.path and "DJANGO_CONFIGURATION" not in known:
        name = production_configuration(Modules(files.project), choice.path)
        if name:
            why = f"the class {name} in {choice.path}"
            known["DJANGO_CONFIGURATION"] = Variable("DJANGO_CONFIGURATION", name, VariableSource.SWITCH, why)
    for one in known.values():
        draft = draft.variable(one)
    for variable in _prefilled(source, set(known), values):
        draft = draft.variable(variable)
    return draft


def _is_needed(read: EnvironmentRead) -> bool:
    """Whether the settings surely fail, or mean nothing, where the variable is not set."""
    if read.raises:
        return True
    if read.setting is None or read.cast == "compare":
        return False
    return read.cast is not None or re.split(r"[.\[]", read.setting, maxsplit=1)[0] in _NEVER_NONE


def _prefilled(source: SettingsSource | None, known: set[str], values: Values) -> Iterator[Variable]:
    """A value for each variable that every read of it requires: CI's where there is one, else a placeholder."""
    by_name: dict[str, list[EnvironmentRead]] = {}
    for read in source.reads if source else ():
        by_name.setdefault(read.variable, []).append(read)
    for name, reads in by_name.items():
        if name in known or not all(one.required for one in reads) or name in _NEVER_FILLED:
            continue
        # What is read under a condition may be a feature that nobody has turned on; and a variable that is only looked
        # for, or that becomes a setting which may be None, means something by its absence. If it is needed after all,
        # the boot says so.
        sure = [one for one in reads if one.guard is None and _is_needed(one)]
        if not sure:
            continue
        if name in values.by_ci:
            yield values.by_ci[name]
            continue
        made = values.placeholders.make(name, reads)
        place = sure[0].location
        why = f"read without a default in {place}"
        yield Variable(name, made.value, VariableSource.PLACEHOLDER, why, place, made.mark)
