"""A mailing as it is sent to the API and answered by it."""

from collections.abc import Mapping
from typing import Any

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
from vestnik.mailings.rules import (
    MOST_RATE,
    check_ahead,
    check_confirmed,
    check_window,
    validate_hours,
    validate_provider,
    validate_text,
)
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
            "The hours of the client's own day, by their time zone. `until` itself is not in them; "
            "past midnight where `from` is the later. Who they do not open for before the "
            "mailing's end expires."
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
    """How many messages the mailing has, and how many of them are in each state."""

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
    """A text, whom it is for, and a window in which it goes out."""

    id = serializers.IntegerField(read_only=True)
    name = Text(required=False, allow_blank=True, max_length=200)
    text = Text(
        help_text=(
            'At most 10 segments. `{{ name }}` or `{{ name|default:"…" }}` stands for a field or '
            "an attribute of the client."
        )
    )
    confirm_text = StrictBoolean(
        required=False,
        write_only=True,
        help_text=(
            "The text is meant as it is, although a part of it looks like a placeholder and is "
            "none, such as `{name}`."
        ),
    )
    filter = Filter()
    starts_at = Instant(help_text="May be past: the mailing then starts at once.")
    ends_at = Instant(help_text="Nothing leaves at or after it.")
    local_hours = LocalHours(required=False, allow_null=True)
    provider = Text(required=False, help_text="The alias of a configured provider.")
    rate_limit = StrictInteger(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_RATE,
        help_text="Messages a second over all workers; null is the provider's own limit.",
    )
    test = serializers.BooleanField(
        source="is_test", read_only=True, help_text="A test send, to numbers that were given."
    )
    text_version = serializers.IntegerField(
        read_only=True, help_text="1, and one more with each new text after the start."
    )
    state = serializers.ChoiceField(MailingState.choices, read_only=True)
    state_reason = serializers.CharField(read_only=True)
    reason = ReasonShown(
        source="why",
        read_only=True,
        allow_null=True,
        help_text="Why it is in its state, for programs.",
    )
    held = serializers.SerializerMethodField(
        help_text="Why nothing goes out although it runs, as its provider says; else empty."
    )
    held_reason = serializers.SerializerMethodField(help_text="The same for programs.")
    progress = serializers.SerializerMethodField()
    warnings = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="In the answer to a creation or a change alone: what may not be as it was meant.",
    )
    created_at = Instant(read_only=True)
    enlisted_at = Instant(read_only=True, allow_null=True)
    started_at = Instant(read_only=True, allow_null=True)
    finished_at = Instant(read_only=True, allow_null=True)

    def validate_text(self, text: str) -> str:
        return validate_text(text)

    def validate_provider(self, alias: str) -> str:
        return validate_provider(alias)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.check_text(attrs)
        if "ends_at" in attrs:
            under_way = self.instance is not None and self.instance.state in UNDER_WAY
            check_ahead(attrs["ends_at"], under_way=under_way)
        if "starts_at" in attrs or "ends_at" in attrs:
            window = [attrs.get(name) or getattr(self.instance, name) for name in WINDOW]
            check_window(*window)
        if self.instance is None:
            attrs.setdefault("provider", settings.SMS_DEFAULT_PROVIDER)
        return attrs

    def check_text(self, attrs: dict[str, Any]) -> None:
        confirmed = attrs.pop("confirm_text", False)
        if "text" in attrs:
            check_confirmed(attrs["text"], confirmed=confirmed)

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
    segments = serializers.IntegerField(help_text="At least: values may make it longer.")
    since = Instant(allow_null=True, help_text="Null before the start.")

    @staticmethod
    def only_one_of(mailing: Mailing) -> dict[str, Any]:
        """The text of a mailing that was not changed after its start."""
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
        required=False, write_only=True, help_text="Save it for later: it starts once scheduled."
    )


class MailingQuery(pagination.PageQuery):
    """Which mailings to list."""

    test = QueryBoolean(required=False, help_text="Only test sends, or only what is none.")


class MailingPage(serializers.Serializer[Any]):
    """A page of mailings, the newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = MailingBody(many=True)
