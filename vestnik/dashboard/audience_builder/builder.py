"""The builder of an audience filter: rows of conditions, each of which is a form.

The rows of a group (`include`, `exclude`) are named by the values of its hidden inputs, so that a
row is removed by leaving it out. Buttons that post the form add and remove rows on the server; htmx
only avoids the reload.
"""

from collections.abc import Sequence
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy

from vestnik.audience.filters.rules import validate_filter
from vestnik.audience.filters.selection import Filter
from vestnik.audience.models import SavedAudience
from vestnik.audience.saved_audiences import save_audience
from vestnik.dashboard.audience_builder.condition_kinds import ConditionKind
from vestnik.dashboard.audience_builder.conditions import ConditionForm
from vestnik.dashboard.audience_builder.rows import conditions_of
from vestnik.dashboard.audience_builder.submitted_rows import (
    GROUPS,
    MOST_ROWS,
    merge_parts,
    remaining_rows,
    row_form,
    row_numbers,
)
from vestnik.dashboard.audience_builder.suggestions import Suggestions, suggestions
from vestnik.dashboard.wording.filter_text import describe

#: Saved audiences in the list; a longer list cannot be searched on a page.
MOST_SAVED = 200
#: The field with the number of conditions on the page.
ROWS = "rows"
#: Signatures with another salt are not valid here.
SALT = "filter that is kept as it is"
UNREADABLE = gettext_lazy("The audience of this page cannot be read any more: choose it again.")
NOT_TAKEN = gettext_lazy(
    "A saved audience is chosen in the list and not applied: press “Apply”, or choose none."
)
GONE = gettext_lazy("This audience has been deleted: choose another one.")
NOT_WHOLE = gettext_lazy(
    "Some conditions were not received: reload the page and choose them again."
)


class AudienceForm:
    """The form of an audience.

    A filter that rows cannot express (one of the API, or of a follow-up) is kept unchanged until
    the user starts over.
    """

    def __init__(self, *, kept: Filter | None = None, **groups: Sequence[ConditionForm]) -> None:
        self.kept = kept
        self.include = list(groups.get("include", ()))
        self.exclude = list(groups.get("exclude", ()))
        self.problems: list[str] = []
        #: Warnings about a valid filter.
        self.warnings: list[str] = []
        #: The page's carried filter if its signature is wrong: no filter can be built from it.
        self.unreadable: str | None = None
        self.name, self.name_problem, self.saved_as = "", "", ""
        self.is_shorter = False
        #: The saved audience that is chosen in the list and not applied.
        self.chosen = ""

    @classmethod
    def from_filter(cls, audience: Filter) -> "AudienceForm":
        """Return the builder with the rows of a filter."""
        included, excluded = conditions_of(audience), conditions_of(audience.get("exclude", {}))
        if included is None or excluded is None:
            return cls(kept=audience)
        return cls(
            include=[row_form("include", n, initial=row) for n, row in enumerate(included)],
            exclude=[row_form("exclude", n, initial=row) for n, row in enumerate(excluded)],
        )

    @classmethod
    def submitted(cls, data: QueryDict) -> "AudienceForm":
        """Return the builder as it was submitted, to be validated."""
        groups = {g: [row_form(g, n, data=data) for n in row_numbers(data, g)] for g in GROUPS}
        form = cls(kept=None, **groups)._carrying(data)
        if data.get(ROWS) != str(form.rows) and not form.problems:
            form.problems.append(str(NOT_WHOLE))  # a missing row must not select everyone
        if form.chosen:
            form.problems.append(str(NOT_TAKEN))
        return form

    @classmethod
    def restored(cls, data: QueryDict) -> "AudienceForm":
        """Return the builder as it was submitted, without error messages."""
        form = cls(kept=None, **{group: list(remaining_rows(data, group)) for group in GROUPS})
        return form if "anew" in data else form._carrying(data)

    @classmethod
    def changed(cls, data: QueryDict) -> "AudienceForm | None":
        """Return the builder after one of its buttons was pressed; None if none was."""
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
        """Set the carried filter, and the problems of the submitted rows."""
        self.chosen = str(data.get("saved", ""))
        try:
            self.kept = signing.loads(str(data["kept"]), salt=SALT) if "kept" in data else None
        except signing.BadSignature:
            self.unreadable = str(data["kept"])
            self.problems.append(str(UNREADABLE))
        if any(len(row_numbers(data, group)) != len(set(data.getlist(group))) for group in GROUPS):
            self.problems.append(str(NOT_WHOLE))
        return self

    def _add(self, group: str) -> None:
        rows: list[ConditionForm] = getattr(self, group) if group in GROUPS else []
        if group in GROUPS and len(rows) < MOST_ROWS:
            number = max((row.number for row in rows), default=-1) + 1
            rows.append(row_form(group, number, initial={"what": ConditionKind.CODE}, is_new=True))

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
        """Validate all rows; each problem is attached to its field."""
        if self.kept is None and self.unreadable is None:
            rows = [*self.include, *self.exclude]
            # Validate every row, so that each shows its problems.
            wrong = [row for row in rows if not row.is_valid()]
            if not wrong and not self._repeated() and not self.problems:
                self._check()
            return not self.problems and not any(row.errors for row in rows)
        return not self.problems

    @property
    def audience(self) -> dict[str, Any]:
        """The filter, once it is valid. Raises ValidationError if it cannot be built."""
        if self.unreadable is not None:
            raise ValidationError(UNREADABLE)
        if self.kept is not None:
            return dict(self.kept)
        return validate_filter(self._built())

    @property
    def rows(self) -> int:
        """The number of conditions; a submission with fewer rows is refused."""
        return len(self.include) + len(self.exclude)

    @property
    def words(self) -> list[str]:
        """The kept filter in words."""
        return describe(self.kept or {})

    @property
    def kept_signed(self) -> str:
        """The kept filter for the page, signed so that it cannot be replaced."""
        if self.unreadable is not None:
            return self.unreadable
        return signing.dumps(self.kept, salt=SALT)

    @cached_property
    def suggestions(self) -> Suggestions:
        """Suggested values for the rows."""
        return suggestions()

    @cached_property
    def saved(self) -> Sequence[SavedAudience]:
        """The saved audiences to start from."""
        return list(SavedAudience.objects.order_by("name").only("id", "name")[:MOST_SAVED])

    def _built(self) -> dict[str, Any]:
        excluded = merge_parts(self.exclude)
        return merge_parts(self.include) | ({"exclude": excluded} if excluded else {})

    def _check(self) -> None:
        try:
            validate_filter(self._built())
        except ValidationError as error:
            self.problems = error.messages

    def _repeated(self) -> bool:
        is_repeated = False
        for rows in (self.include, self.exclude):
            subjects = [row.subject for row in rows]
            # Two conditions on the same thing would overwrite each other in the filter.
            for place, row in enumerate(rows):
                if subjects[place] in subjects[:place]:
                    row.add_error(
                        "what",
                        gettext_lazy("A condition above is about the same: add the value there."),
                    )
                    is_repeated = True
        return is_repeated


def _taken(data: QueryDict) -> SavedAudience | None:
    chosen = data.get("saved", "")
    if "take" not in data or not (chosen.isascii() and chosen.isdigit() and len(chosen) < 19):
        return None
    return SavedAudience.objects.filter(id=chosen).first()
