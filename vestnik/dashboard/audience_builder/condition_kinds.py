"""The kinds of conditions, and the limits of a row of the builder."""

from django.db import models
from django.utils.translation import gettext_lazy as _

#: Characters of a number or a date in a range.
LONGEST_BOUND = 30
#: Up to this number, each value has an input of its own; more are lines of one input.
MOST_INPUTS = 20


class ConditionKind(models.TextChoices):
    """The kinds of conditions."""

    CODE = "code", _("prefix is")
    TAG = "tag", _("tag is")
    NO_TAG = "no-tag", _("there is no tag")
    EQUALS = "equals", _("attribute is")
    RANGE = "range", _("attribute from … to")
    PRESENT = "present", _("attribute is given")
    ABSENT = "absent", _("attribute is not given")
    GOT = "got", _("got the mailing number")
    NOT_GOT = "not-got", _("did not get the mailing number")
    ANSWERED = "answered", _("answered the mailing number")


OF_MAILINGS = {
    ConditionKind.GOT: "got",
    ConditionKind.NOT_GOT: "not_got",
    ConditionKind.ANSWERED: "answered",
}
OF_VALUES = (ConditionKind.CODE, ConditionKind.TAG, ConditionKind.EQUALS, *OF_MAILINGS)
OF_ATTRIBUTES = (
    ConditionKind.EQUALS,
    ConditionKind.RANGE,
    ConditionKind.PRESENT,
    ConditionKind.ABSENT,
)
