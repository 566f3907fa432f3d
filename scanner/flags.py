"""The options of ``scan`` as the command line takes them; they are declared once, in the configuration."""

from collections.abc import Callable, Container, Mapping

import click

from scanner.config import OPTIONS, Kind, Option

_PREFIX = "opt_"
Command = Callable[..., object]


def _click_option(option: Option) -> Callable[[Command], Command]:
    parameter = _PREFIX + option.name.replace("-", "_")
    text = option.help + (f" [default: {option.default}]" if option.default and option.kind is not Kind.FLAG else "")
    match option.kind:
        case Kind.FLAG:
            return click.option(f"--{option.name}", parameter, is_flag=True, default=None, help=text)
        case Kind.CHOICE:
            return click.option(f"--{option.name}", parameter, type=click.Choice(option.choices), help=text)
        case Kind.LIST | Kind.MAP:
            return click.option(f"--{option.name}", parameter, multiple=True, metavar=option.metavar, help=text)
        case Kind.NUMBER:
            return click.option(f"--{option.name}", parameter, type=float, metavar=option.metavar, help=text)
        case Kind.TEXT:
            return click.option(f"--{option.name}", parameter, metavar=option.metavar, help=text)


def with_options(names: Container[str] | None = None) -> Callable[[Command], Command]:
    """Decorate a command with all options, or with those of these names."""

    def decorate(command: Command) -> Command:
        for option in reversed(OPTIONS):
            if names is None or option.name in names:
                command = _click_option(option)(command)
        return command

    return decorate


def given_options(given: Mapping[str, object]) -> Mapping[str, object]:
    """What was really given on the command line, by the names of the options."""
    return {
        name.removeprefix(_PREFIX).replace("_", "-"): list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value is not None and value != ()
    }
