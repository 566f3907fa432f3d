"""What is put around the project's configuration, one case for each thing that it can name."""

import base64
import re
from collections.abc import Mapping

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scanner.facts.live_stack import Canary
from scanner.nginx.includes import load
from scanner.nginx.tree import parse
from scanner.stack.certificates import Authority, dh_parameters
from scanner.stack.nginx_directives import NginxBuild
from scanner.stack.nginx_test import Context, judged, sayings
from scanner.stack.overlay import MAIN, ProxyRoot, Source, checking_script, project_root, reference_root
from scanner.stack.proxy_needs import Needs, known_text, needs_of
from scanner.stack.repairs import Repairs, apply, repaired

AUTHORITY = Authority.make("0123456789abcdef")
STOCK = "events {} http { include mime.types; include /etc/nginx/conf.d/*.conf; }"
NAMES = ("shop.example", "*.shop.example", "192.0.2.1")


def built(files: Mapping[str, str], links: Mapping[str, str] | None = None) -> tuple[ProxyRoot, Needs]:
    placed = {path: parse(text, f"deploy{path}") for path, text in files.items()}
    if MAIN not in placed:
        placed[MAIN] = parse(STOCK, "")
    tree = load(MAIN, placed)
    needs = needs_of(tree, placed)
    sources = {path: Source(f"deploy{path}", text.encode()) for path, text in files.items()}
    canaries = (Canary("proxy", "/srv/static/c.css", "static", "proxy x"),)
    return project_root(sources, tree, needs, AUTHORITY, NAMES, canaries, links=links), needs


def fragment(text: str) -> tuple[ProxyRoot, Needs]:
    return built({"/etc/nginx/conf.d/shop.conf": text})


def content(root: ProxyRoot, path: str) -> bytes:
    found = [file.content for file in root.files if file.target == path]
    assert len(found) == 1, [file.target for file in root.files]
    return found[0]


def test_the_projects_files_stay_byte_for_byte() -> None:
    text = "# caf\u00e9\r\nserver {\tlisten 80 ; }  \n\n"
    root, _ = fragment(text)
    assert content(root, "/etc/nginx/conf.d/shop.conf") == text.encode()
    assert root.sources == {"/etc/nginx/conf.d/shop.conf": "deploy/etc/nginx/conf.d/shop.conf"}


def test_the_stock_configuration_says_nothing_that_a_rule_judges() -> None:
    root, _ = fragment("server { listen 80; }")
    stock = content(root, MAIN).decode()
    assert not root.complete
    for word in ("server_tokens", "ssl_", "gzip", "add_header", "server {", "proxy_"):
        assert word not in stock
    assert "include /etc/nginx/conf.d/*.conf;" in stock


def test_the_stock_configuration_repeats_nothing_that_a_fragment_says() -> None:
    root, _ = fragment("default_type text/plain; server_names_hash_bucket_size 64; server { listen 80; }")
    stock = content(root, MAIN).decode()
    assert "default_type" not in stock
    assert "server_names_hash_bucket_size" not in stock


def test_a_full_configuration_is_the_main_file() -> None:
    text = "events {} http { server { listen 80; } }"
    root, _ = built({MAIN: text})
    assert root.complete
    assert content(root, MAIN) == text.encode()
    assert content(root, "/etc/nginx/mime.types").startswith(b"types {")


def test_certificates_at_the_named_paths() -> None:
    root, _ = fragment("server { listen 443 ssl; ssl_certificate /etc/x/full.pem; ssl_certificate_key ssl/key.pem; }")
    chain = x509.load_pem_x509_certificates(content(root, "/etc/x/full.pem"))
    key = serialization.load_pem_private_key(content(root, "/etc/nginx/ssl/key.pem"), None)
    assert len(chain) == 2
    assert isinstance(key, rsa.RSAPrivateKey)
    assert chain[0].public_key() == key.public_key()
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example", "*.shop.example"]
    assert [file.mode for file in root.files if file.target == "/etc/nginx/ssl/key.pem"] == [0o600]
    assert [(stub.kind, stub.what) for stub in root.stubs] == [("certificate", "/etc/x/full.pem")]


