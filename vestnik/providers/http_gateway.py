"""Any gateway of one request a message, configured by options alone: see docs/providers.md.

Left alone it speaks `POST {url}/send/{id}` with `{"id": int, "phone": int, "text": str}` and a
bearer token, answered `{"code": 0, "message": "OK"}`.
"""

import asyncio
from collections.abc import Sequence

from vestnik.providers.base import (
    Accepted,
    CallbackResult,
    Deferred,
    OutboundMessage,
    Outcome,
    Reply,
    StatusQuery,
    Unknown,
    account_refused,
)
from vestnik.providers.callbacks import Callback
from vestnik.providers.http.callback_parser import CallbackParser
from vestnik.providers.http.provider import HttpProvider
from vestnik.providers.http.request_builder import RequestBuilder
from vestnik.providers.http.response import Response
from vestnik.providers.http.response_parser import ResponseParser
from vestnik.providers.http.status_query import StatusEndpoint
from vestnik.providers.http.tokens import TokenRefused, Tokens
from vestnik.providers.http.transport import Request, explain
from vestnik.providers.options import Options
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: A message whose token had ended goes again with the next one.
NEXT_TOKEN = 0.5


class HttpGatewayProvider(HttpProvider):
    """A gateway over HTTP whose requests and answers are described by options."""

    def configure(self, options: Options) -> None:
        super().configure(options)
        self.deduplicates = options.flag("deduplicates")
        url = options.peek("url")
        self._token = ""
        self._shape = RequestBuilder(options, self.sender)
        self._reading = ResponseParser(options)
        self._notices = CallbackParser(self.alias, options)
        self._tokens = Tokens(options, self._shape.account)
        self._status = StatusEndpoint(self.alias, options, url, self._shape.compiler)
        self.can_query = self.can_query or self._status.is_configured
        self.receipts = options.choice("receipts", "callback", ("callback", "query"))

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        if self._tokens.url:
            try:
                self._token = await self._tokens.get(self.transport)
            except TokenRefused as refusal:
                return account_refused(refusal.code, reason=refusal.reason)
            except Exception as error:
                return Deferred(Reason(Code.NO_TOKEN, reason=explain(error)))
        return await super().hand_over(message)

    def request_for(self, message: OutboundMessage) -> Request:
        return self._shape.build(message, self._token)

    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        if (
            answer.status == 401
            and self._tokens.url
            and self._tokens.is_old(message.departed_at or 0.0)
        ):
            return Deferred(Reason(Code.TOKEN_EXPIRED), NEXT_TOKEN, provider_wide=True)
        outcome = self._reading.parse(answer, message)
        if isinstance(outcome, Accepted):
            self.trouble = ""
        elif isinstance(outcome, Deferred) and outcome.account:
            self.trouble = outcome.reason
        return outcome

    async def ask(self, questions: Sequence[StatusQuery]) -> list[Reply]:
        return await asyncio.gather(*map(self._ask, questions))

    async def _ask(self, question: StatusQuery) -> Reply:
        try:
            async with asyncio.timeout(self.deadline):
                token = await self._tokens.get(self.transport) if self._tokens.url else ""
                headers = self._shape.with_token(token) if token else self._shape.authorization
                request = self._status.request(question, headers)
                if request is None:
                    return Unknown("the gateway never named the message")
                answer = await self.transport.exchange(request)
        except Exception as error:
            return Unknown(explain(error))
        return self._status.reply(answer, question, self._notices.states)

    def read_callback(self, callback: Callback) -> CallbackResult:
        return self._notices.parse(callback)
