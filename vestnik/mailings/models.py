"""Mailings, the transitions between their states, and the record of each transition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from vestnik.db.sql import literals
from vestnik.mailings.text import least_segments_of, parse
from vestnik.mailings.window import Clock, has_come, is_ahead
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason
from vestnik.states import UNDER_WAY as UNDER_WAY
from vestnik.states import MailingState as MailingState

SYSTEM = "system"

State = MailingState
BEFORE_THE_START = (State.DRAFT, State.SCHEDULED)
NEVER_STARTED = (*BEFORE_THE_START, State.MISSED)
ENDED = (State.FINISHED, State.CANCELLED, State.MISSED)
#: Unknown messages may be queued again until its end: one that has finished runs again then.
SENDABLE = (*UNDER_WAY, State.FINISHED)
#: For statements.
UNDER_WAY_SQL = literals(UNDER_WAY)


@dataclass(frozen=True)
class Transition:
    """A change of state: its source states, its target, and a further condition."""

    name: str
    sources: tuple[MailingState, ...]
    target: MailingState
    also: Q = field(default_factory=Q)

    def stamps(self) -> dict[str, Any]:
        """Return the times that the change sets, as the database's clock."""
        if self.name == "launch":
            return {"started_at": Clock()}
        return {"finished_at": Clock() if self.target in ENDED else None}


DUE = has_come("starts_at") & is_ahead("ends_at")
SCHEDULE = Transition("schedule", (State.DRAFT,), State.SCHEDULED, is_ahead("ends_at"))
LAUNCH = Transition("launch", (State.SCHEDULED,), State.RUNNING, DUE)
MISS = Transition("miss", (State.SCHEDULED,), State.MISSED, has_come("ends_at"))
PAUSE = Transition("pause", (State.RUNNING,), State.PAUSED)
RESUME = Transition("resume", (State.PAUSED,), State.RUNNING, is_ahead("ends_at"))
CANCEL = Transition("cancel", (*BEFORE_THE_START, *UNDER_WAY), State.CANCELLED)
FINISH = Transition("finish", UNDER_WAY, State.FINISHED)
REOPEN = Transition("reopen", (State.FINISHED,), State.RUNNING, is_ahead("ends_at"))
TRANSITIONS = (SCHEDULE, LAUNCH, MISS, PAUSE, RESUME, CANCEL, FINISH, REOPEN)


class StateConflict(Exception):
    """Raised when the mailing's state does not allow the requested change."""

    def __init__(self, mailing: "Mailing", wanted: str) -> None:
        self.mailing, self.wanted = mailing, wanted
        super().__init__(f"Mailing {mailing.id} is {mailing.state}: {wanted} is not possible.")


class MailingQuerySet(models.QuerySet["Mailing"]):
    def schedule(self, *, actor: str = SYSTEM, **fields: Any) -> "Mailing":
        """Create a mailing that starts by itself at its `starts_at`."""
        return self._new("schedule", State.SCHEDULED, actor, fields)

    def draft(self, *, actor: str = SYSTEM, **fields: Any) -> "Mailing":
        """Create a mailing that does nothing until it is scheduled."""
        return self._new("draft", State.DRAFT, actor, fields)

    def _new(
        self, event: str, state: MailingState, actor: str, fields: Mapping[str, Any]
    ) -> "Mailing":
        with transaction.atomic():
            # The count without values; personalised messages have counts of their own.
            segments = least_segments_of(parse(fields["text"]))
            mailing = self.create(state=state, segments=segments, **fields)
            mailing.record_event(event, actor=actor, to_state=state)
        return mailing


