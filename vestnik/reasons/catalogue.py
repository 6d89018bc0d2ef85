"""The texts of reasons, by their codes.

`api` is the English text beside the code in the API, exports and logs. It never changes, since
programs read it and stored texts must equal it. `page` is the text on pages, in the reader's
language. Both use the reason's parameters.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from vestnik.reasons import import_texts
from vestnik.reasons.codes import Code
from vestnik.reasons.text import Text, gettext_noop

PIPELINE = {
    Code.OTHER: Text("%(text)s", "%(text)s"),
    Code.STOP_LIST: Text("stop list", _("on the stop list")),
    Code.NO_SMS: Text(gettext_noop("a landline or toll-free number, which gets no SMS")),
    Code.NO_VALUE: Text(gettext_noop("no value for %(names)s")),
    Code.TOO_LONG: Text(gettext_noop("longer than %(most)s segments")),
    Code.EMPTY_TEXT: Text(gettext_noop("the text is empty")),
    Code.EARLIER_ATTEMPT: Text(
        gettext_noop("not sent again, and an earlier attempt may have arrived")
    ),
    Code.CLIENT_DELETED: Text(gettext_noop("the client was deleted")),
    Code.HOURS_NEVER_OPEN: Text(
        "the client's hours did not open before the end",
        _("the client’s hours did not open before the end"),
    ),
    Code.WORKER_STOPPED: Text(
        "its worker stopped in mid-call",
        _("the sending process stopped before the provider answered"),
    ),
    Code.GIVEN_UP: Text(
        "given up: nobody knows whether it arrived",
        _("given up: it is not known whether it arrived"),
    ),
    Code.ATTEMPTS_EXHAUSTED: Text(
        "gave up after %(count)s attempts: %(reason)s",
        _("given up after attempt %(count)s: %(reason)s"),
    ),
    Code.RESENT: Text("in doubt, sent again: %(reason)s", _("unknown, sent again: %(reason)s")),
    Code.MAILING_ENDED: Text(gettext_noop("not handed over before the mailing ended")),
}
MAILINGS = {
    Code.SLOW_DATABASE: Text(
        "marking messages takes %(seconds)s s in the database, so that none leave in time",
        _("the database is too slow to send: it takes %(seconds)s s for each step"),
    ),
    Code.WINDOW_MISSED: Text(
        "The whole window went by while nothing was running.",
        _("The window passed while the service was not running."),
    ),
    Code.AUDIENCE_FAILED: Text(
        "Its audience cannot be enlisted: %(text)s", _("Its recipients cannot be listed: %(text)s")
    ),
    Code.PROVIDER_MISSING: Text(
        "Its provider '%(alias)s' is not configured any more.",
        _("Its provider %(alias)s is not configured any more."),
    ),
    Code.MANY_REFUSED: Text(
        "%(share)s %% of %(all)s messages were refused; the last one: %(reason)s",
        _("%(share)s%% of %(all)s messages were refused; the last one: %(reason)s"),
    ),
    Code.NEW_TEXT: Text(
        "text %(version)s: %(waiting)s wait, %(had)s had an earlier one",
        _("text %(version)s: still waiting %(waiting)s, got an earlier one %(had)s"),
    ),
    Code.FIELDS_CHANGED: Text("%(fields)s", "%(fields)s"),
    Code.UNKNOWN_MESSAGES: Text("%(count)s unknown messages", _("unknown messages: %(count)s")),
    Code.TEST_NUMBERS: Text("%(count)s numbers", _("numbers: %(count)s")),
    Code.SENT_AGAIN_BY: Text("by mailing %(id)s", _("by mailing № %(id)s")),
    Code.SENDS_AGAIN: Text(
        "again to %(states)s of mailing %(id)s", _("mailing № %(id)s: %(states)s")
    ),
}
PROVIDERS = {
    Code.NO_ANSWER_WITHIN: Text(gettext_noop("no answer within %(time)s s")),
    Code.PROVIDER_ERROR: Text("%(kind)s in the provider", _("an error in the provider: %(kind)s")),
    Code.STANDARD_OUTPUT: Text(gettext_noop("standard output: %(text)s")),
    Code.PROVIDER_TEXT_TOO_LONG: Text("too long: %(text)s", _("the text is too long")),
    Code.GATEWAY_CODE: Text("%(code)s", "%(code)s"),
    Code.GATEWAY_SAID: Text("%(code)s: %(reason)s", "%(code)s: %(reason)s"),
    Code.GATEWAY_WORDS: Text("%(reason)s (%(text)s)", "%(reason)s (%(text)s)"),
    Code.GATEWAY_REFUSED: Text("refused by the gateway", _("refused by the provider")),
    Code.ACCOUNT_REFUSED: Text(gettext_noop("the provider refuses the account (%(code)s)")),
    Code.ACCOUNT_REFUSED_BECAUSE: Text(
        gettext_noop("the provider refuses the account (%(code)s): %(reason)s")
    ),
    Code.ASKS_TO_WAIT: Text(
        "%(reason)s (it says: after %(seconds)s s)",
        _("%(reason)s (the provider asks to wait %(seconds)s s)"),
    ),
}
HTTP = {
    Code.NAME_NOT_RESOLVED: Text(
        "the gateway's name cannot be resolved", _("the gateway's name is not found")
    ),
    Code.CERTIFICATE_UNTRUSTED: Text(gettext_noop("the gateway's certificate is not trusted")),
    Code.TLS_FAILED: Text("TLS with the gateway fails", _("no secure connection to the gateway")),
    Code.CONNECT_TIMEOUT: Text(gettext_noop("no connection in time")),
    Code.ANSWER_TIMEOUT: Text(gettext_noop("no answer in time")),
    Code.CONNECTION_CLOSED: Text(
        "the line was closed before the answer", _("the connection was closed before the answer")
    ),
    Code.ANSWER_TOO_LONG: Text("the answer is too long to be one", _("the answer is too long")),
    Code.ANSWER_CUT: Text("the answer breaks off", _("the answer is incomplete")),
    Code.ANSWER_NOT_HTTP: Text(gettext_noop("the answer is not HTTP")),
    Code.EARLY_ANSWER: Text(
        "the gateway speaks before it is asked", _("the gateway sent data before any request")
    ),
    Code.NO_CONNECTION: Text(gettext_noop("no connection: %(reason)s")),
    Code.CONNECTION_REFUSED: Text("%(text)s", _("the connection was refused")),
    Code.CONNECTION_RESET: Text("%(text)s", _("the connection was reset")),
    Code.CONNECTION_ERROR: Text("%(kind)s on the line", _("a connection error: %(kind)s")),
    Code.FOREIGN_ANSWER: Text(
        "the answer is not one of this gateway's",
        _("the answer has another format than this gateway's"),
    ),
    Code.OTHER_MESSAGE: Text(gettext_noop("the answer is about another message")),
    Code.NO_MESSAGE_ID: Text("the answer has no id", _("the answer has no id")),
    Code.UNREADABLE_ANSWER: Text(
        "HTTP %(status)s with an answer that is not %(expected)s",
        _("HTTP %(status)s with an answer that cannot be read"),
    ),
    Code.NO_TOKEN: Text(gettext_noop("no token: %(reason)s")),
    Code.NO_TOKEN_GIVEN: Text("no token is given", _("the gateway gives no token")),
    Code.TOKEN_EXPIRED: Text("the token had ended", _("the token had expired")),
    Code.STATUS_UNKNOWN: Text("the vendor cannot tell", _("the provider cannot tell")),
    Code.STATUS_NOT_FINAL: Text(
        "the vendor answers status %(status)s", _("the provider answers with status %(status)s")
    ),
}
SMPP = {
    Code.PARTS_TAKEN: Text(gettext_noop("%(reason)s (%(taken)s of %(all)s parts were taken)")),
    Code.SMSC_REFUSED: Text("refused by the SMSC", _("refused by the provider")),
    Code.SMSC_ANSWERED: Text(gettext_noop("the SMSC answers %(name)s")),
    Code.NOT_OPEN: Text(
        "the provider is not open", _("the connection to the provider is not open")
    ),
    Code.SMSC_CLOSED: Text(
        "the line to the SMSC was closed", _("the connection to the SMSC was closed")
    ),
    Code.SMSC_CLOSED_AT_BIND: Text(
        "the SMSC closed the line while binding", _("the SMSC closed the connection at login")
    ),
    Code.SMSC_CONNECT_TIMEOUT: Text(gettext_noop("no connection to the SMSC in time")),
    Code.SMSC_CERTIFICATE_UNTRUSTED: Text(gettext_noop("the SMSC's certificate is not trusted")),
    Code.SMSC_NO_CONNECTION: Text(gettext_noop("no connection to the SMSC: %(reason)s")),
    Code.BIND_REFUSED: Text(
        "the SMSC refuses to bind: %(text)s", _("the SMSC refuses the login: %(text)s")
    ),
}
SMSC_RU = {
    Code.PARAMETER_WRONG: Text(gettext_noop("a parameter is wrong")),
    Code.LOGIN_WRONG: Text(
        gettext_noop("login or password is wrong, or the address is not allowed")
    ),
    Code.NO_MONEY: Text(gettext_noop("there is no money on the account")),
    Code.ADDRESS_BLOCKED: Text(
        "the address is blocked for a while", _("our address is blocked for a while")
    ),
    Code.DATE_FORMAT_WRONG: Text(gettext_noop("the format of a date is wrong")),
    Code.TEXT_FORBIDDEN: Text(gettext_noop("the text or the sender is forbidden")),
    Code.NUMBER_FORMAT_WRONG: Text(gettext_noop("the format of the number is wrong")),
    Code.NUMBER_UNDELIVERABLE: Text(gettext_noop("nothing can be delivered to the number")),
    Code.TOO_MANY_REQUESTS: Text(gettext_noop("too many requests")),
    Code.UNKNOWN_ERROR: Text(gettext_noop("an unknown error")),
    Code.SPAM: Text(gettext_noop("marked as spam")),
    Code.DELIVERY_IMPOSSIBLE: Text(gettext_noop("impossible to deliver")),
    Code.WRONG_NUMBER: Text(gettext_noop("wrong number")),
    Code.OPERATOR_FORBIDS: Text("forbidden", _("forbidden by the operator")),
    Code.NUMBER_UNAVAILABLE: Text("number unavailable", _("the number is not available")),
}
RECEIPTS = {
    Code.UNDELIVERABLE: Text("%(word)s", _("cannot be delivered")),
    Code.EXPIRED: Text("%(word)s", _("not delivered in time")),
    Code.NETWORK_REJECTED: Text("%(word)s", _("refused by the network")),
    Code.PROVIDER_DELETED: Text("%(word)s", _("withdrawn by the provider")),
    Code.RECEIPT_ERROR: Text("%(reason)s %(error)s", _("%(reason)s, network error %(error)s")),
    Code.RECEIPT_WITHOUT_ERROR: Text("%(reason)s %(error)s", "%(reason)s"),
    Code.NETWORK_ERROR: Text("%(reason)s, err %(error)s", _("%(reason)s, network error %(error)s")),
    Code.NO_NETWORK_ERROR: Text("%(reason)s, err 0", "%(reason)s"),
}
TEXTS: Mapping[Code, Text] = {
    **PIPELINE, **MAILINGS, **PROVIDERS, **HTTP, **SMPP, **SMSC_RU, **RECEIPTS,
    **import_texts.TEXTS,
}  # fmt: skip
