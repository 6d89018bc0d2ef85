"""The builder of an audience filter: rows of conditions, of which each is a form.

The rows of a group (`include`, `exclude`) are named by the values of its hidden inputs, so that a
row is removed by leaving it out. Adding and removing is done here, by buttons that post the form;
htmx only saves the reload.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy

from vestnik.audience.filters.rules import MOST_ATTRIBUTES, checked_filter
from vestnik.audience.filters.selection import Filter
from vestnik.audience.models import SavedAudience
from vestnik.audience.saved_audiences import naming_a_taken_name
from vestnik.dashboard.audience_builder.conditions import (
    OF_MAILINGS,
    ConditionForm,
    ConditionKind,
    conditions_of,
)
from vestnik.dashboard.audience_builder.suggestions import Suggestions, suggestions
from vestnik.dashboard.wording.filter_text import describe

GROUPS = ("include", "exclude")
MOST_ROWS = MOST_ATTRIBUTES + 2 + len(OF_MAILINGS)
MOST_SAVED = 200
#: How many conditions the page had.
ROWS = "rows"
SALT = "filter that is kept as it is"
UNREADABLE = gettext_lazy(
    "The audience that this page carried cannot be read any more: choose it anew."
)
NOT_TAKEN = gettext_lazy(
    "A saved audience is chosen in the list and not applied: press “Apply”, or choose none."
)
GONE = gettext_lazy("That audience has been deleted meanwhile: choose another one.")
NOT_WHOLE = gettext_lazy(
    "The conditions did not arrive whole: reload the page and choose them again."
)


class AudienceForm:
    """Whom something is for.

    A filter that rows cannot say (one of the API's making, or "send again") is kept as it is, until
    somebody chooses anew.
    """

    def __init__(self, *, kept: Filter | None = None, **groups: Sequence[ConditionForm]) -> None:
        self.kept = kept
        self.include = list(groups.get("include", ()))
        self.exclude = list(groups.get("exclude", ()))
        self.problems: list[str] = []
        #: What is said of it although it is in order.
        self.warnings: list[str] = []
        #: What the page carried and nobody can read: no filter can be made of it.
        self.unreadable: str | None = None
        self.name, self.name_problem, self.saved_as = "", "", ""
        self.is_shorter = False
        #: The saved audience that stands in the list and is not taken.
        self.chosen = ""

    @classmethod
    def from_filter(cls, audience: Filter) -> "AudienceForm":
        """The builder with a filter in it."""
        included, excluded = conditions_of(audience), conditions_of(audience.get("exclude", {}))
        if included is None or excluded is None:
            return cls(kept=audience)
        return cls(
            include=[_row("include", n, initial=said) for n, said in enumerate(included)],
            exclude=[_row("exclude", n, initial=said) for n, said in enumerate(excluded)],
        )

    @classmethod
    def submitted(cls, data: QueryDict) -> "AudienceForm":
        """The builder as it was sent, to be checked."""
        groups = {g: [_row(g, n, data=data) for n in _numbers(data, g)] for g in GROUPS}
        form = cls(kept=None, **groups)._carrying(data)
        if data.get(ROWS) != str(form.rows) and not form.problems:
            form.problems.append(str(NOT_WHOLE))  # no part that is missing becomes "everybody"
        if form.chosen:
            form.problems.append(str(NOT_TAKEN))
        return form

    @classmethod
    def restored(cls, data: QueryDict) -> "AudienceForm":
        """The builder as it was sent, without a word about what is wrong."""
        form = cls(kept=None, **{group: list(_left(data, group)) for group in GROUPS})
        return form if "anew" in data else form._carrying(data)

    @classmethod
    def changed(cls, data: QueryDict) -> "AudienceForm | None":
        """The builder after one of its own buttons was pressed; None where none was."""
        if "keep" in data:
            return cls.submitted(data)._keep(data.get("audience_name", ""))
        if saved := _taken(data):
            return cls.from_filter(saved.filter)
        if not any(name in data for name in ("add", "remove", "take", "anew")):
            return None
        form = cls.restored(data)
        if "take" in data and data.get("saved"):
            form.problems.append(str(GONE))
        form.is_shorter = "remove" in data
        form._add(data.get("add", ""))
        return form

    def _carrying(self, data: QueryDict) -> "AudienceForm":
        """With the filter that the page carries as it is, and what is wrong with what was sent."""
        self.chosen = str(data.get("saved", ""))
        try:
            self.kept = signing.loads(str(data["kept"]), salt=SALT) if "kept" in data else None
        except signing.BadSignature:
            self.unreadable = str(data["kept"])
            self.problems.append(str(UNREADABLE))
        if any(len(_numbers(data, group)) != len(set(data.getlist(group))) for group in GROUPS):
            self.problems.append(str(NOT_WHOLE))
        return self

    def _add(self, group: str) -> None:
        rows: list[ConditionForm] = getattr(self, group) if group in GROUPS else []
        if group in GROUPS and len(rows) < MOST_ROWS:
            number = max((row.number for row in rows), default=-1) + 1
            rows.append(_row(group, number, initial={"what": ConditionKind.CODE}, is_new=True))

    def _keep(self, name: str) -> "AudienceForm":
        """Save the filter as an audience of that name."""
        self.name = name.strip()
        if not self.is_valid():
            return self
        try:
            save_audience(self.name, self.audience)
        except ValidationError as error:
            self.name_problem = " ".join(error.messages)
            return self
        self.saved_as, self.name = self.name, ""
        return self

    def is_valid(self) -> bool:
        """Whether a filter can be made of it; what is wrong stands beside its field."""
        if self.kept is None and self.unreadable is None:
            rows = [*self.include, *self.exclude]
            # Every row is asked, so that each shows what is wrong with it.
            wrong = [row for row in rows if not row.is_valid()]
            if not wrong and not self._repeated() and not self.problems:
                self._check()
            return not self.problems and not any(row.errors for row in rows)
        return not self.problems

    @property
    def audience(self) -> dict[str, Any]:
        """The filter, once it is valid. Raises ValidationError where none can be made."""
        if self.unreadable is not None:
            raise ValidationError(UNREADABLE)
        if self.kept is not None:
            return dict(self.kept)
        return checked_filter(self._built())

    @property
    def rows(self) -> int:
        """How many conditions there are: what is sent without one of them is refused."""
        return len(self.include) + len(self.exclude)

    @property
    def words(self) -> list[str]:
        """The filter that is kept, in words."""
        return describe(self.kept or {})

    @property
    def kept_signed(self) -> str:
        """What the page carries of it: nobody can put another one in its place."""
        if self.unreadable is not None:
            return self.unreadable
        return signing.dumps(self.kept, salt=SALT)

    @cached_property
    def suggestions(self) -> Suggestions:
        """What may be written into the rows."""
        return suggestions()

    @cached_property
    def saved(self) -> Sequence[SavedAudience]:
        """The audiences to start from."""
        return list(SavedAudience.objects.order_by("name").only("id", "name")[:MOST_SAVED])

    def _built(self) -> dict[str, Any]:
        excluded = _merged(self.exclude)
        return _merged(self.include) | ({"exclude": excluded} if excluded else {})

    def _check(self) -> None:
        try:
            checked_filter(self._built())
        except ValidationError as error:
            self.problems = error.messages

    def _repeated(self) -> bool:
        found = False
        for rows in (self.include, self.exclude):
            subjects = [row.subject for row in rows]
            for place, row in enumerate(rows):
                if subjects[place] in subjects[:place]:
                    row.add_error(
                        "what", gettext_lazy("Put it into the condition above about the same.")
                    )
                    found = True
        return found


def save_audience(name: str, audience: Filter, id: int | None = None) -> SavedAudience:
    """Save an audience, or change the one that there is. Raises ValidationError."""
    saved = SavedAudience(id=id, name=name, filter=audience)
    saved.clean_fields(exclude=["id", "filter", "created_at"])
    with naming_a_taken_name():
        if id is None:
            saved.save(force_insert=True)
        else:
            SavedAudience.objects.filter(id=id).update(name=name, filter=audience)
    return saved


def _row(
    group: str, number: int, *, data: Any = None, initial: Any = None, is_new: bool = False
) -> ConditionForm:
    form = ConditionForm(data, initial=initial, prefix=f"{group}-{number}")
    form.number, form.is_new = number, is_new
    return form


def _numbers(data: QueryDict, group: str) -> list[int]:
    given = dict.fromkeys(data.getlist(group))
    return [int(n) for n in given if n.isascii() and n.isdigit() and len(n) < 4][:MOST_ROWS]


def _left(data: QueryDict, group: str) -> Iterator[ConditionForm]:
    """The rows as they were sent, without the one that is to be removed."""
    for number in _numbers(data, group):
        if data.get("remove") != f"{group}-{number}":
            sent = _row(group, number, data=data)
            yield _row(group, number, initial=sent.as_sent())


def _merged(rows: Sequence[ConditionForm]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for row in rows:
        for kind, wanted in row.part().items():
            if kind in ("attributes", "mailings"):
                parts.setdefault(kind, {}).update(wanted)
            else:
                parts[kind] = wanted
    return parts


def _taken(data: QueryDict) -> SavedAudience | None:
    chosen = data.get("saved", "")
    if "take" not in data or not (chosen.isascii() and chosen.isdigit() and len(chosen) < 19):
        return None
    return SavedAudience.objects.filter(id=chosen).first()