class Mailing(models.Model):
    """A text, a filter of its audience, and a window in which it is sent."""

    name = models.CharField(max_length=200, blank=True, default="")
    text = models.TextField()
    filter = models.JSONField(default=dict)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    provider = models.CharField(max_length=64)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    local_hours = models.JSONField(null=True, blank=True)
    is_test = models.BooleanField(default=False, db_default=False, editable=False)
    segments = models.PositiveSmallIntegerField(editable=False)
    text_version = models.PositiveSmallIntegerField(default=1, db_default=1, editable=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.DRAFT)
    #: Why it is in its state: the text, and the code with its parameters. The version before writes
    #: the text alone, so `Reason.stored` reads both. The same holds for its events.
    state_reason = models.TextField(blank=True, default="")
    reason = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    enlisted_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = MailingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["starts_at"], name="mailing_scheduled", condition=Q(state=State.SCHEDULED)
            ),
            models.Index(
                fields=["provider"], name="mailing_running", condition=Q(state=State.RUNNING)
            ),
            models.Index(
                fields=["ends_at"], name="mailing_under_way", condition=Q(state__in=UNDER_WAY)
            ),
            models.Index(
                fields=["finished_at"],
                name="mailing_over_since",
                condition=Q(finished_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="mailing_starts_before_it_ends", condition=Q(starts_at__lt=F("ends_at"))
            ),
            models.CheckConstraint(name="mailing_text_given", condition=~Q(text="")),
            models.CheckConstraint(
                name="mailing_rate_limit_positive",
                condition=Q(rate_limit=None) | Q(rate_limit__gt=0),
            ),
            models.CheckConstraint(name="mailing_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="mailing_started_when_under_way",
                condition=Q(state__in=NEVER_STARTED, started_at=None)
                | Q(state__in=(*UNDER_WAY, State.FINISHED), started_at__isnull=False)
                | Q(state=State.CANCELLED),
            ),
            models.CheckConstraint(
                name="mailing_finished_when_ended",
                condition=Q(state__in=ENDED, finished_at__isnull=False)
                | (~Q(state__in=ENDED) & Q(finished_at=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"№ {self.id}"

    @property
    def why(self) -> Reason | None:
        """The reason of its state, if there is one."""
        return Reason.stored(self.state_reason, self.reason)

    def move(self, transition: Transition, *, actor: str = SYSTEM, reason: str = "") -> bool:
        """Make one transition and record it; return False if another process was first.

        One conditional UPDATE decides: it names the source states, and its row count says who won.
        The instance is refreshed in either case.
        """
        why = Reason.of(reason) if reason else None
        with transaction.atomic():
            leaves = Q(id=self.id, state__in=transition.sources) & transition.also
            # FOR NO KEY UPDATE: the foreign keys of a chunk that is being enlisted hold the row's
            # key, and the stronger lock would wait for them.
            rows = Mailing.objects.select_for_update(no_key=True)
            before = rows.values_list("state", flat=True)
            state_before = before.get(id=self.id)
            moved = Mailing.objects.filter(leaves).update(
                state=transition.target,
                state_reason=why.text if why else "",
                reason=why.data if why else None,
                **transition.stamps(),
            )
            if moved:
                self.record_event(
                    transition.name,
                    actor=actor,
                    from_state=state_before,
                    to_state=transition.target,
                    reason=reason,
                )
        self.refresh_from_db()
        return bool(moved)

    def apply(self, transition: Transition, *, actor: str, reason: str = "") -> None:
        """Make a requested transition; it is no error if the state is reached already.

        Raises StateConflict if the state or the end of the window does not allow it.
        """
        moved = self.move(transition, actor=actor, reason=reason)
        if not moved and self.state != transition.target:
            raise StateConflict(self, transition.name)

    def record_event(self, event: str, *, actor: str, reason: str = "", **states: str) -> None:
        """Record what was done to the mailing, and why: a `Reason`, or a user's own words."""
        why = Reason.of(reason) if reason else None
        self.events.create(
            event=event,
            actor=actor,
            reason=why.text if why else "",
            reason_details=why.data if why else None,
            **states,
        )

    def is_open(self) -> bool:
        """Return whether messages may still leave: under way, and before the end."""
        open_ones = Mailing.objects.filter(is_ahead("ends_at"), state__in=UNDER_WAY)
        return open_ones.filter(id=self.id).exists()

    def change(self, changes: Mapping[str, Any], *, actor: str) -> None:
        """Change fields, provided that the state is still the one that was read.

        Raises StateConflict if the mailing was launched, ended or cancelled meanwhile, and
        ValidationError if its new end has passed by then.
        """
        fields = dict(changes)
        new_text = self.state in UNDER_WAY and fields.get("text", self.text) != self.text
        if "text" in fields:
            fields["segments"] = least_segments_of(parse(fields["text"]))
        unchanged = Q(id=self.id, state=self.state)
        if self.state in UNDER_WAY:
            unchanged &= is_ahead("ends_at")
        if new_text:  # of two new texts at once only one is kept
            unchanged &= Q(text_version=self.text_version)
            fields["text_version"] = self.text_version + 1
        with transaction.atomic():
            # Lock first, then read state and clock: the wait for the lock may outlast both.
            Mailing.objects.select_for_update(no_key=True).filter(id=self.id).first()
            if "ends_at" in fields:
                self._check_end(unchanged, fields["ends_at"])
            changed = Mailing.objects.filter(unchanged).update(**fields) if fields else 1
            if changed and fields:
                reason = Reason(Code.FIELDS_CHANGED, fields=sorted(changes))
                self.record_event("change", actor=actor, reason=reason)
            if changed and new_text:
                self._keep_texts(fields["text"], fields["segments"])
        self.refresh_from_db()
        if not changed:
            raise StateConflict(self, "change")

    def _keep_texts(self, text: str, segments: int) -> None:
        """Store the new text, and the first one, which only the mailing had until now."""
        first = {"text": self.text, "segments": self.segments, "since": self.started_at}
        self.texts.get_or_create(version=self.text_version, defaults=first)
        self.texts.create(version=self.text_version + 1, text=text, segments=segments)

    def _check_end(self, unchanged: Q, ends_at: datetime) -> None:
        """Raise ValidationError if the new end of a mailing that may change has passed."""
        # Under way it must be a second ahead: a flight that was marked before has left by then.
        spare = timedelta(seconds=1 if self.state in UNDER_WAY else 0)
        rows = Mailing.objects.filter(unchanged).values_list(Clock(), flat=True)
        now = rows.first()
        if now is not None and ends_at <= now + spare:
            remedy = _("Choose an end a second from now or later, or cancel.")
            raise ValidationError({"ends_at": remedy})


class MailingText(models.Model):
    """A version of the text of a mailing whose text was changed after its start.

    Messages name their version. A mailing that has only its first text has no rows here.
    """

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="texts")
    version = models.PositiveSmallIntegerField()
    text = models.TextField()
    segments = models.PositiveSmallIntegerField()
    since = models.DateTimeField(db_default=Clock())

    class Meta:
        ordering = ["version"]
        constraints = [
            models.UniqueConstraint(fields=["mailing", "version"], name="mailing_text_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: text {self.version}"


class MailingEvent(models.Model):
    """Who did what to a mailing, when, and why. Rows are never changed."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Clock())
    actor = models.CharField(max_length=150)
    event = models.CharField(max_length=16)
    from_state = models.CharField(max_length=9, blank=True, default="")
    to_state = models.CharField(max_length=9, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    reason_details = models.JSONField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.event} by {self.actor}"

    @property
    def why(self) -> Reason | None:
        """The reason of the event, or what it concerned."""
        return Reason.stored(self.reason, self.reason_details)