def test_one_file_for_certificate_and_key() -> None:
    root, _ = fragment("server { listen 443 ssl; ssl_certificate /x.pem; ssl_certificate_key /x.pem; }")
    assert b"BEGIN CERTIFICATE" in content(root, "/x.pem")
    assert b"PRIVATE KEY" in content(root, "/x.pem")


@pytest.mark.parametrize(
    "text",
    [
        "ssl_certificate /r.pem; ssl_certificate_key /r.key; ssl_certificate /ecc.pem; ssl_certificate_key /ecc.key;",
        "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256; ssl_certificate /ecc.pem; ssl_certificate_key /ecc.key;",
    ],
)
def test_elliptic_keys(text: str) -> None:
    root, _ = fragment(f"server {{ listen 443 ssl; {text} }}")
    assert isinstance(serialization.load_pem_private_key(content(root, "/ecc.key"), None), ec.EllipticCurvePrivateKey)


def test_rsa_suites_keep_the_rsa_key() -> None:
    suites = "ssl_ciphers ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA;"
    root, _ = fragment(f"server {{ {suites} ssl_certificate /a.pem; ssl_certificate_key /a.key; }}")
    assert isinstance(serialization.load_pem_private_key(content(root, "/a.key"), None), rsa.RSAPrivateKey)


@pytest.mark.parametrize(
    ("directive", "path", "starts"),
    [
        ("ssl_dhparam /etc/x/dh.pem;", "/etc/x/dh.pem", b"-----BEGIN DH PARAMETERS-----"),
        ("ssl_trusted_certificate chain.pem;", "/etc/nginx/chain.pem", b"-----BEGIN CERTIFICATE-----"),
        ("ssl_client_certificate /ca.pem;", "/ca.pem", b"-----BEGIN CERTIFICATE-----"),
        ("ssl_crl /crl.pem;", "/crl.pem", b"-----BEGIN X509 CRL-----"),
        ("auth_basic_user_file .htpasswd;", "/etc/nginx/.htpasswd", b"seatrial:{PLAIN}"),
        ("ssl_session_ticket_key /t.key;", "/t.key", b""),
        ("include proxy_params;", "/etc/nginx/proxy_params", b"proxy_set_header Host $host;"),
        ("include snippets/none.conf;", "/etc/nginx/snippets/none.conf", b""),
        (
            "include /etc/letsencrypt/options-ssl-nginx.conf;",
            "/etc/letsencrypt/options-ssl-nginx.conf",
            b"ssl_session_cache",
        ),
    ],
)
def test_named_files(directive: str, path: str, starts: bytes) -> None:
    root, _ = fragment(f"server {{ listen 80; {directive} }}")
    assert content(root, path).startswith(starts)


def test_the_fixed_group_is_well_formed() -> None:
    (encoded,) = re.findall(rb"-\n([A-Za-z0-9+/=\n]+)-", dh_parameters())
    der = base64.b64decode(encoded)
    assert len(der) == 0x108 + 4
    prime = int.from_bytes(der[9 : 9 + 256], "big")
    assert prime.bit_length() == 2048
    assert pow(2, prime - 1, prime) == 1, "Fermat: else it is no prime"


def test_a_made_up_ticket_key_has_its_length() -> None:
    root, _ = fragment("server { ssl_session_ticket_key /t.key; }")
    assert len(content(root, "/t.key")) == 80


