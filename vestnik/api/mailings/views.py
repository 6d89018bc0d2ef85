"""Mailings: creating, listing, reading, changing them, and what they are told to do."""

from typing import Any

from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, KEY_WITHOUT_EFFECT, once
from vestnik.api.http.views import Resource, actor, read, read_nothing
from vestnik.api.mailings.serializers import (
    MailingBody,
    MailingPage,
    MailingQuery,
    NewMailing,
    TextShown,
)
from vestnik.dispatch.prepare import new_text
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import (
    BEFORE_THE_START,
    CANCEL,
    PAUSE,
    RESUME,
    SCHEDULE,
    Mailing,
    Transition,
)
from vestnik.mailings.rules import check_changeable, check_ready
from vestnik.reports.mailing.held import held, reason_of
from vestnik.reports.mailing.progress import progress_of

NOBODY_MATCHES = "No client matches the filter by now: started so, it finishes without a message."


class Mailings(Resource):
    """All mailings."""

    once_by_key = ("POST",)

    query = MailingQuery

    @extend_schema(parameters=[MailingQuery], responses=MailingPage, operation_id="mailings_list")
    def get(self, request: Request) -> Response:
        """List mailings, the newest first."""
        mailings = Mailing.objects.annotate(held=reason_of())
        if "test" in self.asked:
            mailings = mailings.filter(is_test=self.asked["test"])
        page = pagination.page_of(self.asked, lambda walk: walk.take(mailings), newest_first=True)
        return pagination.answer(request, page, shown(*page.rows))

    @extend_schema(request=NewMailing, responses={201: MailingBody}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request) -> Response:
        """Create a mailing. It starts by itself at `starts_at`, or at once where that is past.

        A draft starts only once it is scheduled.
        """
        return once(request, self._create)

    def _create(self, request: Request) -> Response:
        fields = read(NewMailing, request.data)
        make = Mailing.objects.draft if fields.pop("draft", False) else Mailing.objects.schedule
        mailing = make(actor=actor(request), **fields)
        wake_for(mailing.id)
        return Response(
            {**shown(mailing)[0], "warnings": warnings_of(mailing)},
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("mailing", args=[mailing.id])},
        )


class OneMailing(Resource):
    """One mailing."""

    @extend_schema(responses=MailingBody)
    def get(self, request: Request, id: int) -> Response:
        """Read a mailing."""
        return Response(shown(mailing_of(id))[0])

    @extend_schema(request=MailingBody, responses=MailingBody)
    def patch(self, request: Request, id: int) -> Response:
        """Change a mailing: all of it until it starts, then `name`, `rate_limit` and `ends_at`.

        While it is paused its `text` may change, too: messages that wait get the new one, and what
        was handed over keeps the text that it went out with.
        """
        mailing = mailing_of(id)
        changes = read(MailingBody, request.data, mailing)
        check_changeable(mailing, changes)
        new_text.change(mailing, changes, actor=actor(request))
        return Response({**shown(mailing)[0], "warnings": warnings_of(mailing)})


class MailingTexts(Resource):
    """The texts that a mailing has had since its start."""

    @extend_schema(responses=TextShown(many=True), operation_id="mailings_texts")
    def get(self, request: Request, id: int) -> Response:
        """List the versions of a mailing's text, the first one first.

        Each message names its own in `text_version`.
        """
        mailing = mailing_of(id)
        kept: list[Any] = list(mailing.texts.all())
        found = kept or [TextShown.only_one_of(mailing)]
        return Response(TextShown(found, many=True).data)


class MailingOrder(Resource):
    """Something that a mailing is told to do."""

    key_without_effect = ("POST",)
    order: Transition = PAUSE

    def post(self, request: Request, id: int) -> Response:
        mailing = mailing_of(id)
        read_nothing(request)
        with transaction.atomic():
            mailing.obey(self.order, actor=actor(request))
            wake_for(mailing.id)
        return Response(shown(mailing)[0])


class MailingSchedule(MailingOrder):
    order = SCHEDULE

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_schedule",
    )
    def post(self, request: Request, id: int) -> Response:
        """Schedule a draft. It starts by itself at `starts_at`, or at once where that is past."""
        check_ready(mailing_of(id))
        return super().post(request, id)


class MailingPause(MailingOrder):
    order = PAUSE

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_pause",
    )
    def post(self, request: Request, id: int) -> Response:
        """Pause a running mailing. What is in flight finishes."""
        return super().post(request, id)


class MailingResume(MailingOrder):
    order = RESUME

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_resume",
    )
    def post(self, request: Request, id: int) -> Response:
        """Resume a paused mailing."""
        return super().post(request, id)


class MailingCancel(MailingOrder):
    order = CANCEL

    @extend_schema(
        request=None,
        responses=MailingBody,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="mailings_cancel",
    )
    def post(self, request: Request, id: int) -> Response:
        """Cancel a mailing for good. What is in flight finishes, the rest is never sent."""
        return super().post(request, id)


def warnings_of(mailing: Mailing) -> list[str]:
    """What of a mailing that is accepted may not be what was meant."""
    if mailing.state in BEFORE_THE_START and not select_recipients(mailing.filter).exists():
        return [NOBODY_MATCHES]
    return []


def mailing_of(id: int) -> Mailing:
    """The mailing; raises NotFound where there is none."""
    mailing = Mailing.objects.filter(id=id).first()
    if mailing is None:
        raise NotFound
    return mailing


def shown(*mailings: Mailing) -> list[Any]:
    """The mailings as they are answered, their progress by one query for all."""
    progress = progress_of([mailing.id for mailing in mailings])
    context = {"progress": progress, "held": held(mailings)}
    return list(MailingBody(mailings, many=True, context=context).data)
