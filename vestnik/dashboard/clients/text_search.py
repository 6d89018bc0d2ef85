"""Clients by words: each word is found in the tag or in the value of an attribute, in any case.

No index helps: values are read as they are. Where there are a million clients a search takes about
a second, as one for a rare part of a number does.
"""

import json
import re

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

#: A number as jsonpath writes one: 007 is none there, and an error of the whole path.
NUMBER = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")


def containing_text(written: str) -> Q:
    """The clients in whose tag or attributes every word is found."""
    found = Q()
    for word in written.split():
        in_attributes = RawSQL(
            "audience_client.attributes @? %s::jsonpath", [_path(word)], BooleanField()
        )
        found &= Q(in_attributes) | Q(tag__icontains=word)
    return found


def _path(word: str) -> str:
    """A path to a value that holds the word as it stands, also within a list."""
    tests = [f'@ like_regex {json.dumps(word, ensure_ascii=False)} flag "iq"']
    number = word.replace(",", ".")
    if NUMBER.fullmatch(number):
        tests.append(f"@ == {number}")
    return f"$.* ? ({' || '.join(tests)})"
