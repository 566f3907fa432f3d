"""How long nginx configurations take: parsing, asking the model everything, and every rule that reads them.

``python -m benchmarks.nginx_model`` prints one line a case: milliseconds for parsing alone, for parsing, includes in
place and one question of every kind at every level, and for parsing and all rules. Best of several runs, one process,
processor time.
"""

import functools
import time
from collections.abc import Callable
from typing import Final

from benchmarks.nginx_judging import judge_text
from scanner.nginx.effective import Configuration, LocationBlock, RequestShape, forwarded_header
from scanner.nginx.includes import load
from scanner.nginx.tree import parse

MAIN: Final = "/etc/nginx/nginx.conf"
ASKED: Final = (
    "add_header", "proxy_set_header", "client_max_body_size", "server_tokens", "autoindex", "allow", "error_page",
    "ssl_protocols", "ssl_ciphers", "proxy_hide_header", "set_real_ip_from", "access_log",
)  # fmt: skip
HEADERS: Final = ("Host", "X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Upgrade")
SITE: Final = """
upstream app{n} {{
    server unix:/run/app{n}.sock fail_timeout=0;
}}
server {{
    listen 80;
    listen [::]:80;
    server_name site{n}.example www.site{n}.example;
    location /.well-known/acme-challenge/ {{
        root /var/www/letsencrypt;
    }}
    location / {{
        return 301 https://$host$request_uri;
    }}
}}
server {{
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name site{n}.example www.site{n}.example;
    ssl_certificate /etc/letsencrypt/live/site{n}.example/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/site{n}.example/privkey.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_max_body_size 10m;
    add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
    add_header X-Content-Type-Options nosniff always;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    location /static/ {{
        alias /srv/site{n}/static/;
        expires 30d;
    }}
    location /media/ {{
        alias /srv/site{n}/media/;
        add_header Content-Disposition attachment always;
    }}
    location ~ /\\.(?!well-known) {{
        return 404;
    }}
    # the application
    location /ws/ {{
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_pass http://app{n};
    }}
    location / {{
        proxy_pass http://app{n};
    }}
}}
"""


def site(count: int) -> str:
    """A fragment with that many sites of two servers each."""
    return "".join(SITE.format(n=number) for number in range(count))


def build(text: str) -> Configuration:
    """The configuration of one fragment in an empty ``http`` block."""
    files = {MAIN: parse("events {} http { include conf.d/*.conf; }", "nginx.conf")}
    return Configuration(load(MAIN, {**files, "/etc/nginx/conf.d/site.conf": parse(text, "site.conf")}))


def ask(config: Configuration) -> int:
    """Ask everything that rules ask; the number of answers, so that nothing is optimised away."""
    count = len(config.served_directories()) + len(config.django_locations()) + len(config.sockets())
    for server in config.servers:
        count += int(config.redirects_everything_to_https(server))
        count += int(config.location_for(server, "/static/x.css") is not None)
        for place in config.reachable_places(server):
            for tls in (False, True):
                count += len(config.replies(place, RequestShape(tls=tls, host=server.name)))
            for level in place.levels if isinstance(place, LocationBlock) else (place,):
                count += sum(len(level.effective(name).values) for name in ASKED)
                count += len([forwarded_header(level, name) for name in HEADERS])
    return count


def _all(text: str) -> int:
    return ask(build(text))


def _rules(text: str) -> int:
    return len(judge_text("events {} http { include conf.d/*.conf; }", {"/etc/nginx/conf.d/site.conf": text}))


def best(action: Callable[[], object], seconds: float = 1.0) -> float:
    """Milliseconds of the fastest run within about that many seconds."""
    fastest = float("inf")
    end = time.process_time() + seconds
    while True:
        started = time.process_time()
        action()
        fastest = min(fastest, time.process_time() - started)
        if time.process_time() >= end:
            return fastest * 1000


def main() -> None:
    """Measure and print."""
    small, large = site(1), site(200)
    print(f"{'case':<34}{'parse ms':>10}{'ask ms':>10}{'rules ms':>10}")
    for name, text in (("one site", small), ("200 sites", large)):
        lines = text.count("\n")
        parsing = best(functools.partial(parse, text, "site.conf"))
        everything = best(functools.partial(_all, text))
        rules = best(functools.partial(_rules, text))
        print(f"{f'{name}, {lines} lines':<34}{parsing:>10.2f}{everything:>10.2f}{rules:>10.2f}")
    many = best(lambda: [ask(build(small)) for _ in range(2000)], 0)
    rules = best(lambda: [_rules(small) for _ in range(2000)], 0)
    print(f"{'2,000 files of one site':<34}{'':>10}{many:>10.0f}{rules:>10.0f}")


if __name__ == "__main__":
    main()
