"""The faults of the seeded bench: one change each to ``seeded_base.conf`` or to the settings of the site behind it."""

# ruff: noqa: E501 - one fault a line is a table; wrapped, nobody would read it

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Fault:
    """One fault: ``old`` becomes ``new`` where it stands first (after ``within``), and the rule that must say so."""

    name: str
    rule: str
    old: str = ""
    new: str = ""
    within: str = ""
    at: str = ""
    """A text of the changed file: its line is the line to name. Nothing: the finding is on a setting."""
    settings: Mapping[str, object] = field(default_factory=dict)


REDIRECT: Final = "return 301 https://$host$request_uri;"
PLAIN: Final = "listen 80;\n        server_name shop.example"
SITE: Final = "listen 443 ssl;\n        server_name shop.example"
HOST: Final = "proxy_set_header Host $host;"
PROTO: Final = "proxy_set_header X-Forwarded-Proto $scheme;"
REAL: Final = "proxy_set_header X-Real-IP $remote_addr;"
FOR: Final = "proxy_set_header X-Forwarded-For $remote_addr;"
APP: Final = "location / {\n            proxy_pass"
PASS: Final = "proxy_pass http://app;"
HSTS: Final = 'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;'
CSP: Final = "add_header Content-Security-Policy \"default-src 'self'; object-src 'none'; base-uri 'none'\" always;"
NOSNIFF: Final = "add_header X-Content-Type-Options nosniff always;"
STATIC: Final = "location /static/ {"
MEDIA: Final = "location ^~ /media/ {"
BODY: Final = "client_max_body_size 10m;"
CIPHERS: Final = "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;"
PROTOCOLS: Final = "ssl_protocols TLSv1.2 TLSv1.3;"
TOKENS: Final = "server_tokens off;"
UPSTREAM: Final = "server 127.0.0.1:8000;"
DOTS: Final = "location ~ /\\.(?!well-known) {\n            return 404;\n        }\n"


def _swap(name: str, rule: str, old: str, new: str, *, within: str = "", at: str | None = None) -> Fault:
    return Fault(name, rule, old, new, within, new if at is None else at)


def _into(name: str, rule: str, place: str, new: str, *, at: str | None = None) -> Fault:
    """A line more behind the opening of a place."""
    opening = place if place.endswith("{") else place.split("\n", maxsplit=1)[0]
    rest = place.removeprefix(opening)
    return Fault(name, rule, place, f"{opening}\n            {new}{rest}", "", new if at is None else at)


def _beside(name: str, rule: str, new: str, at: str) -> Fault:
    """A location more before the application's."""
    return Fault(name, rule, APP, f"{new}\n\n        {APP}", "", at)


def _set(name: str, rule: str, **settings: object) -> Fault:
    return Fault(name, rule, settings=settings)


