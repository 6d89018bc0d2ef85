"""The name of a browser: `Firefox, Windows`."""

import re

from django.utils.translation import gettext

# The first match counts: Edge and Opera also name Chrome, and Chrome names Safari.
BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Yandex", r"YaBrowser/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrom(e|ium)/|CriOS/"),
    ("Safari", r"Safari/"),
)
SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)


def describe(agent: str) -> str:
    """Return the browser and the system of a User-Agent header."""
    names = [_first(agent, BROWSERS), _first(agent, SYSTEMS)]
    return ", ".join(filter(None, names)) or gettext("another program")


def _first(agent: str, table: tuple[tuple[str, str], ...]) -> str:
    return next((name for name, pattern in table if re.search(pattern, agent)), "")
