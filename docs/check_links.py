"""Check that every relative link of the Markdown pages leads somewhere.

Exit status 1 and one line per broken link. Links to the web are not followed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def slug(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page."""
    return {slug(line.lstrip("#")) for line in page.read_text().splitlines() if line.startswith("#")}


def broken(page: Path) -> list[str]:
    """Return what is wrong with the links of a page."""
    faults = []
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            faults.append(f"{page.relative_to(ROOT)}: {target}: no such file")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            faults.append(f"{page.relative_to(ROOT)}: {target}: no such heading")
    return faults


def main() -> int:
    """Return the exit status."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")]
    faults = [fault for page in pages for fault in broken(page)]
    for fault in faults:
        sys.stderr.write(fault + "\n")
    sys.stdout.write(f"{len(pages)} pages, {len(faults)} broken links\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
