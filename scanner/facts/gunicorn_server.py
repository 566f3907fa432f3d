"""What gunicorn makes of its command line, its variables and its configuration file (docs.gunicorn.org, "Settings")."""

from collections.abc import Mapping
from dataclasses import replace

from scanner.facts.app_server_types import AppServer, Bind, ServerKind
from scanner.facts.commands import plain_words
from scanner.facts.deploy_paths import find_in_checkout
from scanner.facts.gunicorn_config import ConfigValue, Known, read_gunicorn_config
from scanner.facts.server_options import Given, Option, listen_stream, parse_bind, read_options
from scanner.facts.server_reading import LOOPBACK, Reading, split_text
from scanner.model import Location, Unknown
from scanner.project import Unreadable
from scanner.project.scope import words as word_set

_GUNICORN_SHORT = {
    "-b": "bind", "-w": "workers", "-c": "config", "-u": "user", "-g": "group", "-e": "env", "-k": "worker-class",
    "-m": "umask", "-t": "timeout", "-p": "pid", "-n": "name", "-D": "daemon", "-R": "enable-stdio-inheritance",
    "-v": "version", "-h": "help",
}  # fmt: skip
_GUNICORN_FLAGS = word_set(
    "reload spew check-config print-config preload no-sendfile reuse-port daemon initgroups capture-output log-syslog",
    "enable-stdio-inheritance proxy-protocol strip-header-spaces permit-obsolete-folding",
    "permit-unconventional-http-method",
    "permit-unconventional-http-version casefold-http-method no-control-socket version help suppress-ragged-eofs",
    "do-handshake-on-connect disable-redirect-access-to-syslog",
)


def read_gunicorn(reading: Reading) -> AppServer:
    """gunicorn: its settings page, ``arbiter.py``, ``http/message.py``."""
    settings = _GunicornSettings(reading)
    uvicorn_worker = "uvicorn" in (settings.text("worker_class") or "")
    peers = reading.peers(settings.text("forwarded_allow_ips"), settings.place("forwarded_allow_ips"), LOOPBACK)
    positionals = settings.given.positionals
    application = positionals[0].text if positionals else settings.text("wsgi_app")
    chdir = settings.text("chdir")
    module = next(
        (pair.partition("=")[2] for pair in settings.texts("raw_env") if pair.startswith("DJANGO_SETTINGS_MODULE=")),
        None,
    )
    concurrency = reading.variable("WEB_CONCURRENCY")
    made = replace(
        reading.base(ServerKind.GUNICORN, "gunicorn"),
        binds=settings.binds(),
        application=application if application is None or ":" in application else f"{application}:application",
        trusted_peers=peers.listed,
        trust_location=peers.location,
        # gunicorn asks no list about a peer without an address (http/message.py); uvicorn's worker believes only "*".
        trusts_unix_peer=not uvicorn_worker or "*" in peers.listed,
        workers=reading.number(settings.text("workers"), concurrency.value if concurrency else None),
        drops_user=settings.text("user"),
        reload=settings.is_on("reload"),
        config_file=settings.config_file,
        settings=settings.given_settings(),
    )
    if chdir and chdir.startswith("/"):
        made = replace(made, directory=chdir)
    return replace(made, settings_module=module) if module else made


