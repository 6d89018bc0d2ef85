"""Why a message or a mailing is as it is, in the reader's language.

Reasons are stored in English, as the pipeline and the providers give them, and answered so by the
API. Here the known ones are said anew; what a gateway said in its own words stays as it said it.
"""

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from vestnik.dashboard.wording.state_labels import MESSAGE_STATES

Phrases = tuple[tuple[re.Pattern[str], Promise], ...]


def _phrases(*pairs: tuple[str, Promise]) -> Phrases:
    return tuple((re.compile(pattern, re.DOTALL), phrase) for pattern, phrase in pairs)


#: `why` and `code` are reasons themselves; a later phrase is looked at only where none before fits.
PHRASES = _phrases(
    # the pipeline
    (r"stop list", gettext_lazy("on the stop list")),
    (
        r"a landline or toll-free number, which gets no SMS",
        gettext_lazy("a landline or toll-free number, which gets no SMS"),
    ),
    (r"no value for (?P<names>.+)", gettext_lazy("no value for %(names)s")),
    (r"longer than (?P<most>\d+) segments", gettext_lazy("longer than %(most)s segments")),
    (r"the text is empty", gettext_lazy("the text is empty")),
    (
        r"not sent again, and an earlier attempt may have arrived",
        gettext_lazy("not sent again, and an earlier attempt may have arrived"),
    ),
    (r"the client was deleted", gettext_lazy("the client was deleted")),
    (
        r"marking messages takes (?P<seconds>[\d.]+) s in the database, so that none leave in time",
        gettext_lazy("the database is too slow to send: it takes %(seconds)s s for each step"),
    ),
    (
        r"the client's hours did not open before the end",
        gettext_lazy("the client’s hours did not open before the end"),
    ),
    (
        r"text (?P<version>\d+): (?P<waiting>\d+) wait, (?P<had>\d+) had an earlier one",
        gettext_lazy("text %(version)s: still waiting %(waiting)s, got an earlier one %(had)s"),
    ),
    (
        r"its worker stopped in mid-call",
        gettext_lazy("the sending process stopped before the provider answered"),
    ),
    (
        r"given up: nobody knows whether it arrived",
        gettext_lazy("given up: nobody knows whether it arrived"),
    ),
    (
        r"gave up after (?P<count>\d+) attempts: (?P<why>.+)",
        gettext_lazy("given up after attempt %(count)s: %(why)s"),
    ),
    (r"in doubt, sent again: (?P<why>.+)", gettext_lazy("unknown, sent again: %(why)s")),
    (
        r"not handed over before the mailing ended",
        gettext_lazy("not handed over before the mailing ended"),
    ),
    (
        r"The whole window went by while nothing was running\.",
        gettext_lazy("The whole window went by while nothing was running."),
    ),
    (
        r"Its audience cannot be enlisted: (?P<what>.+)",
        gettext_lazy("Its audience cannot be made up: %(what)s"),
    ),
    (
        r"Its provider '(?P<alias>.+)' is not configured any more\.",
        gettext_lazy("Its provider %(alias)s is not configured any more."),
    ),
    (
        r"(?P<share>\d+) % of (?P<all>\d+) messages were refused; the last one: (?P<why>.+)",
        gettext_lazy("%(share)s%% of %(all)s messages were refused; the last one: %(why)s"),
    ),
    # what every provider may meet
    (r"no answer within (?P<time>[\d.e+]+) s", gettext_lazy("no answer within %(time)s s")),
    (r"(?P<kind>\w+) in the provider", gettext_lazy("an error in the provider: %(kind)s")),
    (r"standard output: (?P<what>.+)", gettext_lazy("standard output: %(what)s")),
    (r"too long: .+", gettext_lazy("the text is too long")),
    # over HTTP
    (r"the gateway's name cannot be resolved", gettext_lazy("the gateway's name is not found")),
    (
        r"the gateway's certificate is not trusted",
        gettext_lazy("the gateway's certificate is not trusted"),
    ),
    (r"TLS with the gateway fails", gettext_lazy("no secure line to the gateway")),
    (r"no connection in time", gettext_lazy("no connection in time")),
    (r"no answer in time", gettext_lazy("no answer in time")),
    (
        r"the line was closed before the answer",
        gettext_lazy("the line was closed before the answer"),
    ),
    (r"the answer is too long to be one", gettext_lazy("the answer is too long to be one")),
    (r"the answer breaks off", gettext_lazy("the answer breaks off")),
    (r"the answer is not HTTP", gettext_lazy("the answer is not HTTP")),
    (r"no connection: (?P<why>.+)", gettext_lazy("no connection: %(why)s")),
    (r"Connection refused|refused", gettext_lazy("the connection was refused")),
    (r"Connection reset by peer", gettext_lazy("the connection was reset")),
    (r"(?P<kind>\w+) on the line", gettext_lazy("an error on the line: %(kind)s")),
    (
        r"the answer is not one of this gateway's",
        gettext_lazy("the answer is not one of this gateway's"),
    ),
    (r"the answer is about another message", gettext_lazy("the answer is about another message")),
    (r"the answer has no id", gettext_lazy("the answer names no id")),
    (r"the account is refused: (?P<why>.+)", gettext_lazy("the account is refused: %(why)s")),
    (
        r"the provider refuses the account \((?P<code>[^)]+)\): (?P<why>.+)",
        gettext_lazy("the provider refuses the account (%(code)s): %(why)s"),
    ),
    (
        r"the provider refuses the account \((?P<what>[^)]+)\)",
        gettext_lazy("the provider refuses the account (%(what)s)"),
    ),
    (
        r"the gateway speaks before it is asked",
        gettext_lazy("the gateway answered before it was asked"),
    ),
    (
        r"HTTP (?P<status>\d+) with an answer that is not (?:JSON|the vendor's)",
        gettext_lazy("HTTP %(status)s with an answer that cannot be read"),
    ),
    (r"the vendor cannot tell", gettext_lazy("the provider cannot tell")),
    (
        r"the vendor answers status (?P<status>.+)",
        gettext_lazy("the provider answers with status %(status)s"),
    ),
    # over SMPP
    (
        r"(?P<why>.+) \((?P<taken>\d+) of (?P<all>\d+) parts were taken\)",
        gettext_lazy("%(why)s (%(taken)s of %(all)s parts were taken)"),
    ),
    (r"refused by the (?:SMSC|gateway)", gettext_lazy("refused by the provider")),
    (r"the SMSC answers (?P<name>\S+)", gettext_lazy("the SMSC answers %(name)s")),
    (r"the SMSC is throttling", gettext_lazy("the SMSC asks to go slower")),
    (r"the provider is not open", gettext_lazy("the line to the provider is not open")),
    (r"the line to the SMSC was closed", gettext_lazy("the line to the SMSC was closed")),
    (r"the SMSC closed the line while binding", gettext_lazy("the SMSC closed the line at login")),
    (r"no connection to the SMSC in time", gettext_lazy("no connection to the SMSC in time")),
    (
        r"the SMSC's certificate is not trusted",
        gettext_lazy("the SMSC's certificate is not trusted"),
    ),
    (
        r"no connection to the SMSC: (?P<why>.+)",
        gettext_lazy("no connection to the SMSC: %(why)s"),
    ),
    (
        r"the SMSC refuses to bind: (?P<what>.+)",
        gettext_lazy("the SMSC refuses the login: %(what)s"),
    ),
    # the vendor SMSC.ru
    (r"a parameter is wrong", gettext_lazy("a parameter is wrong")),
    (
        r"login or password is wrong, or the address is not allowed",
        gettext_lazy("login or password is wrong, or the address is not allowed"),
    ),
    (r"there is no money on the account", gettext_lazy("there is no money on the account")),
    (
        r"the address is blocked for a while",
        gettext_lazy("our address is blocked for a while"),
    ),
    (r"the format of a date is wrong", gettext_lazy("the format of a date is wrong")),
    (r"the text or the sender is forbidden", gettext_lazy("the text or the sender is forbidden")),
    (r"the format of the number is wrong", gettext_lazy("the format of the number is wrong")),
    (
        r"nothing can be delivered to the number",
        gettext_lazy("nothing can be delivered to the number"),
    ),
    (r"too many requests", gettext_lazy("too many requests")),
    (r"an unknown error", gettext_lazy("an unknown error")),
    (r"marked as spam", gettext_lazy("marked as spam")),
    (r"impossible to deliver", gettext_lazy("impossible to deliver")),
    (r"wrong number", gettext_lazy("wrong number")),
    (r"forbidden", gettext_lazy("forbidden by the operator")),
    (r"number unavailable", gettext_lazy("the number is not available")),
    # receipts: words of SMPP 3.4, appendix B
    (r"(?P<why>.+), err 0", pgettext_lazy("reason", "%(why)s")),
    (r"(?P<why>.+), err (?P<code>\w+)", gettext_lazy("%(why)s, network error %(code)s")),
    (r"UNDELIV(?: 0*)?", gettext_lazy("cannot be delivered")),
    (r"EXPIRED(?: 0*)?|expired", gettext_lazy("not delivered in time")),
    (r"REJECTD(?: 0*)?", gettext_lazy("refused by the network")),
    (r"DELETED(?: 0*)?", gettext_lazy("withdrawn by the provider")),
    (
        r"(?P<why>UNDELIV|EXPIRED|REJECTD|DELETED) (?P<code>\w+)",
        gettext_lazy("%(why)s, network error %(code)s"),
    ),
    # a code, and what it means
    (r"(?P<why>[^:]+) \((?P<said>[^()]*)\)", pgettext_lazy("reason", "%(why)s (%(said)s)")),
    (r"(?P<code>[\w .-]{1,40}): (?P<why>.+)", pgettext_lazy("reason", "%(code)s: %(why)s")),
    # what is on record of a mailing
    (r"(?P<count>\d+) unknown messages", gettext_lazy("unknown messages: %(count)s")),
    (r"by mailing (?P<id>\d+)", gettext_lazy("by mailing № %(id)s")),
    (
        r"again to (?P<states>[a-z, ]+) of mailing (?P<id>\d+)",
        gettext_lazy("mailing № %(id)s: %(states)s"),
    ),
)

#: How deep reasons stand in one another: a gateway may say anything.
DEEPEST = 4


def said(reason: str | None, depth: int = 0) -> str:
    """The reason as the reader understands it; one that is not known as it is."""
    if not reason or depth > DEEPEST:
        return reason or ""
    for pattern, phrase in PHRASES:
        if match := pattern.fullmatch(reason):
            return str(phrase % _parts(match.groupdict(), depth))
    return reason


def _parts(found: Mapping[str, str], depth: int) -> dict[str, str]:
    parts = dict(found)
    if "why" in parts:
        parts["why"] = said(parts["why"], depth + 1)
    if "states" in parts:
        names = parts["states"].split(", ")
        parts["states"] = _(" and ").join(str(MESSAGE_STATES.get(name, name)) for name in names)
    return parts
