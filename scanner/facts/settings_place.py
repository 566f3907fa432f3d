"""Where to edit a setting, and whether its booted value may be judged at all."""

from scanner.facts.settings import Settings
from scanner.facts.settings_source import Origin, SettingsSource
from scanner.model import Evidence, Fix, Location, UnknownValue


def settings_place(settings: Settings, source: SettingsSource | None, name: str) -> Location:
    """The winning assignment of a setting, else the first line of the settings module."""
    winner = source.winner(name) if source else None
    return winner.location if winner else Location(settings.module_path or "manage.py")


def nested_place(settings: Settings, source: SettingsSource | None, path: str) -> Location:
    """Where the innermost part of ``DATABASES.default.USER`` is written that the source tells."""
    while source is not None and "." in path and source.winner(path) is None:
        path = path.rpartition(".")[0]
    return settings_place(settings, source, path)


def undecided_by(settings: Settings, path: str) -> str | None:
    """The variable that decides ``DATABASES.default.USER``, or what it is a part of, and that nobody runs with.

    The whole setting counts only where none of its parts is named: else it is listed because of another part.
    """
    known = {**settings.samples, **settings.injected}
    parts = path.split(".")
    for length in range(len(parts), 1, -1):
        name = ".".join(parts[:length])
        if name in known:
            return known[name]
    inner = any(name.startswith((f"{parts[0]}.", f"{parts[0]}[")) for name in known)
    return None if inner else known.get(parts[0])


def default_of(settings: Settings, source: SettingsSource | None, path: str) -> str | None:
    """The variable of which ``DATABASES.default.USER``, or what it is a part of, is only the default.

    None where the value is written, or where the deployment sets that variable.
    """
    winner = source.winner(path) if source else None
    while winner is None and source is not None and "." in path:
        path = path.rpartition(".")[0]
        winner = source.winner(path)
    if winner is None or winner.origin is not Origin.ENV_DEFAULT or winner.variable in settings.environment_names:
        return None
    return winner.variable


def booted(settings: Settings, source: SettingsSource | None, name: str) -> Evidence:
    """``booted settings: NAME = value``, at its place. Not for secrets."""
    return Evidence(f"booted settings: {name} = {settings.value(name)!r}", settings_place(settings, source, name))


def require_decided(settings: Settings, name: str) -> None:
    """Raise UnknownValue when the scanner or an example file, not the deployment, decided the value of a setting."""
    if name in settings.injected:
        raise UnknownValue(f"{name} is decided by {settings.injected[name]}, which the repository does not tell")
    if name in settings.samples:
        raise UnknownValue(f"{name} is decided by {settings.samples[name]}, which only an example file sets")


def literal_fix(source: SettingsSource | None, name: str, line: str) -> Fix | None:
    """Replace the assignment of a setting by ``line``, where it is one line with a plain literal under no condition."""
    winner = source.winner(name) if source else None
    if winner is None or winner.origin is not Origin.LITERAL or winner.guard or winner.augmented:
        return None
    if winner.location.column != 1 or not winner.literal or winner.literal.startswith(("[", "(", "{")):
        return None
    return Fix(winner.location.path, winner.location.line, winner.location.line, (line,))
