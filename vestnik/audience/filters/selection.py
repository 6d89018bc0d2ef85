"""The audience filter: selects the clients of a mailing.

A filter is `{"operator_codes": [...], "tags": [...], "attributes": {...}, "mailings": {...},
"exclude": {...}}`.

Values of one kind are alternatives, kinds narrow each other, and `{}` selects everyone. `exclude`
has the same form and removes the clients that it selects; an empty one removes none.

A condition on an attribute takes 0.2 s or less for 1,000,000 clients: a number or a flag by the
index, everything else by a parallel scan. A comparison is one jsonpath, which reads the attributes
once; the same with operators takes twice as long. No condition is ever null, so that `exclude` may
negate it.

Texts are compared without regard to case, by the database alone, so that both sides follow the same
rules. That scan takes half as long as a comparison. An index over folded copies of all attributes
makes the directory a third larger. Counting a tenth of all clients by it took twelve times as long,
since each row is folded again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from vestnik.audience.filters.mailing_conditions import WORDS, mailing_condition
from vestnik.audience.filters.rules import KINDS
from vestnik.audience.models import Client

Filter = Mapping[str, Any]

ONE_OF = '("audience_client"."attributes" -> %s = ANY(%s::jsonb[])) IS TRUE'
TEXT_IS = '(lower("audience_client"."attributes" ->> %s) = ANY({values})) IS TRUE'
#: IS NOT DISTINCT FROM, so that a missing attribute gives false and not null.
IS_TEXT = """jsonb_typeof("audience_client"."attributes" -> %s) IS NOT DISTINCT FROM 'string'"""
TAG_IS = 'lower("audience_client"."tag") = ANY({values})'
PRESENT = '("audience_client"."attributes" ->> %s) IS NOT NULL'
COMPARED = '("audience_client"."attributes" @? %s::jsonpath) IS TRUE'
#: The form of a date inside a jsonpath; other texts would compare as letters.
DATE_FORM = '@ like_regex "^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])"'
SIGNS = {"gte": ">=", "lte": "<="}
# More alternatives than this are looked up in a hash, which is faster than as many probes of the
# index.
FEW = 8
#: The number of suggested names; a page shows far fewer.
MOST_NAMES = 1000
# Sampled from the first and the last clients: reading a million takes seconds.
NAMES = """
SELECT DISTINCT jsonb_object_keys(attributes) AS name FROM (
    (SELECT attributes FROM audience_client ORDER BY id LIMIT 1000)
    UNION ALL
    (SELECT attributes FROM audience_client ORDER BY id DESC LIMIT 1000)
) AS sampled ORDER BY name LIMIT %s
"""


class UnknownCondition(ValueError):
    """Raised for an unknown condition; ignoring it would select more clients."""


def matching(audience: Filter) -> QuerySet[Client]:
    """Return the clients that `audience` selects, unordered. Raises UnknownCondition."""
    unknown = (audience.keys() - {*KINDS, "exclude"}) | (
        audience.get("exclude", {}).keys() - set(KINDS)
    )
    unknown |= (_words_of(audience) | _words_of(audience.get("exclude", {}))) - set(WORDS)
    if unknown:
        raise UnknownCondition(f"Unknown conditions of a filter: {', '.join(sorted(unknown))}.")
    clients = Client.objects.order_by().filter(_selected(audience))
    excluded = _selected(audience.get("exclude", {}))
    return clients.filter(~excluded) if excluded else clients


def _words_of(audience: Filter) -> set[str]:
    return set(audience.get("mailings", {}))


def _selected(audience: Filter) -> Q:
    """Return the condition of a filter; it is never null, so that it can be negated."""
    selected = Q()
    if codes := audience.get("operator_codes"):
        selected &= Q(operator_code__in=list(codes))
    if tags := audience.get("tags"):
        selected &= tagged(tags)
    for name, expected in audience.get("attributes", {}).items():
        selected &= condition(name, expected)
    if mailings := audience.get("mailings"):
        selected &= mailing_condition(mailings)
    return selected


def condition(name: str, expected: Any) -> Q:
    """Return the condition on a client's attribute.

    A mapping compares (`gte`, `lte`, `present`), a list gives alternatives, anything else is a
    value.
    """
    if isinstance(expected, Mapping):
        return Q(*_comparisons(name, expected))
    return _one_of(name, expected if isinstance(expected, list) else [expected])


def tagged(tags: Sequence[str]) -> Q:
    """Return the condition that a client's tag is one of these; it uses an index."""
    return Q(_raw(TAG_IS.format(values=_lowered(tags)), *tags))


def _one_of(name: str, values: Sequence[Any]) -> Q:
    texts = [value for value in values if isinstance(value, str)]
    others = [value for value in values if not isinstance(value, str)]
    conditions = [_text_is(name, texts)] if texts else []
    return reduce(or_, [*conditions, _other_is(name, others)] if others else conditions)


def _text_is(name: str, texts: Sequence[str]) -> Q:
    """Return the condition that an attribute is one of the texts, and a text at all."""
    text_is = Q(_raw(TEXT_IS.format(values=_lowered(texts)), name, *texts))
    # `->>` turns 5 into '5', so a number would equal a text. The test of the type costs time and is
    # made only for texts that could be JSON.
    return text_is & Q(_raw(IS_TEXT, name)) if any(map(_may_be_json, texts)) else text_is


def _may_be_json(text: str) -> bool:
    return text[:1] in "-0123456789[{" or text.lower() in ("true", "false")


def _lowered(values: Sequence[object]) -> str:
    """Return placeholders of an array that the planner evaluates once."""
    return f"ARRAY[{', '.join(['lower(%s)'] * len(values))}]"


def _other_is(name: str, values: Sequence[Any]) -> Q:
    if len(values) <= FEW:
        return reduce(or_, (Q(attributes__contains={name: value}) for value in values))
    return Q(_raw(ONE_OF, name, [json.dumps(value) for value in values]))


def _comparisons(name: str, comparison: Mapping[str, Any]) -> Iterator[Q]:
    bounds = {SIGNS[word]: comparison[word] for word in SIGNS if word in comparison}
    if bounds:
        yield Q(_raw(COMPARED, _path(json.dumps(name), bounds)))
    if "present" in comparison:
        present = Q(_raw(PRESENT, name))
        yield present if comparison["present"] else ~present


def _path(key: str, bounds: Mapping[str, Any]) -> str:
    """Return the jsonpath of a comparison."""
    # `double()` also reads numbers that are stored as text, as spreadsheets do. Of a time the date
    # counts, as it is written: the tilde sorts after everything that may follow a date.
    if not any(isinstance(bound, str) for bound in bounds.values()):
        tests = [f"@ {sign} {json.dumps(bound)}" for sign, bound in bounds.items()]
        return f"strict $.{key}.double() ? ({' && '.join(tests)})"
    tests = [f'@ {sign} "{bound}{"~" if sign == "<=" else ""}"' for sign, bound in bounds.items()]
    return f"strict $.{key} ? ({' && '.join([*tests, DATE_FORM])})"


def _raw(template: str, *parameters: object) -> RawSQL:
    """Return a condition of constant SQL; values of users are its parameters."""
    return RawSQL(template, parameters, output_field=BooleanField())  # noqa: S611  (constant)


def is_attribute(name: str) -> bool:
    """Return whether at least one client has an attribute of that name."""
    return Client.objects.order_by().filter(attributes__has_key=name).exists()


def attribute_names(most: int = MOST_NAMES) -> list[str]:
    """Return the names of attributes for suggestions; rare ones may be missing."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [most])
        return [name for (name,) in cursor.fetchall()]
