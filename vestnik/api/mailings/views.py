"""Mailings: list, create, read, change, schedule, pause, resume, cancel."""

from typing import Any

from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.fields import validate
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, KEY_WITHOUT_EFFECT, create_once
from vestnik.api.http.views import StrictAPIView, refuse_body
from vestnik.api.mailings.serializers import (
    MailingBody,
    MailingPage,
    MailingQuery,
    NewMailing,
    TextShown,
)
from vestnik.dispatch.prepare import new_text
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.read.breakers import hold_reason
from vestnik.dispatch.read.progress import NOTHING_YET, progress_of
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import (
    BEFORE_THE_START,
    CANCEL,
    PAUSE,
    RESUME,
    SCHEDULE,
    Mailing,
    MailingState,
    Transition,
)
from vestnik.mailings.rules import check_changeable, check_ready
from vestnik.mailings.window import database_now
from vestnik.reports.mailing.held import hold_reasons
from vestnik.reports.mailing.resuming import clients_at_night, forecast_of_rest

#: Up to so many waiting clients are counted before the mailing is resumed, since their messages may
#: leave within the second. Counting 200,000 takes up to two seconds, for which none would leave.
COUNTED_FIRST = 10_000
NOBODY_MATCHES = "No client matches the filter now: a start would finish without any message."


class Mailings(StrictAPIView):
    """All mailings."""

    query_class = MailingQuery

    @extend_schema(parameters=[MailingQuery], responses=MailingPage, operation_id="mailings_list")
    def get(self, request: Request) -> Response:
        """List mailings, the newest first."""
        mailings = Mailing.objects.annotate(held=hold_reason())
        if "test" in self.query:
            mailings = mailings.filter(is_test=self.query["test"])
        page = pagination.paginate(
            self.query, lambda keyset: keyset.take(mailings), newest_first=True
        )
        return pagination.page_response(request, page, serialize(*page.rows))

    @extend_schema(request=NewMailing, responses={201: MailingBody}, parameters=[IDEMPOTENCY_KEY])
    @create_once
    def post(self, request: Request) -> Response:
        """Create a mailing. It starts by itself at `starts_at`, or at once if that is in the past.

        A draft starts only after it is scheduled.
        """
        fields = validate(NewMailing, request.data)
        make = Mailing.objects.draft if fields.pop("draft", False) else Mailing.objects.schedule
        mailing = make(actor=self.actor, **fields)
        wake_for(mailing.id)
        # A new mailing has no messages and is not held.
        context = {"progress": {mailing.id: NOTHING_YET}, "held": {}}
        return Response(
            {**MailingBody(mailing, context=context).data, "warnings": warnings_of(mailing)},
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("mailing", args=[mailing.id])},
        )


class OneMailing(StrictAPIView):
    """One mailing."""

    @extend_schema(responses=MailingBody)
    def get(self, request: Request, id: int) -> Response:
        """Read a mailing."""
        return Response(serialize(get_mailing(id))[0])

    @extend_schema(request=MailingBody, responses=MailingBody)
    def patch(self, request: Request, id: int) -> Response:
        """Change a mailing: all fields until it starts, then `name`, `rate_limit` and `ends_at`.

        While the mailing is paused, `text` may change, too: queued messages get the new text, and
        messages that were handed over keep theirs.
        """
        mailing = get_mailing(id)
        changes = validate(MailingBody, request.data, mailing)
        check_changeable(mailing, changes)
        new_text.change(mailing, changes, actor=self.actor)
        return Response({**serialize(mailing)[0], "warnings": warnings_of(mailing)})


class MailingTexts(StrictAPIView):
    """The texts that a mailing has had since its start."""

    @extend_schema(responses=TextShown(many=True), operation_id="mailings_texts")
    def get(self, request: Request, id: int) -> Response:
        """List the versions of a mailing's text, the oldest first.

        Each message names its version in `text_version`.
        """
        mailing = get_mailing(id)
        versions: list[Any] = list(mailing.texts.all())
        texts = versions or [TextShown.only_one_of(mailing)]
        return Response(TextShown(texts, many=True).data)


class MailingAction(StrictAPIView):
    """A change of a mailing's state."""

    key_without_effect = ("POST",)
    order: Transition = PAUSE

    def post(self, request: Request, id: int) -> Response:
        mailing = get_mailing(id)
        refuse_body(request)
        with transaction.atomic():
            mailing.apply(self.order, actor=self.actor)
            wake_for(mailing.id)
        return Response(serialize(mailing)[0])


class MailingSchedule(MailingAction):
    order = SCHEDULE

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_schedule",
    )
    def post(self, request: Request, id: int) -> Response:
        """Schedule a draft. It starts by itself at `starts_at`, or at once if that is in the
        past."""
        check_ready(get_mailing(id))
        return super().post(request, id)


class MailingPause(MailingAction):
    order = PAUSE

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_pause",
    )
    def post(self, request: Request, id: int) -> Response:
        """Pause a running mailing. Messages in flight finish."""
        return super().post(request, id)


class MailingResume(MailingAction):
    order = RESUME

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_resume",
    )
    def post(self, request: Request, id: int) -> Response:
        """Resume a paused mailing.

        `warnings` says for how many of the waiting clients it is night.
        """
        mailing = get_mailing(id)
        if mailing.state != MailingState.PAUSED:
            return _with_warnings(super().post(request, id), [])
        waiting = progress_of([id])[id]["queued"]
        if waiting > COUNTED_FIRST:
            return _with_warnings(super().post(request, id), night_warnings(mailing, waiting))
        warnings = night_warnings(mailing, waiting)
        return _with_warnings(super().post(request, id), warnings)


class MailingCancel(MailingAction):
    order = CANCEL

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_cancel",
    )
    def post(self, request: Request, id: int) -> Response:
        """Cancel a mailing permanently. Messages in flight finish; all others are never sent."""
        return super().post(request, id)


def warnings_of(mailing: Mailing) -> list[str]:
    """Return warnings about an accepted mailing."""
    if mailing.state in BEFORE_THE_START and not select_recipients(mailing.filter).exists():
        return [NOBODY_MATCHES]
    return []


def _with_warnings(response: Response, warnings: list[str]) -> Response:
    response.data["warnings"] = warnings
    return response


def night_warnings(mailing: Mailing, waiting: int) -> list[str]:
    """Return a warning if a paused mailing, resumed now, reaches waiting clients at night."""
    count = clients_at_night(mailing, forecast_of_rest(mailing, waiting, database_now()))
    if not count:
        return []
    return [f"It is night (22:00 to 8:00) for {count} of the clients who still wait."]


def get_mailing(id: int) -> Mailing:
    """Return the mailing. Raises NotFound."""
    mailing = Mailing.objects.filter(id=id).first()
    if mailing is None:
        raise NotFound
    return mailing


def serialize(*mailings: Mailing) -> list[Any]:
    """Serialize mailings, with their progress by one query for all."""
    progress = progress_of([mailing.id for mailing in mailings])
    context = {"progress": progress, "held": hold_reasons(mailings)}
    return list(MailingBody(mailings, many=True, context=context).data)
