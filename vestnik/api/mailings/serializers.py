"""Mailings in requests and responses."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from vestnik.api.clients.filter import Filter
from vestnik.api.http import pagination
from vestnik.api.http.fields import (
    Instant,
    QueryBoolean,
    StrictBoolean,
    StrictInteger,
    StrictSerializer,
    Text,
)
from vestnik.api.http.reasons import ReasonShown
from vestnik.dispatch.read.message_state import STATES
from vestnik.dispatch.read.progress import Progress
from vestnik.mailings.models import UNDER_WAY, Mailing, MailingState
from vestnik.mailings.rules import MOST_RATE, validate_hours, validate_provider, validate_text
from vestnik.mailings.text_warnings import check_confirmed
from vestnik.mailings.window import check_ahead, check_window
from vestnik.reasons.reason import Reason

WRITTEN = {
    "name": "Чёрная пятница",
    "text": '{{ name|default:"Здравствуйте" }}! Скидка 20 % до воскресенья',
    "filter": {
        "operator_codes": ["926", "916"],
        "tags": ["vip"],
        "attributes": {"city": ["Казань", "Уфа"], "age": {"gte": 18}},
        "exclude": {"tags": ["staff"]},
    },
    "starts_at": "2026-11-27T09:00:00+03:00",
    "ends_at": "2026-11-27T21:00:00+03:00",
    "local_hours": {"from": "09:00", "until": "21:00"},
    "rate_limit": 200,
}
COUNTS = {**dict.fromkeys(("matched", *STATES), 0), "matched": 2, "queued": 1, "sent": 1}
ANSWERED = {
    "id": 12,
    **WRITTEN,
    "starts_at": "2026-11-27T06:00:00Z",
    "ends_at": "2026-11-27T18:00:00Z",
    "provider": "console",
    "test": False,
    "text_version": 1,
    "state": "running",
    "state_reason": "",
    "reason": None,
    "held": "",
    "held_reason": None,
    "progress": COUNTS,
    "created_at": "2026-11-24T09:00:00Z",
    "enlisted_at": "2026-11-27T06:00:00.080000Z",
    "started_at": "2026-11-27T06:00:00.005000Z",
    "finished_at": None,
}


HOUR = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}


@extend_schema_field(
    {
        "type": "object",
        "description": (
            "The hours of the client's own day, in their time zone, in which the mailing is "
            "sent. `until` is excluded. If `from` is later than `until`, the hours span "
            "midnight. Messages to clients for whom the hours do not open before the mailing's "
            "end expire."
        ),
        "properties": {"from": HOUR, "until": HOUR},
        "required": ["from", "until"],
        "additionalProperties": False,
    }
)
class LocalHours(serializers.Field[dict[str, str], Any, dict[str, str], Any]):
    """The hours of the client's own day in which the mailing may be sent."""

    default_error_messages = {"invalid": "Give the two hours, from and until, as HH:MM, or null."}

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, Mapping):
            self.fail("invalid")
        return validate_hours(data)

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


@extend_schema_serializer(component_name="Progress")
class ProgressShown(serializers.Serializer[Any]):
    """The number of messages of the mailing, in all and in each state."""

    matched = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {state: serializers.IntegerField() for state in STATES}


