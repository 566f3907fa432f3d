"""Options, action inputs and the file become one Config; what cannot be taken is refused with a hint."""

from pathlib import Path
from typing import Any

import pytest

from scanner.config import OPTIONS, Kind, build, read_inputs
from scanner.model import Layer, ScopeClass, SeatrialError, Severity

HERE = Path()


def test_precedence_option_input_file_default() -> None:
    file = "fail-on: low\nhost: file.example\nedge: tls\n"
    config = build(HERE, {"fail-on": "critical"}, {"fail-on": "medium", "host": "input.example"}, file)
    assert config.fail_on is Severity.CRITICAL
    assert config.options.host == "input.example"
    assert config.options.edge == "tls"
    assert config.options.timeout == 600


def test_empty_inputs_are_unset_and_lists_are_lines() -> None:
    inputs = read_inputs(
        {"INPUT_HOST": "", "INPUT_NGINX": "a.conf\n\nb.conf\n", "INPUT_ENV": "A=1\nB=x=y\n", "INPUT_QUIET": "true"}
    )
    config = build(HERE, {}, inputs, "host: file.example\n")
    assert config.options.host == "file.example"
    assert config.options.nginx == ("a.conf", "b.conf")
    assert config.options.env == {"A": "1", "B": "x=y"}
    assert config.quiet


def test_both_spellings_of_an_input() -> None:
    assert read_inputs({"INPUT_FAIL-ON": "low"}) == {"fail-on": "low"}
    assert read_inputs({"INPUT_FAIL-ON": "low", "INPUT_FAIL_ON": "low"}) == {"fail-on": "low"}
    with pytest.raises(SeatrialError, match="given twice"):
        read_inputs({"INPUT_FAIL-ON": "low", "INPUT_FAIL_ON": "high"})


def test_never_and_warn() -> None:
    config = build(HERE, {"fail-on": "never", "on-missing-layer": "warn"}, {}, None)
    assert config.fail_on is None
    assert not config.missing_layer_fails


def test_the_stack_brings_the_boot_along() -> None:
    assert build(HERE, {"layers": "stack,files"}, {}, None).layers == tuple(Layer)
    assert build(HERE, {"layers": "files"}, {}, None).layers == (Layer.FILES,)
    assert build(HERE, {"layers": "boot"}, {}, None).layers == (Layer.FILES, Layer.BOOT), "it reads files"


@pytest.mark.parametrize(
    ("file", "message", "hint"),
    [
        ("fail_on: high\n", ".seatrial.yml:1: unknown key 'fail_on'", "fail-on"),
        ("host: a\n\nscops: {}\n", ".seatrial.yml:3: unknown key 'scops'", "scopes"),
        ("- a\n", "must be a map", ""),
        ("a: [\n", "is no YAML", ""),
        ("fail-on: hihg\n", "fail-on cannot be 'hihg'", "high"),
        ("scopes: {'a/**': nowhere}\n", "scopes maps globs", ""),
        ("limits: {disk: 1}\n", "limits knows", ""),
        ("allow-builds: maybe\n", "allow-builds must be true or false", ""),
        ("timeout: -1\n", "timeout must be a number above 0", ""),
        ("env: [A]\n", "env takes KEY=VALUE", ""),
        ("layers: [files, botte]\n", "there is no layer 'botte'", ""),
        ("trusted: true\n", "unknown key 'trusted'", ""),
        ("ignore: {}\n", "ignore must be a list", ""),
        ("ignore: [{rule: a, why: b}]\n", "no key 'why'", ""),
    ],
)
def test_refusals(file: Any, message: Any, hint: Any) -> None:
    with pytest.raises(SeatrialError) as error:
        build(HERE, {}, {}, file)
    assert message in error.value.message
    assert hint in error.value.hint
    assert error.value.exit_code == 2


def test_everything_of_the_file() -> None:
    file = """
    nginx-image: registry.example/nginx:1.27
    limits: {memory: 512m, processes: 64, seconds: 20}
    start-timeout: 10
    allow-builds: true
    scopes: {"old/**": dev}
    env: {A: 1, B: null}
    ignore:
      - {rule: hsts-missing, path: shop/settings.py, reason: the CDN sends it, until: 2027-01-31}
    """
    config = build(HERE, {}, {}, file)
    options = config.options
    assert options.nginx_image == "registry.example/nginx:1.27"
    assert (options.memory, options.processes, options.boot_seconds) == (512 * 1024 * 1024, 64, 20)
    assert options.start_timeout == 10
    assert options.allow_builds
    assert options.scopes == {"old/**": ScopeClass.DEV}
    assert options.env == {"A": "1", "B": ""}
    assert [(one.rule, one.until, one.line) for one in config.ignores] == [("hsts-missing", "2027-01-31", 9)]


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(SeatrialError, match="larger than 256 KiB"):
        build(HERE, {}, {}, "#" * 300_000)


def test_no_option_is_defined_twice() -> None:
    names = [option.name for option in OPTIONS]
    assert len(names) == len(set(names))
    assert all(option.choices for option in OPTIONS if option.kind is Kind.CHOICE)


def test_a_ca_bundle_is_a_certificate_file_and_no_link_out_of_the_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (tmp_path / "secret").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    (checkout / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    (checkout / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n", encoding="utf-8")
    (checkout / "link.pem").symlink_to("../secret")
    assert build(checkout, {"ca-bundle": "ca.pem"}, {}, None).options.ca_bundle == (checkout / "ca.pem").resolve()
    for name, words in (("link.pem", "leads out"), ("key.pem", "no certificate"), ("none.pem", "no file")):
        with pytest.raises(SeatrialError, match=words):
            build(checkout, {"ca-bundle": name}, {}, None)
