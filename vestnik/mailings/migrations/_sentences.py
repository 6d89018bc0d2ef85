"""Stored English sentences of the versions before, as codes with parameters.

Nothing but migrations uses this: what is stored since then has its code from the start.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

#: How deep reasons are in one another: a gateway may say anything.
DEEPEST = 4

Data = dict[str, Any]


def _number(word: str) -> int | float:
    return int(word) if word.isdigit() else float(word)


#: What a parameter is stored as, where it is no text.
WHOLE = ("count", "most", "version", "waiting", "had", "share", "all", "taken", "id", "status")
READ: Mapping[str, Callable[[str], Any]] = {
    **{name: int for name in WHOLE},
    "seconds": _number,
    "time": _number,
    "names": lambda word: word.split(", "),
    "states": lambda word: word.split(", "),
}

#: A later one is looked at only where none before fits. `reason` is a reason itself.
SENTENCES: tuple[tuple[str, str], ...] = (
    ("stop_list", r"stop list"),
    ("no_sms", r"a landline or toll-free number, which gets no SMS"),
    ("no_value", r"no value for (?P<names>.+)"),
    ("too_long", r"longer than (?P<most>\d+) segments"),
    ("empty_text", r"the text is empty"),
    ("earlier_attempt", r"not sent again, and an earlier attempt may have arrived"),
    ("client_deleted", r"the client was deleted"),
    ("hours_never_open", r"the client's hours did not open before the end"),
    (
        "new_text",
        r"text (?P<version>\d+): (?P<waiting>\d+) wait, (?P<had>\d+) had an earlier one",
    ),
    ("worker_stopped", r"its worker stopped in mid-call"),
    ("given_up", r"given up: nobody knows whether it arrived"),
    ("attempts_exhausted", r"gave up after (?P<count>\d+) attempts: (?P<reason>.+)"),
    ("resent", r"in doubt, sent again: (?P<reason>.+)"),
    ("mailing_ended", r"not handed over before the mailing ended"),
    ("window_missed", r"The whole window went by while nothing was running\."),
    ("audience_failed", r"Its audience cannot be enlisted: (?P<text>.+)"),
    ("provider_missing", r"Its provider '(?P<alias>.+)' is not configured any more\."),
    (
        "many_refused",
        r"(?P<share>\d+) % of (?P<all>\d+) messages were refused; the last one: (?P<reason>.+)",
    ),
    ("asks_to_wait", r"(?P<reason>.+) \(it says: after (?P<seconds>[\d.]+) s\)"),
    # what every provider may meet
    ("no_answer_within", r"no answer within (?P<time>\d+(?:\.\d+)?) s"),
    ("provider_error", r"(?P<kind>\w+) in the provider"),
    ("standard_output", r"standard output: (?P<text>.+)"),
    ("provider_text_too_long", r"too long: (?P<text>.+)"),
    # over HTTP
    ("name_not_resolved", r"the gateway's name cannot be resolved"),
    ("certificate_untrusted", r"the gateway's certificate is not trusted"),
    ("tls_failed", r"TLS with the gateway fails"),
    ("connect_timeout", r"no connection in time"),
    ("answer_timeout", r"no answer in time"),
    ("connection_closed", r"the line was closed before the answer"),
    ("answer_too_long", r"the answer is too long to be one"),
    ("answer_cut", r"the answer breaks off"),
    ("answer_not_http", r"the answer is not HTTP"),
    ("no_connection", r"no connection: (?P<reason>.+)"),
    ("connection_refused", r"(?P<text>Connection refused|refused)"),
    ("connection_reset", r"(?P<text>Connection reset by peer)"),
    ("connection_error", r"(?P<kind>\w+) on the line"),
    ("foreign_answer", r"the answer is not one of this gateway's"),
    ("other_message", r"the answer is about another message"),
    ("no_message_id", r"the answer has no id"),
    ("no_token", r"no token: (?P<reason>.+)"),
    ("no_token_given", r"no token is given"),
    ("token_expired", r"the token had ended"),
    (
        "account_refused_because",
        r"the provider refuses the account \((?P<code>[^)]+)\): (?P<reason>.+)",
    ),
    ("account_refused", r"the provider refuses the account \((?P<code>[^)]+)\)"),
    ("early_answer", r"the gateway speaks before it is asked"),
    (
        "unreadable_answer",
        r"HTTP (?P<status>\d+) with an answer that is not (?P<expected>JSON|the vendor's)",
    ),
    ("status_unknown", r"the vendor cannot tell"),
    ("status_not_final", r"the vendor answers status (?P<status>-?\d{1,9})"),
    # over SMPP
    (
        "parts_taken",
        r"(?P<reason>[^:]+) \((?P<taken>\d+) of (?P<all>\d+) parts were taken\)",
    ),
    ("smsc_refused", r"refused by the SMSC"),
    ("gateway_refused", r"refused by the gateway"),
    ("smsc_answered", r"the SMSC answers (?P<name>\S+)"),
    ("not_open", r"the provider is not open"),
    ("smsc_closed", r"the line to the SMSC was closed"),
    ("smsc_closed_at_bind", r"the SMSC closed the line while binding"),
    ("smsc_connect_timeout", r"no connection to the SMSC in time"),
    ("smsc_certificate_untrusted", r"the SMSC's certificate is not trusted"),
    ("smsc_no_connection", r"no connection to the SMSC: (?P<reason>.+)"),
    ("bind_refused", r"the SMSC refuses to bind: (?P<text>.+)"),
    # the vendor SMSC.ru
    ("parameter_wrong", r"a parameter is wrong"),
    ("login_wrong", r"login or password is wrong, or the address is not allowed"),
    ("no_money", r"there is no money on the account"),
    ("address_blocked", r"the address is blocked for a while"),
    ("date_format_wrong", r"the format of a date is wrong"),
    ("text_forbidden", r"the text or the sender is forbidden"),
    ("number_format_wrong", r"the format of the number is wrong"),
    ("number_undeliverable", r"nothing can be delivered to the number"),
    ("too_many_requests", r"too many requests"),
    ("unknown_error", r"an unknown error"),
    ("spam", r"marked as spam"),
    ("delivery_impossible", r"impossible to deliver"),
    ("wrong_number", r"wrong number"),
    ("operator_forbids", r"forbidden"),
    ("number_unavailable", r"number unavailable"),
    # a code, and what it means
    ("gateway_said", r"(?P<code>[\w .-]{1,40}): (?P<reason>.+)"),
    # receipts
    ("no_network_error", r"(?P<reason>.+), err 0"),
    ("network_error", r"(?P<reason>.+), err (?P<error>\w+)"),
    ("undeliverable", r"(?P<word>UNDELIV)"),
    ("expired", r"(?P<word>EXPIRED|expired)"),
    ("network_rejected", r"(?P<word>REJECTD)"),
    ("provider_deleted", r"(?P<word>DELETED)"),
    ("receipt_without_error", r"(?P<reason>UNDELIV|EXPIRED|REJECTD|DELETED) (?P<error>0+)"),
    ("receipt_error", r"(?P<reason>UNDELIV|EXPIRED|REJECTD|DELETED) (?P<error>\w+)"),
    ("gateway_words", r"(?P<reason>[^:]+) \((?P<text>[^()]*)\)"),
    ("gateway_code", r"(?P<code>HTTP \d{3})"),
    # what is on record of a mailing
    ("unknown_messages", r"(?P<count>\d+) unknown messages"),
    ("test_numbers", r"(?P<count>\d+) numbers"),
    ("sent_again_by", r"by mailing (?P<id>\d+)"),
    ("sends_again", r"again to (?P<states>[a-z, ]+) of mailing (?P<id>\d+)"),
)
PATTERNS = tuple((code, re.compile(pattern, re.DOTALL)) for code, pattern in SENTENCES)


def data_of(sentence: str, depth: int = 0) -> Data | None:
    """A stored sentence as a code with its parameters; None where it is none of ours."""
    if depth > DEEPEST:
        return None
    for code, pattern in PATTERNS:
        if match := pattern.fullmatch(sentence):
            params = {n: _read(n, word, depth) for n, word in match.groupdict().items()}
            return {"code": code, "params": params}
    return None


def _read(name: str, word: str, depth: int) -> Any:
    if name == "reason":
        return data_of(word, depth + 1) or word
    return READ[name](word) if name in READ else word


@lru_cache(maxsize=10_000)
def stored_as(sentence: str) -> str | None:
    """The same, as it is written into a column."""
    data = data_of(sentence)
    return data and json.dumps(data)


def fields_as(sentence: str) -> str:
    """The record of a change: the names of the fields."""
    return json.dumps({"code": "fields_changed", "params": {"fields": sentence.split(", ")}})
