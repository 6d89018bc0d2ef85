"""The checks of a condition's values; an empty text means that nothing is wrong."""

from collections.abc import Callable, Sequence

from django.utils.translation import gettext_lazy as _

from vestnik.audience.filters.mailing_conditions import unknown_mailings
from vestnik.audience.filters.rules import LONGEST_VALUE, MOST_VALUES
from vestnik.audience.phone import OPERATOR_CODE
from vestnik.audience.validation import LONGEST_TAG
from vestnik.dashboard.audience_builder.condition_kinds import OF_MAILINGS, ConditionKind


def problem_of_all(values: Sequence[str]) -> str:
    if not values:
        return str(_("Give a value, or remove the condition."))
    if len(values) > MOST_VALUES:
        return str(_("Give at most %(most)s values.") % {"most": MOST_VALUES})
    return ""


def _problem_of_code(value: str) -> str:
    if OPERATOR_CODE.fullmatch(value):
        return ""
    return str(_("Write three digits, for example 926."))


def _problem_of_mailing(value: str) -> str:
    number = value.lstrip("№#")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return str(_("Write the number of a mailing, for example 12."))
    if unknown_mailings([int(number)]):
        return str(_("There is no mailing № %(number)s.") % {"number": int(number)})
    return ""


def _shorter_than(most: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if "\x00" in value:
            return str(_("Leave out the NUL character."))
        if len(value) > most:
            return str(_("Shorten it to at most %(most)s characters.") % {"most": most})
        return ""

    return check


CHECKS: dict[str, Callable[[str], str]] = {
    ConditionKind.CODE: _problem_of_code,
    ConditionKind.TAG: _shorter_than(LONGEST_TAG),
    ConditionKind.EQUALS: _shorter_than(LONGEST_VALUE),
    **dict.fromkeys(OF_MAILINGS, _problem_of_mailing),
}