def test_a_missing_include_is_told_and_a_pattern_is_not() -> None:
    root, _ = fragment("server { include snippets/none.conf; include snippets/*.conf; }")
    assert [(stub.kind, stub.what) for stub in root.stubs] == [("include", "/etc/nginx/snippets/none.conf")]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("limit_req zone=login burst=5;", "limit_req_zone $binary_remote_addr zone=login:1m rate=1000r/s;"),
        ("limit_conn addr 5;", "limit_conn_zone $binary_remote_addr zone=addr:1m;"),
        ("access_log /var/log/nginx/a.log main;", "log_format main "),
        ("proxy_cache pages;", "keys_zone=pages:1m"),
        ('proxy_set_header Connection "$connection_upgrade";', "map $http_upgrade $connection_upgrade"),
    ],
)
def test_what_the_absent_main_file_would_define(text: str, made: str) -> None:
    root, _ = fragment(f"server {{ listen 80; {text} }}")
    assert made in content(root, MAIN).decode()
    assert len(root.stubs) == 1
    assert made not in content(built({MAIN: f"events {{}} http {{ server {{ {text} }} }}"})[0], MAIN).decode()


def test_nothing_is_made_up_that_is_there() -> None:
    root, needs = fragment(
        "limit_req_zone $binary_remote_addr zone=login:1m rate=1r/s; log_format main x;"
        "map $http_upgrade $connection_upgrade { }"
        "server { limit_req zone=login; access_log /l main; proxy_set_header A $connection_upgrade; proxy_cache off; }"
    )
    assert needs.missing == ()
    assert root.stubs == ()


def test_hosts() -> None:
    _, needs = fragment(
        "upstream app { server web:8000; server 10.0.0.5:8000; server unix:/run/x.sock; }"
        "server { set_real_ip_from proxy.internal; set_real_ip_from 10.0.0.0/8; error_log syslog:server=logs:514;"
        " location / { proxy_pass http://app; } location /a { proxy_pass http://Other:9000/x; }"
        " location /b { proxy_pass http://$host; } location /c { uwsgi_pass flower:3031; } }"
    )
    assert set(needs.upstreams) == {"web", "10.0.0.5", "other", "flower"}
    assert set(needs.hosts) == {"proxy.internal", "logs"}


def test_writable_directories() -> None:
    root, _ = fragment(
        "server { access_log /var/log/nginx/shop/a.log; error_log /home/shop/logs/e.log;"
        " proxy_temp_path /var/run/tmp; }"
    )
    targets = {mount.target for mount in root.tmpfs}
    assert {"/etc/nginx", "/run", "/home/shop/logs"} <= targets
    assert not any(target.startswith("/var/log/nginx/") for target in targets)
    assert "mkdir -p /var/log/nginx/shop" in root.script
    assert "mkdir -p /run/tmp" in root.script
    assert "ln -sf /dev/stderr /home/shop/logs/e.log" in root.script


def test_starting_command() -> None:
    fragment_root, _ = fragment("server { listen 80; }")
    assert fragment_root.script.splitlines()[-1].endswith("-c /etc/nginx/nginx.conf -e stderr -g 'daemon off;'")
    off, _ = built({MAIN: "daemon off; events {} http {}"})
    assert "-g" not in off.script
    on, _ = built({MAIN: "daemon on; events {} http {}"})
    assert "sleep" in on.script
    for root in (fragment_root, off, on):
        assert checking_script(root).splitlines()[-1].endswith(" -t")
        assert "nginx -V" in checking_script(root)


def test_names_from_the_project_cannot_become_commands() -> None:
    root, _ = fragment("server { error_log '/var/log/nginx/$(touch x);`y`/a b.log'; access_log '/run/a;b/x.log'; }")
    assert "$(touch" not in root.script or "'/var/log/nginx/$(touch" in root.script
    assert "mkdir -p '/run/a;b'" in root.script


def test_a_socket_in_the_projects_directory_is_reached_by_a_link() -> None:
    links = {"/srv/shop/shop.sock": "/run/seatrial/shop.sock"}
    root, _ = built({"/etc/nginx/conf.d/a.conf": "server { listen 80; }"}, links)
    assert "ln -sf /run/seatrial/shop.sock /srv/shop/shop.sock" in root.script
    assert "/srv/shop" in {mount.target for mount in root.tmpfs}


