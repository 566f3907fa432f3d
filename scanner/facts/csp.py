"""Content-Security-Policy: what a policy lets scripts do, and which policy the settings make.

Source: https://www.w3.org/TR/CSP3/ (matching of sources, `'unsafe-inline'` beside nonces and hashes, fallbacks).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scanner.facts.sent_headers import CSP, django_header
from scanner.facts.settings import Json, Settings

CSP_MIDDLEWARE: Final = "django.middleware.csp.ContentSecurityPolicyMiddleware"
DJANGO_CSP: Final = "csp.middleware.CSPMiddleware"
REPORT_ONLY: Final = "Content-Security-Policy-Report-Only"
CONTEXT_PROCESSOR: Final = "django.template.context_processors.csp"
_ANYWHERE: Final = frozenset({"*", "http:", "https:", "data:"})
_HASHES: Final = ("'sha256-", "'sha384-", "'sha512-")
# Settings of django-csp before 4.0 that are no directives.
_NO_DIRECTIVES: Final = frozenset(
    {"CSP_REPORT_ONLY", "CSP_INCLUDE_NONCE_IN", "CSP_EXCLUDE_URL_PREFIXES", "CSP_REPORT_PERCENTAGE"}
)


@dataclass(frozen=True)
class Policy:
    """One policy, its directives in lower case; the first of a name counts."""

    directives: Mapping[str, tuple[str, ...]]

    def sources(self, name: str) -> tuple[str, ...] | None:
        """The sources of a fetch directive, ``default-src`` where it is not given; None where neither is."""
        return self.directives.get(name, self.directives.get("default-src"))

    @property
    def scripts(self) -> tuple[str, ...] | None:
        """Where scripts may come from; None where the policy does not say."""
        return self.sources("script-src")

    @property
    def trusts_by_token(self) -> bool:
        """It lets scripts run by a nonce, a hash or ``'strict-dynamic'``."""
        return any(_is_token(one) for one in self.scripts or ())

    def loose_scripts(self) -> tuple[str, ...]:
        """The sources with which injected scripts run all the same."""
        sources = self.scripts or ()
        strict = "'strict-dynamic'" in sources
        loose = [one for one in sources if one == "'unsafe-eval'"]
        if not self.trusts_by_token:
            loose += [one for one in sources if one == "'unsafe-inline'"]
        if not strict:
            loose += [one for one in sources if one in _ANYWHERE]
        return tuple(loose)

    def open_directives(self) -> tuple[str, ...]:
        """Directives whose absence lets an injected element load what it likes."""
        found = []
        objects = self.sources("object-src")
        if objects is None or _ANYWHERE.intersection(objects):
            found.append("object-src")
        if "base-uri" not in self.directives and self.trusts_by_token:
            found.append("base-uri")  # with a list of hosts, scripts of another base are refused anyway
        return tuple(found)


def _is_token(source: str) -> bool:
    return source.startswith(("'nonce-", *_HASHES)) or source == "'strict-dynamic'" or "nonce" in source


def parse_policy(text: str) -> Policy:
    """Read one policy; a comma does not separate here (headers are taken one by one)."""
    directives: dict[str, tuple[str, ...]] = {}
    for part in text.split(";"):
        words = part.split()
        if words:
            directives.setdefault(words[0].lower(), tuple(word.lower() for word in words[1:]))
    return Policy(directives)


def policies_in(values: Sequence[str]) -> tuple[Policy, ...]:
    """All policies of an answer's header lines; one line may hold several, separated by commas (RFC 9110, 5.3)."""
    return tuple(parse_policy(part) for value in values for part in value.split(",") if part.strip())


def django_policy(settings: Settings) -> Policy | None:
    """The enforced policy that Django or django-csp sends; None when neither sends one."""
    text = django_header(settings, CSP)
    if text is None:
        return None
    policy = parse_policy(text)
    scripts = policy.scripts
    if "script-src" in settings.strings("CSP_INCLUDE_NONCE_IN") and scripts is not None:
        return Policy({**policy.directives, "script-src": (*scripts, "'nonce-x'")})
    return policy


def policy_setting(settings: Settings) -> str:
    """The setting that makes the policy: Django's own, or django-csp's."""
    for name in ("SECURE_CSP", "CONTENT_SECURITY_POLICY", "CSP_SCRIPT_SRC", "CSP_DEFAULT_SRC"):
        if settings.value(name):
            return name
    return next(iter(old_settings(settings)), "SECURE_CSP")


def old_settings(settings: Settings) -> tuple[str, ...]:
    """Names of directives that django-csp before 4.0 reads and that the project sets."""
    return tuple(
        sorted(
            name
            for name in settings.explicit
            if name.startswith("CSP_") and name not in _NO_DIRECTIVES and settings.value(name)
        )
    )


def unsent(settings: Settings) -> tuple[str, str] | None:
    """A setting with a policy that no middleware sends, and the middleware that is missing; None where all is sent."""
    if settings.value("SECURE_CSP") and not settings.has_middleware(CSP_MIDDLEWARE):
        return "SECURE_CSP", CSP_MIDDLEWARE
    if settings.has_middleware(DJANGO_CSP):
        return None
    if settings.value("CONTENT_SECURITY_POLICY"):
        return "CONTENT_SECURITY_POLICY", DJANGO_CSP
    old = old_settings(settings)
    return (old[0], DJANGO_CSP) if old else None


def only_reported(settings: Settings) -> str | None:
    """The setting whose policy Django only reports on, while it enforces none."""
    if django_header(settings, CSP) is not None:
        return None
    if settings.has_middleware(CSP_MIDDLEWARE) and settings.value("SECURE_CSP_REPORT_ONLY"):
        return "SECURE_CSP_REPORT_ONLY"
    if settings.has_middleware(DJANGO_CSP):
        if settings.value("CSP_REPORT_ONLY"):
            return "CSP_REPORT_ONLY"
        if settings.value("CONTENT_SECURITY_POLICY_REPORT_ONLY"):
            return "CONTENT_SECURITY_POLICY_REPORT_ONLY"
    return None


def has_nonce(value: Json) -> bool:
    """Whether a policy of the settings asks for Django's nonce."""
    if isinstance(value, str):
        return "NONCE" in value
    if isinstance(value, Mapping):
        return any(has_nonce(one) for one in value.values())
    return isinstance(value, Sequence) and any(has_nonce(one) for one in value)


def gives_nonce_to_templates(settings: Settings) -> bool:
    """Whether some template engine has the context processor of ``csp_nonce``."""
    engines = settings.value("TEMPLATES")
    for engine in engines if isinstance(engines, list | tuple) else ():
        options = engine.get("OPTIONS") if isinstance(engine, Mapping) else None
        processors = options.get("context_processors") if isinstance(options, Mapping) else None
        if isinstance(processors, list | tuple) and CONTEXT_PROCESSOR in processors:
            return True
    return False
