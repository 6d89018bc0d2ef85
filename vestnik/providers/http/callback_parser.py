"""Parses a gateway's callbacks: receipts and inbound messages, found by JSON paths."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from vestnik.providers.base import CallbackResult, Inbound, Receipt, ReceiptState
from vestnik.providers.callbacks import (
    Callback,
    CallbackAuthenticator,
    CallbackRefused,
    CallerUnknown,
    inbound_text,
    matches_secret,
    parse_id,
)
from vestnik.providers.errors import OptionError
from vestnik.providers.http.response import make_readable, normalize_id, scalar_text, step_into
from vestnik.providers.http.signature import METHODS, digest
from vestnik.providers.http.status_query import UNDER_WAY
from vestnik.providers.options import Options, Secret
from vestnik.providers.receipt_reasons import reason_of_word

PATHS = {
    "callback_id_path": "id",
    "callback_provider_id_path": "provider_id",
    "callback_state_path": "status",
    "callback_error_path": "error",
    "callback_phone_path": "phone",
    "callback_text_path": "text",
}


log = logging.getLogger(__name__)


class CallbackParser:
    """Parses one item, or a list of them, from a JSON body, a form or a query string."""

    def __init__(self, alias: str, options: Options) -> None:
        self._alias = alias
        self._authenticator = CallbackAuthenticator(options)
        self._paths = {
            option: tuple(options.text(option, default).split("."))
            for option, default in PATHS.items()
        }
        self._answer = options.text("callback_answer", "OK")
        listed = options.text("callback_list_path", "")
        self._list_path = tuple(listed.split(".")) if listed else ()
        self._signature = CallbackSignature(options)
        self.states: dict[str, ReceiptState] = {
            **_states("delivered", options.words("delivered_states", "delivered")),
            **_states("undelivered", options.words("undelivered_states", "undelivered,failed")),
        }

    def parse(self, callback: Callback) -> CallbackResult:
        self._authenticator.authenticate(callback, signed=self._signature.is_configured)
        self._signature.check(callback)
        document = step_into(callback.document(), self._list_path)
        items = document if isinstance(document, list) else [document]
        receipts: list[Receipt] = []
        inbound: list[Inbound] = []
        problems = []
        for item in items:
            try:
                self._parse_item(item, receipts, inbound)
            except CallbackRefused as problem:
                problems.append(str(problem))
        # Refuse only if nothing could be parsed: a refusal makes the vendor repeat all of it.
        if problems and len(problems) == len(items):
            raise CallbackRefused(problems[0])
        for reason in dict.fromkeys(problems):
            log.warning(
                "%d items of a callback cannot be parsed: %s", problems.count(reason), reason
            )
        return CallbackResult(receipts, inbound, self._answer)

    def _parse_item(self, item: object, receipts: list[Receipt], inbound: list[Inbound]) -> None:
        """Parse one item of a callback. Raises CallbackRefused, which affects only this item."""
        if self._is_text(item):
            inbound.append(self._inbound(item))
        elif (receipt := self._receipt(item)) is not None:
            receipts.append(receipt)

    def _is_text(self, item: object) -> bool:
        """Return whether the item is an inbound message and not a receipt."""
        if not self._word(item, "text"):
            return False
        # A receipt may repeat the text that we sent, but then it has an id and a known state.
        state = (self._word(item, "state") or "").lower()
        has_id = self._word(item, "id") or self._word(item, "provider_id")
        return not (has_id and (state in self.states or state in UNDER_WAY))

    def _word(self, item: object, name: str) -> str | None:
        return scalar_text(step_into(item, self._paths[f"callback_{name}_path"]))

    def _receipt(self, item: object) -> Receipt | None:
        """Return the receipt, or None if the state is not final."""
        word = self._word(item, "state")
        id_text = self._word(item, "id")
        our_id, their_id = parse_id(id_text or ""), normalize_id(self._word(item, "provider_id"))
        if word is None or not (id_text or their_id):
            raise CallbackRefused("there is neither a text nor an id with a state")
        if our_id is None and not their_id:
            log.warning("a receipt is ignored: its id is not one of ours")
            return None
        state = self.states.get(word.lower())
        return state and Receipt(
            self._alias,
            state,
            datetime.now(UTC),
            provider_id=their_id,
            message_id=our_id,
            error=reason_of_word(make_readable(self._word(item, "error") or "")),
        )

    def _inbound(self, item: object) -> Inbound:
        phone, text = self._word(item, "phone") or "", self._word(item, "text") or ""
        key = self._word(item, "provider_id") or self._word(item, "id") or ""
        return inbound_text(self._alias, phone, text, key)


def _states(state: ReceiptState, words: Iterable[str]) -> dict[str, ReceiptState]:
    return {word.lower(): state for word in words}


class CallbackSignature:
    """Verifies a keyed digest of the body in a header, which replaces the secret."""

    def __init__(self, options: Options) -> None:
        self._header = options.text("callback_signature_header", "").lower()
        self._method = options.choice("callback_signature_method", "hmac-sha256", METHODS)
        self._secret = options.secret("callback_signature_secret", "")
        self.is_configured = bool(self._header)
        if self.is_configured and not self._secret:
            raise OptionError(
                "callback_signature_secret", "is required with callback_signature_header"
            )

    def check(self, callback: Callback) -> None:
        """Raise CallerUnknown if the signature is wrong.

        It may be hexadecimal or base64, with or without a prefix like `sha256=`.
        """
        if not self.is_configured:
            return
        headers = {name.lower(): value for name, value in callback.headers.items()}
        signature = headers.get(self._header, "").strip()
        signature = signature.removeprefix(f"{self._method.removeprefix('hmac-')}=")
        secret = self._secret.reveal()
        right = [digest(self._method, secret, callback.body, kind) for kind in ("hex", "base64")]
        if not any(matches_secret(signature, Secret(one)) for one in right):
            raise CallerUnknown("the signature is missing or wrong")
