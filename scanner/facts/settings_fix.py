"""One setting put right, as a fix: its own line changed, or a line added where nothing sets it."""

from scanner.facts.settings import Settings
from scanner.facts.settings_origin import Assignment, Origin
from scanner.facts.settings_source import SettingsSource
from scanner.model import Fix


def setting_fix(
    settings: Settings, source: SettingsSource | None, name: str, value: str, *, safe: bool = True
) -> Fix | None:
    """``name = value`` in the settings.

    Where a plain literal on one line sets it, that line is replaced; where the source sets it nowhere and Django's
    default is in force, a line is added behind the last plain assignment of the settings module. None where anything
    else decides: a variable of the environment, a condition, another module.
    """
    if source is None:
        return None
    winner = source.winner(name)
    if winner is not None:
        plain = winner.origin is Origin.LITERAL and not winner.augmented and _is_plain(winner)
        line = winner.location.line
        if not plain or winner.location.end_line not in {None, line}:
            return None
        return Fix(winner.location.path, line, line, (f"{name} = {value}",), safe=safe)
    last = _last_line(settings, source)
    if name in settings.explicit or last is None:
        return None
    return Fix(settings.module_path or "", last + 1, last, (f"{name} = {value}",), safe=safe)


def _is_plain(one: Assignment) -> bool:
    """At the top level of its module, without a condition around it."""
    return one.guard is None and one.location.column == 1


def _last_line(settings: Settings, source: SettingsSource) -> int | None:
    """The last line of the last plain assignment of a whole setting in the settings module."""
    lines = [
        one.location.end_line or one.location.line
        for name, found in source.assignments.items()
        if name.isupper() and "." not in name
        for one in found
        if _is_plain(one) and one.location.path == settings.module_path
    ]
    return max(lines, default=None)