HTTPS: Final = (
    _swap("pages over plain http", "plain-http-served", REDIRECT, PASS, at=PLAIN),
    _swap("files over plain http", "plain-http-served", REDIRECT, "alias /srv/shop/static/;", at=PLAIN),
    _swap("one server for both", "plain-http-served", SITE, f"listen 80;\n        {SITE}", at=f"listen 80;\n        {SITE}"),
    _swap("one path left out of the redirect", "plain-http-served", REDIRECT, REDIRECT + " }\n\n        location /old/ { " + PASS, at=PLAIN),
    _swap("a temporary redirect", "redirect-temporary", REDIRECT, "return 302 https://$host$request_uri;"),
    _swap("a redirect that keeps the method, for now", "redirect-temporary", REDIRECT, "return 307 https://$host$request_uri;"),
    _swap("a redirect to the client's host", "redirect-host-unsafe", REDIRECT, "return 301 https://$http_host$request_uri;"),
    _swap("a redirect for any name", "redirect-host-unsafe", "listen 80 default_server;\n        ", "", at=REDIRECT),
    _swap("no HSTS", "hsts-missing", HSTS, "", at=""),
    _swap("HSTS of zero seconds", "hsts-missing", HSTS, 'add_header Strict-Transport-Security "max-age=0" always;', at=""),
    _swap("HSTS of five minutes", "hsts-weak", HSTS, 'add_header Strict-Transport-Security "max-age=300; includeSubDomains" always;'),
    _swap("preloading too early", "hsts-weak", HSTS, 'add_header Strict-Transport-Security "max-age=86400; includeSubDomains; preload" always;'),
    _swap("TLS 1.0", "tls-protocol-old", PROTOCOLS, "ssl_protocols TLSv1 TLSv1.2 TLSv1.3;"),
    _swap("SSL 3", "tls-protocol-old", PROTOCOLS, "ssl_protocols SSLv3 TLSv1.2;"),
    _swap("TLS 1.1 by the default server", "tls-protocol-old", "ssl_reject_handshake on;", "ssl_reject_handshake on;\n        ssl_protocols TLSv1.1 TLSv1.2;", at="ssl_protocols TLSv1.1 TLSv1.2;"),
    _swap("RC4", "tls-cipher-weak", CIPHERS, "ssl_ciphers HIGH:MEDIUM:RC4:!aNULL;"),
    _swap("3DES", "tls-cipher-weak", CIPHERS, "ssl_ciphers ECDHE+AESGCM:DES-CBC3-SHA;"),
    _swap("no forward secrecy", "tls-cipher-weak", CIPHERS, "ssl_ciphers AES256-GCM-SHA384:AES128-GCM-SHA256;"),
    _swap("an application across the internet", "upstream-unprotected", UPSTREAM, "server 93.184.216.34:8000;"),
    _swap("an application whose certificate nobody checks", "upstream-unprotected", PASS, "proxy_pass https://93.184.216.34;", within=APP[:12]),
)  # fmt: skip
HOSTS: Final = (
    _swap("no default server for TLS", "unknown-host-served", "listen 443 ssl default_server;\n        ", "", at=SITE),
    _swap("a default server that serves the site", "unknown-host-served", "ssl_reject_handshake on;\n        return 444;", "location / { proxy_pass http://app; }", at="listen 80 default_server;"),
    _swap("no Host for Django", "host-header-not-forwarded", HOST + "\n        ", "", at=APP),
    _into("Host lost by another header", "host-header-not-forwarded", APP, f"{PROTO} {REAL} {FOR}", at="location / {\n            proxy_set"),
    _swap("Host by absolute form", "host-header-from-client", HOST, "proxy_set_header Host $http_host;"),
    _swap("Host from X-Forwarded-Host", "host-header-from-client", HOST, "proxy_set_header Host $http_x_forwarded_host;"),
    _swap("Host from the query", "host-header-from-client", HOST, "proxy_set_header Host $arg_site;"),
    _set("X-Forwarded-Host that nobody sets", "forwarded-host-spoofable", USE_X_FORWARDED_HOST=True),
    _swap("a name that Django refuses", "host-lists-disagree", "server_name shop.example www.shop.example;\n        add", "server_name shop.example www.shop.example new.example;\n        add"),
)  # fmt: skip
PROXY: Final = (
    _swap("the client's own scheme", "forwarded-proto-spoofable", PROTO, "proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;"),
    _swap("no scheme", "forwarded-proto-spoofable", PROTO + "\n", "\n", at=APP),
    _swap("scheme behind the client's", "forwarded-proto-spoofable", PROTO, 'proxy_set_header X-Forwarded-Proto "$http_x_forwarded_proto, $scheme";'),
    _into("scheme lost by another header", "forwarded-proto-spoofable", APP, f"{HOST} {REAL} {FOR}", at="location / {\n            proxy_set"),
    _swap("the client's own address", "client-address-spoofable", REAL, "proxy_set_header X-Real-IP $http_x_real_ip;"),
    _swap("no address", "client-address-spoofable", REAL + "\n", "\n", at=APP),
    _swap("the client's list of addresses", "client-address-spoofable", FOR, "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"),
    _swap("addresses from anybody", "forwarded-headers-from-anyone", TOKENS, f"{TOKENS} set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;"),
    _swap("addresses from half the internet", "forwarded-headers-from-anyone", TOKENS, f"{TOKENS} set_real_ip_from 0.0.0.0/1; real_ip_header X-Real-IP;"),
    _swap("underscores in names of headers", "header-parsing-relaxed", TOKENS, f"{TOKENS} underscores_in_headers on;"),
    _swap("an upstream from a header", "upstream-chosen-by-client", PASS, "proxy_pass http://$http_x_backend;", within=APP[:12]),
    _swap("an upstream from the query", "upstream-chosen-by-client", PASS, "proxy_pass http://$arg_host$request_uri;", within=APP[:12]),
    _beside("an upstream from the path", "upstream-chosen-by-client", "location ~ ^/fetch/(.+)$ { proxy_pass http://$1; }", "location ~ ^/fetch"),
)  # fmt: skip
HEADERS: Final = (
    _into("headers lost in the application", "security-header-dropped", APP, "add_header Cache-Control no-store always;"),
    _swap("headers lost on files", "security-header-dropped", HSTS + "\n", "\n", within=STATIC, at=NOSNIFF),
    _into("headers lost in an if", "security-header-dropped", APP, "if ($request_method = OPTIONS) { add_header Allow GET; }"),
    _swap("HSTS not on errors", "security-header-not-always", HSTS, HSTS.replace(" always", "")),
    _swap("CSP not on errors", "security-header-not-always", CSP, CSP.replace(" always", "")),
    _into("framing protection taken away", "security-header-hidden", APP, "proxy_hide_header X-Frame-Options;"),
    _into("nosniff taken away", "security-header-hidden", APP, "proxy_hide_header X-Content-Type-Options;"),
    _swap("two framing policies", "security-header-conflicting", CSP, f"{CSP} add_header X-Frame-Options SAMEORIGIN always;"),
    _swap("inline scripts", "csp-weak", CSP, "add_header Content-Security-Policy \"default-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'\" always;"),
    _swap("scripts from anywhere", "csp-weak", CSP, "add_header Content-Security-Policy \"default-src 'self'; script-src *; object-src 'none'; base-uri 'none'\" always;"),
    _swap("line ends in a redirect", "response-splitting", REDIRECT, "return 301 https://$host$uri;"),
    _swap("line ends in a redirect, by another name", "response-splitting", REDIRECT, "return 301 https://shop.example$document_uri$is_args$args;"),
    _swap("line ends in a header", "response-splitting", CSP, f"{CSP} add_header X-Path $uri always;"),
    _beside("line ends in a request", "response-splitting", "location ~ ^/api/([^/]+)/ { proxy_pass http://app/v2/$1; }", "location ~ ^/api"),
    _swap("the version of nginx", "server-version-disclosed", TOKENS, "server_tokens on;"),
    _swap("files without nosniff", "security-header-missing-on-files", NOSNIFF + "\n", "\n", within=STATIC, at="location /static/"),
    _set("no nosniff", "nosniff-missing", SECURE_CONTENT_TYPE_NOSNIFF=False),
    _set("frames", "framing-allowed", X_FRAME_OPTIONS="ALLOWALL"),
    _set("full addresses for everybody", "referrer-policy-unsafe", SECURE_REFERRER_POLICY="unsafe-url"),
)  # fmt: skip
FILES: Final = (
    _swap("alias without a slash before it", "alias-traversal", STATIC, "location /static {"),
    _swap("media alias without a slash before it", "alias-traversal", MEDIA, "location ^~ /media {"),
    _beside("alias behind a capture", "alias-traversal", "location ~ ^/download(.*)$ { " + NOSNIFF + " " + HSTS + " alias /srv/shop/download/$1; }", "location ~ ^/download"),
    _swap("the project's own directory", "project-tree-served", "alias /srv/shop/static/;", "alias /srv/shop/code/;"),
    _into("the project's directory as the root", "project-tree-served", APP, "root /srv/shop/code; try_files $uri @app; }\n\n        location @app {", at="root /srv/shop/code;"),
    _into("lists of files", "directory-listing-enabled", STATIC, "autoindex on;"),
    _into("lists of uploads", "directory-listing-enabled", MEDIA, "autoindex on;"),
    _swap("uploads as pages", "media-served-active", "add_header Content-Disposition attachment always;", "", at="location ^~ /media/"),
    _swap("static files elsewhere", "static-alias-mismatch", "alias /srv/shop/static/;", "alias /srv/shop/assets/;"),
    _swap("media elsewhere", "static-alias-mismatch", "alias /srv/shop/media/;", "alias /srv/shop/uploads/;"),
    _swap("uploads that run", "uploads-executable", MEDIA, "root /srv/shop;\n        location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; }\n\n        location /media/ {", at="location ~ \\.php$"),
    _beside("hidden files", "dotfiles-served", "location ^~ /downloads/ { alias /srv/shop/code/public/; " + NOSNIFF + " " + HSTS + " }", "location ^~ /downloads/"),
    _swap("protected files for everybody", "protected-files-public", "internal;\n            ", "", at="location /invoices/"),
    _swap("bodies without an end", "request-body-unlimited", BODY, "client_max_body_size 0;"),
    _swap("bodies of gigabytes", "request-body-unlimited", BODY, "client_max_body_size 8g;"),
    _set("a cache among the uploads", "cache-directory-served", CACHES={"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/srv/shop/media/cache"}}),
)  # fmt: skip
COOKIES: Final = (
    _into("pages of others from the cache", "shared-cache-keeps-sessions", APP, "proxy_cache pages; proxy_cache_valid 10m; proxy_ignore_headers Set-Cookie Cache-Control;"),
    _swap("answers for every site", "cors-origin-unchecked", CSP, f"{CSP} add_header Access-Control-Allow-Origin $http_origin always; add_header Access-Control-Allow-Credentials true always;"),
)  # fmt: skip
FAULTS: Final = (*HTTPS, *HOSTS, *PROXY, *HEADERS, *FILES, *COOKIES)
