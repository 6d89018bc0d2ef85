"""Isolates the direction of users' texts.

A name may contain right-to-left letters, or a control character that reverses what follows: № 13
would read 31. Between isolates it affects only itself.
"""

import re

# FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (Unicode, UAX #9).
ISOLATE, POP = "\u2068", "\u2069"
#: Right-to-left letters, and characters that override a direction.
TURNS = re.compile(
    "[\u0590-\u08ff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
#: These would end the isolation.
ISOLATES = re.compile("[\u2066-\u2069]")


def isolate(text: object) -> str:
    """Return the text between isolates if it could affect its neighbours, else unchanged."""
    string = str(text)
    if not TURNS.search(string):
        return string
    return f"{ISOLATE}{ISOLATES.sub('', string)}{POP}"
