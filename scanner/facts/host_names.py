"""Which Host names Django accepts."""

from scanner.facts.settings import Settings


def accepts_host(settings: Settings, host: str) -> bool:
    """Whether ALLOWED_HOSTS lets a Host through, as ``django.http.request.validate_host`` does."""
    name = host.lower().rstrip(".")
    if not name.startswith("["):
        name = name.partition(":")[0]
    return any(_matches(pattern.lower(), name) for pattern in settings.strings("ALLOWED_HOSTS"))


def _matches(pattern: str, name: str) -> bool:
    return (
        pattern == "*"
        or (pattern.startswith(".") and (name.endswith(pattern) or name == pattern[1:]))
        or (pattern == name)
    )


def refuses_strangers(settings: Settings) -> bool:
    """Whether a name that nobody declares is refused."""
    return not accepts_host(settings, "a-name-of-nobody.invalid")
