"""What ``nginx -t`` says of the project's configuration in the sandbox. Made by ``scanner.stack``."""

import enum
from dataclasses import dataclass

from scanner.facts.live_stack import Stub
from scanner.model import Location


class MessageClass(enum.StrEnum):
    """Whose fault a message is."""

    FINDING = "finding"
    """nginx refuses the project's file."""
    NOT_CHECKED = "not-checked"
    """The nginx at hand lacks that module or is older than the directive."""
    OURS = "ours"
    """What we built around the file was not enough."""
    ENVIRONMENT = "environment"
    EVIDENCE = "evidence"
    """A warning that rules may use."""
    HARMLESS = "harmless"


@dataclass(frozen=True)
class Message:
    """One line of nginx."""

    level: str
    """``emerg``, ``warn`` …"""
    text: str
    location: Location | None
    """In the repository."""
    kind: MessageClass


@dataclass(frozen=True)
class ProxyTest:
    """The verdict of nginx itself."""

    accepted: bool
    """As it is, or after lines that the nginx at hand cannot know were taken out."""
    messages: tuple[Message, ...]
    nginx_version: str
    stubs: tuple[Stub, ...] = ()
    our_cause: str = ""
    """Why we could not start it although nginx says nothing against the project's file."""
