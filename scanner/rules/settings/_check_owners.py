"""Which rule owns which of Django's deployment checks: its topic's rule decides, with the other layers beside it.

The ids are those of Django 4.2 to 6.1. An id that is not here has no owner; ``deploy-check-message`` carries it.
"""

OWNERS = {
    "security.W001": "security-middleware-missing",
    "security.W002": "framing-allowed",
    "security.W003": "csrf-middleware-missing",
    "security.W004": "hsts-missing",
    "security.W005": "hsts-weak",
    "security.W006": "nosniff-missing",
    "security.W008": "plain-http-served",
    "security.W009": "secret-key-weak",
    "security.W010": "session-cookie-insecure",
    "security.W011": "session-cookie-insecure",
    "security.W012": "session-cookie-insecure",
    "security.W013": "session-cookie-script-readable",
    "security.W014": "session-cookie-script-readable",
    "security.W015": "session-cookie-script-readable",
    "security.W016": "csrf-cookie-insecure",
    "security.W018": "debug-enabled",
    "security.W019": "framing-allowed",
    "security.W020": "allowed-hosts-empty",
    "security.W021": "hsts-weak",
    "security.W022": "referrer-policy-unsafe",
    "security.E023": "referrer-policy-unsafe",
    "security.E024": "opener-policy-missing",
    "security.W025": "secret-key-weak",
    "security.E026": "csp-not-enforced",
    "security.W027": "csp-not-enforced",
    "caches.W002": "cache-directory-served",
    "4_0.E001": "csrf-own-origin-rejected",
}
