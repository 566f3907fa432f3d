"""What a rule says: severities, places, evidence, findings."""

import enum
from dataclasses import dataclass


class Severity(enum.IntEnum):
    """How bad a finding is; a higher number is worse."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The lower-case word of reports and options, such as ``high``."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Severity":
        """The severity with that word, in any case. Raises KeyError for another word."""
        return cls[word.upper()]


class Verdict(enum.StrEnum):
    """What policy decided about a finding."""

    BLOCKS = "blocks"
    REPORTED = "reported"
    KNOWN = "known"
    WAIVED = "waived"


class Proof(enum.StrEnum):
    """How a finding is known: seen on the live stack, or concluded from files and settings."""

    PROVEN = "proven"
    INFERRED = "inferred"


class Layer(enum.StrEnum):
    """The three layers of a scan, in the order in which they run."""

    FILES = "files"
    BOOT = "boot"
    STACK = "stack"


class ScopeClass(enum.StrEnum):
    """What a file is for: production, development, an example, or nobody can tell."""

    PROD = "prod"
    UNKNOWN = "unknown"
    DEV = "dev"
    EXAMPLE = "example"


class ReasonKind(enum.StrEnum):
    """Why a rule was skipped."""

    NOT_APPLICABLE = "not-applicable"
    COULD_NOT_TEST = "could-not-test"
    UNKNOWN = "unknown"
    DISABLED = "disabled"
    LAYER_MISSING = "layer-missing"


@dataclass(frozen=True, order=True)
class Location:
    """A place that a person can edit."""

    path: str
    """Relative to the root of the checkout, with ``/`` between parts."""
    line: int = 1
    """From 1."""
    column: int = 1
    """From 1, counted in code points."""
    end_line: int | None = None
    """Last line of the place where it spans several."""

    def __str__(self) -> str:
        """``path:line``, as editors and terminals understand it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Unknown:
    """A value that nobody can tell from the repository: a template expression, a missing include, an unset variable."""

    why: str
    location: Location | None = None


@dataclass(frozen=True)
class Evidence:
    """One thing that was seen: a directive, a value's provenance, or a request and the head of its response."""

    text: str
    location: Location | None = None


@dataclass(frozen=True)
class Fix:
    """Whole lines to be replaced.

    ``lines`` take the place of the lines ``start_line`` to ``end_line`` (both included, from 1) of ``path``; an
    ``end_line`` one below ``start_line`` inserts before it. ``safe`` means that no person needs to look at the result.
    """

    path: str
    start_line: int
    end_line: int
    lines: tuple[str, ...]
    safe: bool = True


@dataclass(frozen=True)
class Waiver:
    """The suppression that waives a finding."""

    reason: str
    until: str
    """ISO date, the last day on which it holds."""
    location: Location
    kind: str
    """``inline`` or ``config``."""


@dataclass(frozen=True)
class Finding:
    """One fault at one place to edit, with what was seen of it."""

    message: str
    """What is wrong, in one sentence, with the names of this project in it (each through ``quoted``)."""
    location: Location
    """The one place to edit."""
    symbol: str
    """Stable identity: ``settings.DEBUG``, ``server shop.example:443 location /static/``. Never a line number."""
    evidence: tuple[Evidence, ...] = ()
    proof: Proof = Proof.INFERRED
    severity: Severity | None = None
    """Lower than the rule's where the facts make it so; None means the rule's own; never higher."""
    fix: Fix | None = None
    verdict: Verdict = Verdict.REPORTED
