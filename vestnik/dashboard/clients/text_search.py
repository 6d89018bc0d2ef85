"""Searches clients by words: each word must occur in the tag or in an attribute, in any case.

No index supports this. A search over a million clients takes about a second, like one for a rare
part of a number.
"""

import json
import re

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

#: A number as jsonpath accepts it: 007 is not one, and would be a syntax error.
NUMBER = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")


def containing_text(written: str) -> Q:
    """Return the condition that the tag or an attribute contains each word."""
    condition = Q()
    for word in written.split():
        in_attributes = RawSQL(
            "audience_client.attributes @? %s::jsonpath", [_path(word)], BooleanField()
        )
        condition &= Q(in_attributes) | Q(tag__icontains=word)
    return condition


def _path(word: str) -> str:
    """Return a jsonpath to a value that contains the word, also within a list."""
    tests = [f'@ like_regex {json.dumps(word, ensure_ascii=False)} flag "iq"']
    number = word.replace(",", ".")
    if NUMBER.fullmatch(number):
        tests.append(f"@ == {number}")
    return f"$.* ? ({' || '.join(tests)})"
