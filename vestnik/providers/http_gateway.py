"""Any gateway of one request a message, configured by options alone: see docs/providers.md.

Left alone it speaks `POST {url}/send/{id}` with `{"id": int, "phone": int, "text": str}` and a
bearer token, answered `{"code": 0, "message": "OK"}`.
"""

from vestnik.providers.base import Accepted, Deferred, Heard, Outcome, Outgoing
from vestnik.providers.callbacks import Callback
from vestnik.providers.http.answers import Answer
from vestnik.providers.http.exchange import Request
from vestnik.providers.http.notices import Notices
from vestnik.providers.http.provider import HttpProvider
from vestnik.providers.http.reading import Reading
from vestnik.providers.http.shape import Shape
from vestnik.providers.options import Options


class HttpGatewayProvider(HttpProvider):
    """A gateway over HTTP whose requests and answers are described by options."""

    def configure(self, given: Options) -> None:
        super().configure(given)
        self.deduplicates = given.flag("deduplicates")
        self._shape = Shape(given, self.sender)
        self._reading = Reading(given)
        self._notices = Notices(self.alias, given)

    def request_for(self, message: Outgoing) -> Request:
        return self._shape.request(message)

    def outcome_of(self, answer: Answer, message: Outgoing) -> Outcome:
        outcome = self._reading.outcome(answer, message)
        if isinstance(outcome, Accepted):
            self.trouble = ""
        elif isinstance(outcome, Deferred) and outcome.account:
            self.trouble = outcome.reason
        return outcome

    def read_callback(self, callback: Callback) -> Heard:
        return self._notices.read(callback)
