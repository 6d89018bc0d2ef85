"""The addresses under /api/v1/."""

from django.urls import path

from vestnik.api.audiences import AudienceCount, Audiences, OneAudience
from vestnik.api.bulk import ClientsInBulk
from vestnik.api.clients import Clients, OneClient
from vestnik.api.mailings import (
    MailingCancel,
    MailingPause,
    MailingResume,
    Mailings,
    OneMailing,
)
from vestnik.api.messages import Messages, OneMessage
from vestnik.api.statistics import MailingStatistics, Statistics

urlpatterns = [
    path("audiences/", Audiences.as_view(), name="audiences"),
    path("audiences/count/", AudienceCount.as_view(), name="audiences-count"),
    path("audiences/<int:id>/", OneAudience.as_view(), name="audience"),
    path("clients/", Clients.as_view(), name="clients"),
    path("clients/bulk/", ClientsInBulk.as_view(), name="clients-bulk"),
    path("clients/<int:id>/", OneClient.as_view(), name="client"),
    path("mailings/", Mailings.as_view(), name="mailings"),
    path("mailings/<int:id>/", OneMailing.as_view(), name="mailing"),
    path("mailings/<int:id>/pause/", MailingPause.as_view(), name="mailing-pause"),
    path("mailings/<int:id>/resume/", MailingResume.as_view(), name="mailing-resume"),
    path("mailings/<int:id>/cancel/", MailingCancel.as_view(), name="mailing-cancel"),
    path("mailings/<int:id>/statistics/", MailingStatistics.as_view(), name="mailing-statistics"),
    path("messages/", Messages.as_view(), name="messages"),
    path("messages/<int:id>/", OneMessage.as_view(), name="message"),
    path("statistics/", Statistics.as_view(), name="statistics"),
]
