"""Parses SMSC.ru's callbacks: receipts, and texts that clients wrote."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from vestnik.providers.callbacks import (
    Callback,
    CallbackAuthenticator,
    CallbackRefused,
    CallerUnknown,
    inbound_text,
    matches_secret,
    parse_id,
)
from vestnik.providers.events import CallbackResult, Inbound, Receipt, normalize_sender
from vestnik.providers.http.response import make_readable, scalar_text
from vestnik.providers.options import Options, Secret
from vestnik.providers.smsc.codes import STATUSES, reason_of_status

#: The signed fields of a receipt, and those of an inbound message; the form of the former.
SIGNED, SIGNED_TEXT = ("id", "phone", "status"), ("phone", "mes", "to")
RECEIPT = re.compile(r"[^:]{1,100}:\+?[0-9]{5,15}:-?[0-9]{1,3}", re.ASCII)
#: The fields that identify a client's text.
INBOUND_IDS = ("id", "sms_id", "time")


class CallbackParser:
    """Parses one callback. The receipts of status queries look the same, so it makes those too.

    `id_prefix` precedes our message ids in what the vendor repeats.
    """

    def __init__(self, alias: str, id_prefix: str, options: Options) -> None:
        self._alias, self._prefix = alias, id_prefix
        self._signature = options.secret("callback_signature_secret", "")
        self._authenticator = CallbackAuthenticator(options)

    def parse(self, callback: Callback) -> CallbackResult:
        """Return the content. With `callback_signature_secret` the callback must be signed,
        otherwise it must have `callback_secret`.

        Signed strings (c): `id:phone:status:SECRET`, and `phone:mes:to:SECRET` for an inbound
        message; time, error and cost are not covered. Both are three words, so a signature of one
        is also valid for the other: the form of the words has to tell which of the two it is.
        """
        fields = callback.fields
        is_text = "mes" in fields
        signed_words = [fields.get(name, "") for name in (SIGNED_TEXT if is_text else SIGNED)]
        signed = bool(self._signature)
        self._authenticator.authenticate(callback, signed=signed)
        if signed and not _is_signed(fields, signed_words, self._signature):
            raise CallerUnknown("the signature is missing or wrong")
        if is_text is bool(RECEIPT.fullmatch(":".join(signed_words))) and signed:
            raise CallbackRefused("it cannot be told whether it is a receipt or a text")
        if is_text:
            return CallbackResult(inbound=[self._inbound(fields)])
        if "waitcall" in fields:
            return CallbackResult()
        return CallbackResult(receipts=self._receipts(fields))

    def _receipts(self, fields: Mapping[str, str]) -> list[Receipt]:
        number, status = fields.get("id", ""), fields.get("status", "")
        if not number or not status:
            raise CallbackRefused("there is neither a text nor an id with a status")
        ours = parse_id(number.removeprefix(self._prefix))
        mine = ours if self._prefix and number.startswith(self._prefix) else None
        receipt = self.receipt(status, number, mine, fields)
        return [receipt] if receipt else []

    def receipt(
        self, status: str, number: str, message_id: int | None, fields: Mapping[str, object]
    ) -> Receipt | None:
        """Return the receipt; None for a status that is not final."""
        if status not in STATUSES:
            return None
        reason, state = STATUSES[status]
        error = make_readable(scalar_text(fields.get("err")) or "0")
        return Receipt(
            self._alias,
            state,
            _instant(fields.get("last_timestamp") or fields.get("ts")),
            provider_id=number,
            message_id=message_id,
            error=reason_of_status(status, reason, error) if reason else "",
            phone_number=normalize_sender(scalar_text(fields.get("phone")) or ""),
        )

    def _inbound(self, fields: Mapping[str, str]) -> Inbound:
        key = ":".join(fields[name] for name in INBOUND_IDS if name in fields)
        return inbound_text(self._alias, fields.get("phone", ""), fields["mes"], key)


def _is_signed(fields: Mapping[str, str], words: Sequence[str], secret: Secret) -> bool:
    """Return whether the signature matches, by md5 or sha1 as the account is configured.

    It covers the octets that were sent: windows-1251 for an account with that charset.
    """
    text = ":".join([*words, secret.reveal()])
    return any(
        kind in fields and matches_secret(fields[kind].lower(), Secret(_digest(kind, octets)))
        for kind in ("md5", "sha1")
        for octets in _octets(text)
    )


def _octets(text: str) -> Iterator[bytes]:
    yield text.encode()
    with suppress(UnicodeEncodeError):
        yield text.encode("cp1251")


def _digest(kind: str, octets: bytes) -> str:
    return hashlib.new(kind, octets, usedforsecurity=False).hexdigest()


def _instant(timestamp: object) -> datetime:
    """Return the time of seconds since 1970; `last_date`, in Moscow's time, is not read."""
    word = scalar_text(timestamp) or ""
    seconds = int(word) if word.isdecimal() and len(word) < 12 else 0
    return datetime.fromtimestamp(seconds, UTC) if seconds else datetime.now(UTC)
