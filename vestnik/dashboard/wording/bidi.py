"""Text that somebody has written keeps its direction to itself.

A name may hold right-to-left letters, or a control character that turns all that follows it round:
beside one, № 13 reads 31. Between isolates it turns nothing but itself.
"""

import re

ISOLATE, POP = "\u2068", "\u2069"
#: Letters from right to left, and the characters that override a direction.
TURNS = re.compile(
    "[\u0590-\u08ff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
#: Would close what is opened here.
ISOLATES = re.compile("[\u2066-\u2069]")


def isolate(text: object) -> str:
    """The text between isolates where it could turn what is beside it round; else as it is."""
    shown = str(text)
    if not TURNS.search(shown):
        return shown
    return f"{ISOLATE}{ISOLATES.sub('', shown)}{POP}"
