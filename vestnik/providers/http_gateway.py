"""Any gateway that takes one request per message, configured by options: see docs/providers.md.

By default a message is `POST {url}/send/{id}` with `{"id": int, "phone": int, "text": str}` and a
bearer token, answered by `{"code": 0, "message": "OK"}`.
"""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus

from vestnik.providers.base import (
    CallbackResult,
    Deferred,
    OutboundMessage,
    Outcome,
    Reply,
    Sink,
    StatusQuery,
    Unknown,
    account_refused,
)
from vestnik.providers.callbacks import Callback
from vestnik.providers.http.callback_parser import CallbackParser
from vestnik.providers.http.provider import HttpConnection, HttpProvider
from vestnik.providers.http.request_builder import RequestBuilder
from vestnik.providers.http.response import Response
from vestnik.providers.http.response_parser import ResponseParser
from vestnik.providers.http.status_query import StatusEndpoint
from vestnik.providers.http.tokens import TokenEndpoint, TokenRefused, Tokens
from vestnik.providers.http.transport import Request, explain
from vestnik.providers.options import Options
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds after which a message whose token had expired is sent again, with a new token.
NEXT_TOKEN = 0.5


class HttpGatewayProvider(HttpProvider):
    """A gateway over HTTP whose requests and answers are described by options."""

    def configure(self, options: Options) -> None:
        super().configure(options)
        self.deduplicates = options.flag("deduplicates")
        url = options.peek("url")
        self.request_builder = RequestBuilder(options, self.sender)
        self._response_parser = ResponseParser(options)
        self.callback_parser = CallbackParser(self.alias, options)
        self.token_endpoint = TokenEndpoint(options, self.request_builder.account)
        self.status = StatusEndpoint(self.alias, options, url, self.request_builder.compiler)
        self.can_query = self.can_query or self.status.is_configured
        self.receipts = options.choice("receipts", "callback", ("callback", "query"))

    async def connect(self, sink: Sink) -> "HttpGatewayConnection":
        return TokenConnection(self) if self.token_endpoint.url else HttpGatewayConnection(self)

    def request_for(self, message: OutboundMessage) -> Request:
        return self.request_builder.build(message)

    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        return self._response_parser.parse(answer, message)

    def read_callback(self, callback: Callback) -> CallbackResult:
        return self.callback_parser.parse(callback)


class HttpGatewayConnection(HttpConnection[HttpGatewayProvider]):
    """The connections to a gateway whose account is in each request."""

    async def authorize(self) -> dict[str, str]:
        """Return the header that authenticates a status query."""
        return self.provider.request_builder.authorization

    def note_unauthorized(self, authorized_at: float) -> None:
        """Note that a status query was refused that `authorize` authenticated then."""

    async def ask(self, questions: Sequence[StatusQuery]) -> list[Reply]:
        return await asyncio.gather(*map(self._ask, questions))

    async def _ask(self, question: StatusQuery) -> Reply:
        provider = self.provider
        try:
            async with asyncio.timeout(provider.deadline):
                headers = await self.authorize()
                authorized_at = time.monotonic()
                request = provider.status.request(question, headers)
                if request is None:
                    return Unknown("the gateway never named the message")
                answer = await self.transport.exchange(request)
        except Exception as error:
            return Unknown(explain(error))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self.note_unauthorized(authorized_at)
        return provider.status.reply(answer, question, provider.callback_parser.states)


class TokenConnection(HttpGatewayConnection):
    """The connections to a gateway that hands out a token for its account."""

    def __init__(self, provider: HttpGatewayProvider) -> None:
        super().__init__(provider)
        self._token = ""
        #: When each message that is being handed over took its token.
        self._taken_at: dict[OutboundMessage, float] = {}
        self._tokens = Tokens(provider.token_endpoint, self.transport)

    async def authorize(self) -> dict[str, str]:
        return self.provider.request_builder.with_token(await self._tokens.get())

    def note_unauthorized(self, authorized_at: float) -> None:
        self._tokens.forget_expired(authorized_at)

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        try:
            self._token = await self._tokens.get()
        except TokenRefused as refusal:
            return account_refused(refusal.code, reason=refusal.reason)
        except Exception as error:
            return Deferred(Reason(Code.NO_TOKEN, reason=explain(error)))
        self._taken_at[message] = time.monotonic()
        try:
            return await super().hand_over(message)
        finally:
            del self._taken_at[message]

    def request_for(self, message: OutboundMessage) -> Request:
        return self.provider.request_builder.build(message, self._token)

    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        is_refused = answer.status == HTTPStatus.UNAUTHORIZED
        if is_refused and self._tokens.forget_expired(self._taken_at[message]):
            return Deferred(Reason(Code.TOKEN_EXPIRED), NEXT_TOKEN, provider_wide=True)
        return super().outcome_of(answer, message)
