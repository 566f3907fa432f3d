"""The pictures of the documentation, from a real run: the comment and the HTML report on a fixture project.

    python docs/pictures/make.py [--engine local] [--mermaid mermaid.min.js]

Needs an engine, and Chromium (no window, no network). With a copy of Mermaid (`npm pack mermaid`), the comment's
request path is drawn as GitHub draws it; without one, the line of text above it stands alone.
"""

import argparse
import html
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options as Cmark

from scanner.config import build
from scanner.model import Report, Run, Silent, Target
from scanner.reports import comment
from scanner.reports import html as page
from scanner.reports.reading import incompleteness
from scanner.scan import scan

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROJECT = "compose-bad"
SHA = "9f3c1ab27de04c5b8e6f0a1d2c3b4a5968778695"
PICTURES = {"comment": (900, 1330), "report": (1000, 1000)}
"""Width and height of each, in pixels."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCHEMES = {"dark": 0, "light": 1}
"""As Chromium numbers the preferred colour scheme."""
_FENCE = re.compile(r'<pre lang="mermaid"><code>(.*?)</code></pre>', re.DOTALL)
_ALERT = re.compile(r"<p>\[!(NOTE|WARNING)\](?:<br />)?\n?")


def scanned(engine: str) -> Report:
    """The report of the fixture project, as on a pull request at GitHub."""
    config = build(ROOT / "fixtures" / "projects" / PROJECT, {"engine": engine}, {}, None, verbose=False)
    found = scan(config, Silent(), Target(), Run())
    target = Target(SHA, None, repository="https://github.com/acme/shop", head=SHA, pull_request=7)
    return replace(found, target=target, run=Run(url="https://github.com/acme/shop/actions/runs/1234567890"))


def comment_page(markdown: str, mermaid: str | None) -> str:
    """A page that shows the comment, rendered by GitHub's own Markdown library."""
    body = str(cmarkgfm.github_flavored_markdown_to_html(markdown, Cmark.CMARK_OPT_UNSAFE))
    body = _ALERT.sub(lambda found: f"<p><b>{found.group(1).capitalize()}</b> ", body)
    drawn = r'<pre class="mermaid">\1</pre>' if mermaid is not None else ""
    body = _FENCE.sub(drawn, body)
    script = ""
    if mermaid is not None:
        start = (
            "mermaid.initialize({securityLevel: 'strict', "
            "theme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'default'})"
        )
        script = f"<script>{mermaid}</script><script>{start}</script>"
    style = (HERE / "comment.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Comment</title>'
        f'<style>{style}</style></head><body><div class="frame"><div class="author"><b>github-actions</b> commented'
        f' · {html.escape("edited")}</div><div class="body">{body}</div></div>{script}</body></html>'
    )


def photograph(source: Path, target: Path, size: tuple[int, int], scheme: str) -> None:
    """A picture of a page. Raises LookupError without Chromium, CalledProcessError where it fails."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise LookupError("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory() as profile:
        options = [
            "--headless=new",
            "--no-sandbox",  # for root; the pages are our own
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=8000",
            "--run-all-compositor-stages-before-draw",
            f"--user-data-dir={profile}",
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            f"--window-size={size[0]},{size[1]}",
            f"--screenshot={target}",
        ]
        subprocess.run([browser, *options, source.as_uri()], check=True, capture_output=True, timeout=120)


def main() -> int:
    """Scan, render, photograph."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--mermaid", type=Path)
    parser.add_argument("--out", type=Path, default=HERE)
    chosen = parser.parse_args()
    mermaid = chosen.mermaid.read_text(encoding="utf-8") if chosen.mermaid else None
    report = scanned(chosen.engine)
    lost = incompleteness(report)
    if lost:
        sys.stderr.write(f"no pictures of an incomplete scan: {lost}\n")
        return 3
    pages = {"comment": comment_page(comment.render(report), mermaid), "report": page.render(report)}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in pages.items():
            source = Path(folder, f"{name}.html")
            source.write_text(text, encoding="utf-8")
            for scheme in SCHEMES:
                photograph(source, chosen.out / f"{name}-{scheme}.png", PICTURES[name], scheme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
