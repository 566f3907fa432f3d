"""Whose fault a message of nginx is: nginx's recorded words, and where it is installed, nginx itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scanner.facts.proxy_test import MessageClass
from scanner.model import Location
from scanner.stack.nginx_directives import NginxBuild
from scanner.stack.nginx_test import Context, build_of, judged, sayings

FILE = "/etc/nginx/conf.d/shop.conf"
BUILD = NginxBuild("1.22.1", "--with-http_ssl_module --with-http_v2_module --with-stream=dynamic")
CONTEXT = Context(
    BUILD,
    {FILE: "deploy/shop.conf"},
    complete=False,
    place_of=lambda text: Location("deploy/shop.conf", 7) if text == "/etc/ssl/x.pem" else None,
)
FINDING, NOT_CHECKED, OURS = MessageClass.FINDING, MessageClass.NOT_CHECKED, MessageClass.OURS
ENVIRONMENT, EVIDENCE, HARMLESS = MessageClass.ENVIRONMENT, MessageClass.EVIDENCE, MessageClass.HARMLESS


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f'[emerg] unknown directive "brotli" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "gzip_static" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "sub_filter_once" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "http2" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "http3" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "stream" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "content_by_lua_block" in {FILE}:12', NOT_CHECKED),
        (f'[emerg] unknown directive "listn" in {FILE}:12', FINDING),
        (f'[emerg] unknown directive "ssl_protocols" in {FILE}:12', FINDING),
        (f'[emerg] the "quic" parameter requires ngx_http_v3_module in {FILE}:12', NOT_CHECKED),
        (f'[emerg] dlopen() "/etc/nginx/modules/x.so" failed (x.so: cannot open) in {FILE}:1', NOT_CHECKED),
        (f'[emerg] unexpected "}}" in {FILE}:12', FINDING),
        (f'[emerg] unexpected end of file, expecting "}}" in {FILE}:12', FINDING),
        (f'[emerg] directive "listen" is not terminated by ";" in {FILE}:12', FINDING),
        (f'[emerg] invalid number of arguments in "root" directive in {FILE}:12', FINDING),
        (f'[emerg] "server" directive is not allowed here in {FILE}:12', FINDING),
        (f'[emerg] "root" directive is duplicate in {FILE}:12', FINDING),
        (f'[emerg] duplicate location "/static/" in {FILE}:12', FINDING),
        (f"[emerg] a duplicate default server for 0.0.0.0:80 in {FILE}:12", FINDING),
        (f'[emerg] invalid parameter "defaultserver" in {FILE}:12', FINDING),
        (f'[emerg] no "ssl_certificate" is defined for the "listen ... ssl" directive in {FILE}:12', FINDING),
        (f"[emerg] no servers are inside upstream in {FILE}:12", FINDING),
        (f'[emerg] invalid value "TLSv9" in {FILE}:12', FINDING),
        (f'[emerg] unknown directive "sends" in {FILE}.ours:3', OURS),
        (f'[emerg] host not found in upstream "web" in {FILE}:12', OURS),
        (f'[emerg] getpwnam("deploy") failed in {FILE}:1', OURS),
        ('[emerg] open() "/etc/nginx/x" failed (2: No such file or directory)', OURS),
        ('[emerg] open() "/var/run/nginx.pid" failed (30: Read-only file system)', OURS),
        ('[emerg] mkdir() "/var/cache/x" failed (13: Permission denied)', OURS),
        ('[emerg] cannot load certificate "/etc/ssl/x.pem": BIO_new_file() failed', OURS),
        ('[emerg] zero size shared memory zone "one"', OURS),
        (f'[emerg] unknown log format "main" in {FILE}:12', OURS),
        ('[emerg] unknown "connection_upgrade" variable', OURS),
        ("[emerg] bind() to 203.0.113.5:443 failed (99: Cannot assign requested address)", OURS),
        ("[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", OURS),
        ("[emerg] socket() [::]:80 failed (97: Address family not supported by protocol)", ENVIRONMENT),
        ('[warn] conflicting server name "a.example" on 0.0.0.0:80, ignored', EVIDENCE),
        (f'[warn] the "listen ... http2" directive is deprecated in {FILE}:3', EVIDENCE),
        ("[emerg] initgroups(nobody, 0) failed (1: Operation not permitted)", HARMLESS),
    ],
)
def test_classes(line: str, kind: MessageClass) -> None:
    (saying,) = sayings(f"nginx: {line}\nnginx: configuration file /etc/nginx/nginx.conf test failed\n")
    assert judged(saying, CONTEXT).kind is kind


def test_a_complete_configuration_misses_its_zones_by_its_own_fault() -> None:
    complete = Context(BUILD, CONTEXT.sources, complete=True, place_of=CONTEXT.place_of)
    for text in (
        'zero size shared memory zone "one"',
        f'unknown log format "main" in {FILE}:3',
        'unknown "x" variable',
    ):
        (saying,) = sayings(f"nginx: [emerg] {text}")
        assert judged(saying, complete).kind is FINDING
    (saying,) = sayings(f'nginx: [emerg] host not found in upstream "web" in {FILE}:12')
    assert judged(saying, complete).kind is OURS


def test_places() -> None:
    (placed,) = sayings(f'nginx: [emerg] unexpected "}}" in {FILE}:12')
    assert judged(placed, CONTEXT).location == Location("deploy/shop.conf", 12)
    (ours,) = sayings('nginx: [emerg] unexpected "}" in /etc/nginx/nginx.conf:3')
    assert judged(ours, CONTEXT).location is None
    (quoted,) = sayings('nginx: [emerg] cannot load certificate "/etc/ssl/x.pem": no')
    assert judged(quoted, CONTEXT).location == Location("deploy/shop.conf", 7)


def test_the_fatal_message_comes_twice_and_requests_are_no_messages() -> None:
    output = (
        f'nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored\n'
        f'2026/11/22 18:00:00 [emerg] 7#7: unknown directive "x" in {FILE}:1\n'
        f'nginx: [emerg] unknown directive "x" in {FILE}:1\n'
        "2026/11/22 18:00:01 [error] 9#9: *1 connect() failed (111: Connection refused) while connecting to upstream, "
        'client: 198.51.100.99, server: a, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:8000/", host: "a"\n'
        "2026/11/22 18:00:01 [notice] 9#9: start\nplain text [emerg\n"
    )
    assert [saying.level for saying in sayings(output)] == ["warn", "emerg"]


def test_control_characters_are_made_visible() -> None:
    (saying,) = sayings(f'nginx: [emerg] unknown directive "\x1b[31m" in {FILE}:1')
    assert "\x1b" not in saying.text


def test_versions() -> None:
    build = build_of("nginx version: nginx/1.26.3 (Debian)\nconfigure arguments: --with-http_sub_module\n")
    assert build is not None
    assert build.number == (1, 26, 3)
    assert not build.lacks("http2_push") or build.lacks("http2")
    assert not build.lacks("sub_filter")
    assert build.lacks("gzip_static")
    assert build.lacks("add_header_inherit") == "nginx 1.29.3 or later has it"
    assert not NginxBuild("1.29.3", "").lacks("add_header_inherit")
    assert not build.lacks("listn")
    assert build_of("sh: nginx: not found") is None


def _nginx(tmp_path: Path, text: str) -> str:
    (tmp_path / "nginx.conf").write_text(text)
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
    if program is None:
        pytest.skip("no nginx on this machine")
    command = [program, "-V"]
    version = subprocess.run(command, capture_output=True, text=True, check=False)
    command = [program, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return version.stderr + done.stderr


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        ("brotli on;", NOT_CHECKED),
        ("listn 80;", FINDING),
        ("server { listen 80; root; }", FINDING),
        ("server { location / { } location / { } }", FINDING),
        ("server { proxy_pass http://a; }", FINDING),
        ("server { location / { proxy_pass http://no-such-host.invalid; } }", OURS),
        ("server { limit_req zone=none; }", OURS),
        ("server { access_log /tmp/x none; }", OURS),
        ("include /no/such/file;", OURS),
        ("server { add_header X $nothing_at_all; }", OURS),
    ],
)
def test_nginx_itself(tmp_path: Path, inside: str, kind: MessageClass) -> None:
    output = _nginx(tmp_path, "pid nginx.pid; events {}\nhttp {\n" + inside + "\n}\n")
    build = build_of(output)
    assert build is not None
    context = Context(build, {str(tmp_path / "nginx.conf"): "nginx.conf"}, complete=False, place_of=lambda _: None)
    fatal = [judged(one, context) for one in sayings(output) if one.fatal]
    assert [message.kind for message in fatal] == [kind], output
    if re.search(r":\d+$", output.strip().splitlines()[-2]) and kind is FINDING:
        assert fatal[0].location == Location("nginx.conf", 3)
