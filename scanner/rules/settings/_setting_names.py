"""Names of Django's settings: those that protect, those beside them, and those that it no longer reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Removed:
    """A setting that Django no longer reads."""

    since: tuple[int, int]
    instead: str


def _words(*texts: str) -> tuple[str, ...]:
    return tuple(word for text in texts for word in text.split())


PROTECTING = _words(
    "SECURE_SSL_REDIRECT SECURE_HSTS_SECONDS SECURE_HSTS_INCLUDE_SUBDOMAINS SECURE_HSTS_PRELOAD SECURE_REFERRER_POLICY",
    "SECURE_CONTENT_TYPE_NOSNIFF SECURE_CROSS_ORIGIN_OPENER_POLICY SECURE_PROXY_SSL_HEADER SECURE_CSP",
    "SESSION_COOKIE_SECURE SESSION_COOKIE_HTTPONLY SESSION_COOKIE_SAMESITE SESSION_COOKIE_AGE",
    "SESSION_EXPIRE_AT_BROWSER_CLOSE CSRF_COOKIE_SECURE CSRF_COOKIE_HTTPONLY CSRF_COOKIE_SAMESITE CSRF_USE_SESSIONS",
    "ALLOWED_HOSTS X_FRAME_OPTIONS PASSWORD_HASHERS PASSWORD_RESET_TIMEOUT AUTH_PASSWORD_VALIDATORS",
    "DATA_UPLOAD_MAX_MEMORY_SIZE DATA_UPLOAD_MAX_NUMBER_FIELDS DATA_UPLOAD_MAX_NUMBER_FILES",
)
"""Where such a name is misspelt, the weaker default stays."""
BESIDE = _words(
    "SECURE_SSL_HOST SECURE_REDIRECT_EXEMPT SECURE_CSP_REPORT_ONLY SESSION_COOKIE_NAME SESSION_COOKIE_PATH",
    "SESSION_COOKIE_DOMAIN SESSION_CACHE_ALIAS SESSION_ENGINE SESSION_FILE_PATH SESSION_SAVE_EVERY_REQUEST",
    "SESSION_SERIALIZER CSRF_COOKIE_AGE CSRF_COOKIE_DOMAIN CSRF_COOKIE_NAME CSRF_COOKIE_PATH CSRF_COOKIE_MASKED",
    "CSRF_FAILURE_VIEW CSRF_HEADER_NAME CSRF_TRUSTED_ORIGINS LANGUAGE_COOKIE_SECURE LANGUAGE_COOKIE_HTTPONLY",
    "LANGUAGE_COOKIE_SAMESITE FILE_UPLOAD_MAX_MEMORY_SIZE",
)
"""Real names that lie close to those."""
REMOVED = {
    "SECURE_BROWSER_XSS_FILTER": Removed((4, 0), "a Content-Security-Policy; browsers have dropped the filter"),
    "PASSWORD_RESET_TIMEOUT_DAYS": Removed((4, 0), "PASSWORD_RESET_TIMEOUT, in seconds"),
    "DEFAULT_HASHING_ALGORITHM": Removed((4, 0), "nothing: it is SHA-256 always"),
    "CSRF_COOKIE_MASKED": Removed((5, 0), "nothing: the cookie is never masked"),
    "STATICFILES_STORAGE": Removed((5, 1), 'STORAGES["staticfiles"]'),
    "DEFAULT_FILE_STORAGE": Removed((5, 1), 'STORAGES["default"]'),
}


def edits(one: str, other: str, most: int = 2) -> int:
    """The number of single-character edits between two names; anything above ``most`` where it is more than that."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        current = [row]
        for column, right in enumerate(other, 1):
            current.append(min(before[column] + 1, current[-1] + 1, before[column - 1] + (left != right)))
        before = current
    return before[-1]
