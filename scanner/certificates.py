"""The certificate file that the user names for package downloads."""

from pathlib import Path

from scanner.model import SeatrialError

MAX_BUNDLE = 4 * 1024 * 1024
"""Bytes of a certificate file that are looked at."""


def ca_bundle(name: str, checkout: Path) -> Path:
    """The file, from the working directory or from the checkout. Raises SeatrialError.

    It is handed to the build of the project's dependencies, where the project's code can read it: so it must be a
    certificate file, and one in the checkout must not be a link to something of ours.
    """
    root = checkout.resolve()
    for given in (Path(name), checkout / name):
        if not given.is_file():
            continue
        found = given.resolve()
        if given.absolute().is_relative_to(root) and not found.is_relative_to(root):
            raise SeatrialError(f"ca-bundle: {name} is a link that leads out of the checkout", "give the file itself")
        with found.open("rb") as file:
            if b"-----BEGIN CERTIFICATE-----" not in file.read(MAX_BUNDLE):
                raise SeatrialError(f"ca-bundle: {name} holds no certificate", "give the path of a PEM file")
        return found
    raise SeatrialError(f"ca-bundle: there is no file {name}", "give the path of a PEM file")