class _GunicornSettings:
    """Command line over ``GUNICORN_CMD_ARGS`` over the configuration file."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.given = read_options(reading.command.words[1:], _GUNICORN_SHORT, _GUNICORN_FLAGS)
        variable = reading.variable("GUNICORN_CMD_ARGS")
        self.more = Given((), ())
        if variable is not None and variable.value:
            self.more = read_options(
                plain_words(split_text(variable.value), variable.location), _GUNICORN_SHORT, _GUNICORN_FLAGS
            )
        self.config_file: str | None = None
        self.config = self._read_config()

    def _option(self, name: str) -> Option | None:
        dashed = {"raw_env": "env"}.get(name, name.replace("_", "-"))
        return self.given.last(dashed) or self.more.last(dashed)

    def _config_path(self) -> str | None:
        option = self.given.last("config") or self.more.last("config")
        artefact = self.reading.artefact
        if option is None:
            found = artefact.paths.to_checkout("gunicorn.conf.py", artefact.directory)
            return found if found is not None and self.reading.project.exists(found) else None
        text = self.reading.expand(option.value or "")
        if text.startswith("python:"):
            text = text.removeprefix("python:").replace(".", "/") + ".py"
        text = text.removeprefix("file:")
        found = artefact.paths.to_checkout(text, artefact.directory)
        if found is None or not self.reading.project.exists(found):
            found = find_in_checkout(self.reading.project, text, artefact.location.path)
        if found is None:
            self.reading.notes.append(f"the configuration file {text} is not in the checkout")
        return found

    def _read_config(self) -> Mapping[str, ConfigValue]:
        path = self._config_path()
        if path is None:
            return {}
        self.config_file = path
        environment = {key: one.value for key, one in self.reading.environment.items()}
        try:
            return read_gunicorn_config(path, self.reading.project.read_text(path), environment)
        except Unreadable as problem:
            self.reading.unreadable.append((path, problem.why))
        except (SyntaxError, ValueError, RecursionError) as problem:
            self.reading.unreadable.append((path, f"is no Python that can be parsed ({type(problem).__name__})"))
        return {}

    def _value(self, name: str) -> Known | Unknown:
        option = self._option(name)
        if option is not None:
            return self.reading.text(option)
        found = self.config.get(name)
        if found is None:
            return None
        if isinstance(found.value, Unknown):
            self.reading.notes.append(f"{name} is computed at {found.location}")
        return found.value

    def text(self, name: str) -> str | None:
        """A setting's text; None where it is not set or cannot be told."""
        value = self._value(name)
        if isinstance(value, tuple):
            return ",".join(value)
        return None if value is None or isinstance(value, Unknown) else str(value)

    def is_on(self, name: str) -> bool:
        """A flag."""
        return self.given.last(name) is not None or self.more.last(name) is not None or self._value(name) is True

    def given_settings(self) -> Mapping[str, tuple[str, Location]]:
        """Every setting that is given and known, with the place that decides."""
        found: dict[str, tuple[str, Location]] = {}
        for name, one in self.config.items():
            if not isinstance(one.value, Unknown) and one.value is not None and name != "raw_env":
                text = ",".join(one.value) if isinstance(one.value, tuple) else str(one.value)
                found[name] = (text, one.location)
        for option in (*self.more.options, *self.given.options):
            if option.name != "env":
                value = "True" if option.value is None else self.reading.expand(option.value)
                found[option.name.replace("-", "_")] = (value, option.location)
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list setting."""
        options = self.given.every("env") or self.more.every("env")
        if name == "raw_env" and options:
            return tuple(one.value for one in options if one.value is not None)
        value = self._value(name)
        return value if isinstance(value, tuple) else ()

    def place(self, name: str) -> Location | None:
        """What sets it."""
        option = self._option(name)
        found = self.config.get(name)
        return option.location if option else (found.location if found else None)

    def binds(self) -> tuple[Bind, ...]:
        """The effective addresses; sockets of systemd take the place of them all."""
        reading = self.reading
        if reading.artefact.sockets:
            return tuple(listen_stream(text, place) for text, place in reading.artefact.sockets)
        options = self.given.every("bind") or self.more.every("bind")
        if options:
            return tuple(
                parse_bind(part, one.location)
                for one in options
                for part in reading.expand(one.value or "").split(",")
                if part.strip()
            )
        found = self.config.get("bind")
        if found is not None:
            if isinstance(found.value, Unknown):
                reading.notes.append(f"bind is computed at {found.location}")
                return ()
            parts = found.value if isinstance(found.value, tuple) else str(found.value).split(",")
            return tuple(parse_bind(part, found.location) for part in parts if part.strip())
        port = reading.variable("PORT")
        if port is not None or reading.artefact.platform:
            place = port.location if port else reading.location
            return (parse_bind(f"0.0.0.0:{(port.value if port else None) or '$PORT'}", place),)
        return (Bind("127.0.0.1", 8000, None, reading.location),)
