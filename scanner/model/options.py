"""What the user asked for, as far as collectors, boot and stack read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scanner.model.finding import ScopeClass


@dataclass(frozen=True)
class Options:
    """The part of the configuration that decides how facts are obtained. Every value is the user's, or the default."""

    settings: str | None = None
    """The settings module."""
    env: Mapping[str, str] = field(default_factory=dict)
    """``--env`` and ``env:``: variables of the production environment. They count as the project's own values."""
    env_files: tuple[str, ...] = ()
    """Paths relative to the checkout."""
    python: str | None = None
    """``3.13``."""
    requirements: tuple[str, ...] = ()
    dockerfile: str | None = None
    nginx: tuple[str, ...] = ()
    nginx_image: str = "nginx:1.29"
    host: str | None = None
    edge: str | None = None
    """``none``: this proxy is the edge; ``tls``: something in front of it ends TLS; None: decided from the files."""
    timeout: float = 600.0
    """Seconds for the whole scan."""
    start_timeout: float = 30.0
    """Seconds until the stack must answer."""
    boot_seconds: float = 60.0
    memory: int = 1024 * 1024 * 1024
    """Bytes for a process of the project."""
    processes: int = 256
    allow_builds: bool = False
    ca_bundle: Path | None = None
    index_url: str | None = None
    trusted: bool = False
    keep_stack: bool = False
    scopes: Mapping[str, ScopeClass] = field(default_factory=dict)
    """Globs of paths and the scope that the user gives them."""