@extend_schema_serializer(
    component_name="Mailing",
    examples=[
        OpenApiExample("A mailing", WRITTEN, request_only=True),
        OpenApiExample("A mailing", ANSWERED, response_only=True),
    ],
)
class MailingBody(StrictSerializer):
    """A mailing: a text, an audience, and a window in which it is sent."""

    id = serializers.IntegerField(read_only=True)
    name = Text(required=False, allow_blank=True, max_length=200)
    text = Text(
        help_text=(
            'At most 10 segments. `{{ name }}` or `{{ name|default:"…" }}` is replaced by a field '
            "or an attribute of the client."
        )
    )
    confirm_text = StrictBoolean(
        required=False,
        write_only=True,
        help_text=(
            "Confirms a text of which a part looks like a placeholder and is none, such as "
            "`{name}`."
        ),
    )
    filter = Filter()
    starts_at = Instant(help_text="If it is in the past, the mailing starts at once.")
    ends_at = Instant(help_text="No message is sent at or after this time.")
    local_hours = LocalHours(required=False, allow_null=True)
    provider = Text(required=False, help_text="The alias of a configured provider.")
    rate_limit = StrictInteger(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_RATE,
        help_text="Messages a second over all workers; null leaves the provider's own limit.",
    )
    test = serializers.BooleanField(
        source="is_test", read_only=True, help_text="Whether this is a test send."
    )
    text_version = serializers.IntegerField(
        read_only=True, help_text="1, plus one for each change of the text after the start."
    )
    state = serializers.ChoiceField(MailingState.choices, read_only=True)
    state_reason = serializers.CharField(read_only=True)
    reason = serializers.SerializerMethodField(help_text="The reason of the state, for programs.")
    held = serializers.SerializerMethodField(
        help_text="Why no message leaves although the mailing runs, by its provider; otherwise "
        "empty."
    )
    held_reason = serializers.SerializerMethodField(help_text="The same for programs.")
    progress = serializers.SerializerMethodField()
    warnings = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Only in the response to a creation, a change or a resumption: what may not be "
        "intended.",
    )
    created_at = Instant(read_only=True)
    enlisted_at = Instant(read_only=True, allow_null=True)
    started_at = Instant(read_only=True, allow_null=True)
    finished_at = Instant(read_only=True, allow_null=True)

    validate_text = staticmethod(validate_text)
    validate_provider = staticmethod(validate_provider)
    #: Whether a text that seems to have mistyped placeholders must be confirmed.
    asks_to_confirm: ClassVar[bool] = True

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        confirmed = attrs.pop("confirm_text", False) or not self.asks_to_confirm
        if "text" in attrs:
            check_confirmed(attrs["text"], confirmed=confirmed)
        if "ends_at" in attrs:
            under_way = self.instance is not None and self.instance.state in UNDER_WAY
            check_ahead(attrs["ends_at"], under_way=under_way)
        if "starts_at" in attrs or "ends_at" in attrs:
            window = [attrs.get(name) or getattr(self.instance, name) for name in WINDOW]
            check_window(*window)
        if self.instance is None:
            attrs.setdefault("provider", settings.SMS_DEFAULT_PROVIDER)
        return attrs

    @extend_schema_field(ReasonShown(allow_null=True))
    def get_reason(self, mailing: Mailing) -> dict[str, Any] | None:
        why = mailing.why
        return why.data if why else None

    def get_held(self, mailing: Mailing) -> str:
        reason: Reason | None = self.context["held"].get(mailing.id)
        return f"held: {reason}" if reason else ""

    @extend_schema_field(ReasonShown(allow_null=True))
    def get_held_reason(self, mailing: Mailing) -> dict[str, Any] | None:
        reason: Reason | None = self.context["held"].get(mailing.id)
        return reason.data if reason else None

    @extend_schema_field(ProgressShown)
    def get_progress(self, mailing: Mailing) -> Progress:
        progress: Progress = self.context["progress"][mailing.id]
        return progress


@extend_schema_serializer(component_name="MailingText")
class TextShown(serializers.Serializer[Any]):
    """A version of the text of a mailing."""

    version = serializers.IntegerField()
    text = serializers.CharField()
    segments = serializers.IntegerField(
        help_text="The least number: values of placeholders may make a text longer."
    )
    since = Instant(allow_null=True, help_text="Null before the start.")

    @staticmethod
    def only_one_of(mailing: Mailing) -> dict[str, Any]:
        """Return the one version of a text that was not changed after the start."""
        own = {name: getattr(mailing, name) for name in ("text", "segments")}
        return {"version": 1, "since": mailing.started_at, **own}


WINDOW = ("starts_at", "ends_at")


@extend_schema_serializer(
    component_name="NewMailing",
    examples=[
        OpenApiExample("A mailing", WRITTEN, request_only=True),
        OpenApiExample("A draft", {**WRITTEN, "draft": True}, request_only=True),
    ],
)
class NewMailing(MailingBody):
    """A mailing to create."""

    draft = StrictBoolean(
        required=False,
        write_only=True,
        help_text="Save the mailing as a draft, which starts only after it is scheduled.",
    )


class MailingQuery(pagination.PageQuery):
    """Which mailings to list."""

    test = QueryBoolean(required=False, help_text="true: only test sends; false: everything else.")


class MailingPage(serializers.Serializer[Any]):
    """A page of mailings, the newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = MailingBody(many=True)
