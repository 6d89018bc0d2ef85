"""The addresses under /api/v1/."""

from django.urls import path

from vestnik.api.clients.attributes import AttributeTypes, OneAttributeType
from vestnik.api.clients.audiences import AudienceCount, Audiences, OneAudience
from vestnik.api.clients.bulk import ClientsInBulk
from vestnik.api.clients.erasure import ClientErasure
from vestnik.api.clients.imports import Imports, OneImport, RefusedRows
from vestnik.api.clients.stop_list import OneEntry, StopList
from vestnik.api.clients.views import Clients, OneClient
from vestnik.api.exports import ClientsExport, MessagesExport, StatisticsExport
from vestnik.api.mailings.events import Events
from vestnik.api.mailings.follow_up import MailingSendAgain
from vestnik.api.mailings.preview import MailingPreview
from vestnik.api.mailings.statistics import MailingStatistics, Statistics
from vestnik.api.mailings.test_send import MailingTestSend
from vestnik.api.mailings.unknown import Unknown
from vestnik.api.mailings.views import (
    MailingCancel,
    MailingPause,
    MailingResume,
    Mailings,
    MailingSchedule,
    MailingTexts,
    OneMailing,
)
from vestnik.api.messages import Messages, OneMessage
from vestnik.api.providers.callbacks import CallbacksBySecret, ProviderCallbacks
from vestnik.api.providers.views import OneProvider, Providers

urlpatterns = [
    path("attributes/", AttributeTypes.as_view(), name="attributes"),
    path("attributes/<int:id>/", OneAttributeType.as_view(), name="attribute"),
    path("audiences/", Audiences.as_view(), name="audiences"),
    path("audiences/count/", AudienceCount.as_view(), name="audiences-count"),
    path("audiences/<int:id>/", OneAudience.as_view(), name="audience"),
    path("clients/", Clients.as_view(), name="clients"),
    path("clients/bulk/", ClientsInBulk.as_view(), name="clients-bulk"),
    path("clients/export/", ClientsExport.as_view(), name="clients-export"),
    path("clients/imports/", Imports.as_view(), name="imports"),
    path("clients/imports/<int:id>/", OneImport.as_view(), name="import"),
    path("clients/imports/<int:id>/refused/", RefusedRows.as_view(), name="import-refused"),
    path("clients/<int:id>/erase/", ClientErasure.as_view(), name="client-erasure"),
    path("clients/<int:id>/", OneClient.as_view(), name="client"),
    path("mailings/", Mailings.as_view(), name="mailings"),
    path("mailings/preview/", MailingPreview.as_view(), name="mailings-preview"),
    path("mailings/test-send/", MailingTestSend.as_view(), name="mailings-test-send"),
    path("mailings/<int:id>/", OneMailing.as_view(), name="mailing"),
    path("mailings/<int:id>/schedule/", MailingSchedule.as_view(), name="mailing-schedule"),
    path("mailings/<int:id>/pause/", MailingPause.as_view(), name="mailing-pause"),
    path("mailings/<int:id>/resume/", MailingResume.as_view(), name="mailing-resume"),
    path("mailings/<int:id>/cancel/", MailingCancel.as_view(), name="mailing-cancel"),
    path("mailings/<int:id>/texts/", MailingTexts.as_view(), name="mailing-texts"),
    path("mailings/<int:id>/events/", Events.as_view(), name="mailing-events"),
    path("mailings/<int:id>/unknown/", Unknown.as_view(), name="mailing-unknown"),
    path("mailings/<int:id>/send-again/", MailingSendAgain.as_view(), name="mailing-send-again"),
    path("mailings/<int:id>/statistics/", MailingStatistics.as_view(), name="mailing-statistics"),
    path("mailings/<int:id>/messages/export/", MessagesExport.as_view(), name="messages-export"),
    path(
        "mailings/<int:id>/statistics/export/", StatisticsExport.as_view(), name="statistics-export"
    ),
    path("messages/", Messages.as_view(), name="messages"),
    path("messages/<int:id>/", OneMessage.as_view(), name="message"),
    path("providers/", Providers.as_view(), name="providers"),
    path("providers/<str:alias>/", OneProvider.as_view(), name="provider"),
    path("receipts/<str:alias>/", ProviderCallbacks.as_view(), name="receipts"),
    path(
        "receipts/<str:alias>/<str:secret>/", CallbacksBySecret.as_view(), name="receipts-by-secret"
    ),
    path("stop-list/", StopList.as_view(), name="stop-list"),
    path("stop-list/<int:id>/", OneEntry.as_view(), name="stop-list-entry"),
    path("statistics/", Statistics.as_view(), name="statistics"),
]
