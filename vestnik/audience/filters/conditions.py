"""What a filter may ask of an attribute, as conditions of the database.

Of 1,000,000 clients each takes 0.2 s or less: a number or a flag by the index, all else by a
parallel scan. A comparison is one jsonpath, which reads the attributes once: the same by operators
takes twice as long. None is ever null, so that `exclude` may negate it.

Texts are compared without regard to case, in the database alone, whose rules are then the same for
both sides. That scan takes half as long as a comparison. An index over folded copies of all
attributes makes the directory a third larger, and counting a tenth of all clients by it took twelve
times as long, because each row found is folded again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

ONE_OF = '("audience_client"."attributes" -> %s = ANY(%s::jsonb[])) IS TRUE'
TEXT_IS = '(lower("audience_client"."attributes" ->> %s) = ANY({values})) IS TRUE'
IS_TEXT = """jsonb_typeof("audience_client"."attributes" -> %s) IS NOT DISTINCT FROM 'string'"""
TAG_IS = 'lower("audience_client"."tag") = ANY({values})'
PRESENT = '("audience_client"."attributes" ->> %s) IS NOT NULL'
COMPARED = '("audience_client"."attributes" @? %s::jsonpath) IS TRUE'
DATE_FORM = '@ like_regex "^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])"'
SIGNS = {"gte": ">=", "lte": "<="}
# More alternatives than this are looked up in a hash, which beats that many probes of the index.
FEW = 8


def condition(name: str, wanted: Any) -> Q:
    """Whether a client's attribute is what is wanted of it."""
    if isinstance(wanted, Mapping):
        return Q(*_comparisons(name, wanted))
    return _one_of(name, wanted if isinstance(wanted, list) else [wanted])


def tagged(tags: Sequence[str]) -> Q:
    """Whether a client's tag is one of these; by an index."""
    return Q(_raw(TAG_IS.format(values=_lowered(tags)), *tags))


def _one_of(name: str, values: Sequence[Any]) -> Q:
    texts = [value for value in values if isinstance(value, str)]
    others = [value for value in values if not isinstance(value, str)]
    found = [_text_is(name, texts)] if texts else []
    return reduce(or_, [*found, _other_is(name, others)] if others else found)


def _text_is(name: str, texts: Sequence[str]) -> Q:
    """A number or a flag is no text, though it may be written like one."""
    found = Q(_raw(TEXT_IS.format(values=_lowered(texts)), name, *texts))
    return found & Q(_raw(IS_TEXT, name)) if any(map(_may_be_json, texts)) else found


def _may_be_json(text: str) -> bool:
    return text[:1] in "-0123456789[{" or text.lower() in ("true", "false")


def _lowered(values: Sequence[object]) -> str:
    """Placeholders, of which the planner makes a constant."""
    return f"ARRAY[{', '.join(['lower(%s)'] * len(values))}]"


def _other_is(name: str, values: Sequence[Any]) -> Q:
    if len(values) <= FEW:
        return reduce(or_, (Q(attributes__contains={name: value}) for value in values))
    return Q(_raw(ONE_OF, name, [json.dumps(value) for value in values]))


def _comparisons(name: str, wanted: Mapping[str, Any]) -> Iterator[Q]:
    bounds = {SIGNS[word]: wanted[word] for word in SIGNS if word in wanted}
    if bounds:
        yield Q(_raw(COMPARED, _path(json.dumps(name), bounds)))
    if "present" in wanted:
        present = Q(_raw(PRESENT, name))
        yield present if wanted["present"] else ~present


def _path(key: str, bounds: Mapping[str, Any]) -> str:
    """A number may be written as text, as many a spreadsheet has it; of an instant the day counts,
    as it is written. The tilde sorts after all that may follow a day."""
    if not any(isinstance(bound, str) for bound in bounds.values()):
        tests = [f"@ {sign} {json.dumps(bound)}" for sign, bound in bounds.items()]
        return f"strict $.{key}.double() ? ({' && '.join(tests)})"
    tests = [f'@ {sign} "{bound}{"~" if sign == "<=" else ""}"' for sign, bound in bounds.items()]
    return f"strict $.{key} ? ({' && '.join([*tests, DATE_FORM])})"


def _raw(template: str, *parameters: object) -> RawSQL:
    """A condition of constant text; what users give are its parameters."""
    # The template is a constant of ours, and all that was given is a parameter.
    return RawSQL(template, parameters, output_field=BooleanField())  # noqa: S611
