"""Where to edit a setting, and whether its booted value may be judged at all."""

from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Location, UnknownValue


def settings_place(settings: Settings, source: SettingsSource | None, name: str) -> Location:
    """The winning assignment of a setting, else the first line of the settings module."""
    winner = source.winner(name) if source else None
    return winner.location if winner else Location(settings.module_path or "manage.py")


def booted(settings: Settings, source: SettingsSource | None, name: str) -> Evidence:
    """``booted settings: NAME = value``, at its place. Not for secrets."""
    return Evidence(f"booted settings: {name} = {settings.value(name)!r}", settings_place(settings, source, name))


def require_decided(settings: Settings, name: str) -> None:
    """Raise UnknownValue when the scanner or an example file, not the deployment, decided the value of a setting."""
    if name in settings.injected:
        raise UnknownValue(f"{name} is decided by {settings.injected[name]}, which the repository does not tell")
    if name in settings.samples:
        raise UnknownValue(f"{name} is decided by {settings.samples[name]}, which only an example file sets")