def test_users_and_canaries() -> None:
    root, _ = built({MAIN: "user deploy staff; events {} http {}"})
    assert {"deploy", "staff", "nginx"} <= set(root.users)
    assert content(root, "/srv/static/c.css") == b"proxy x"


def test_our_own_proxy_tells_the_truth() -> None:
    root = reference_root("unix:/run/a.sock", AUTHORITY, NAMES)
    text = content(root, MAIN).decode()
    assert "proxy_pass http://unix:/run/a.sock;" in text
    assert "X-Forwarded-Proto $scheme;" in text


def test_our_own_proxy_speaks_uwsgi() -> None:
    root = reference_root("127.0.0.1:3031", AUTHORITY, NAMES, uwsgi=True)
    text = content(root, MAIN).decode()
    assert "uwsgi_pass 127.0.0.1:3031;" in text
    assert 'uwsgi_param HTTP_X_FORWARDED_SSL "";' in text
    assert "proxy_pass" not in text
    assert b"REQUEST_METHOD" in content(root, "/etc/nginx/uwsgi_params")


def test_known_files() -> None:
    assert known_text("/x/mime.types").count(b"{") == 1
    with pytest.raises(KeyError):
        known_text("/x/none")


def test_blanking_keeps_every_place() -> None:
    path = "/etc/nginx/conf.d/shop.conf"
    text = "server {\n  listen 80;\n  brotli on;\n  brotli_types a\n    b;\n  lua_x { a; { b; } }\n  root /x;\n}\n"
    placed = {path: parse(text, "shop.conf")}
    build = NginxBuild("1.22.1", "")
    (saying,) = sayings(f'nginx: [emerg] unknown directive "brotli" in {path}:3')
    context = Context(build, {path: "shop.conf"}, complete=False, place_of=lambda _: None)
    repairs = repaired(Repairs({}), saying, judged(saying, context), placed, build)
    assert repairs is not None
    root, _ = fragment(text)
    after = content(apply(repairs, root), path).decode()
    assert len(after) == len(text)
    assert after.split() == ["server", "{", "listen", "80;", "root", "/x;", "}"]
    assert [line for line in after.splitlines() if "root" in line] == ["  root /x;"]
    assert after.splitlines().index("  root /x;") == 6
    assert {stub.what.split()[0] for stub in repairs.stubs} == {"brotli", "brotli_types", "lua_x"}
    assert repaired(repairs, saying, judged(saying, context), placed, build) is None, "the same again is no progress"


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('open() "/etc/nginx/none" failed (2: No such file or directory)', "files", "/etc/nginx/none"),
        ('host not found in upstream "web:8000" in /x:1', "hosts", "web"),
        ('getpwnam("deploy") failed in /x:1', "users", "deploy"),
    ],
)
def test_what_we_forgot_is_added_once(text: str, field: str, value: str) -> None:
    (saying,) = sayings(f"nginx: [emerg] {text}")
    build = NginxBuild("1.22.1", "")
    message = judged(saying, Context(build, {}, complete=False, place_of=lambda _: None))
    repairs = repaired(Repairs({}), saying, message, {}, build)
    assert repairs is not None
    assert getattr(repairs, field) == (value,)
    assert repaired(repairs, saying, message, {}, build) is None


def test_ipv6_lines_are_blanked_where_there_is_none() -> None:
    path = "/etc/nginx/conf.d/shop.conf"
    text = "server { listen 80; listen [::]:80; }"
    (saying,) = sayings("nginx: [emerg] socket() [::]:80 failed (97: Address family not supported by protocol)")
    build = NginxBuild("1.22.1", "")
    message = judged(saying, Context(build, {}, complete=False, place_of=lambda _: None))
    repairs = repaired(Repairs({}), saying, message, {path: parse(text, "shop.conf")}, build)
    assert repairs is not None
    assert content(apply(repairs, fragment(text)[0]), path).split() == [b"server", b"{", b"listen", b"80;", b"}"]
