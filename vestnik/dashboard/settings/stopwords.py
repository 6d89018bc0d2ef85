"""The words that put whoever writes them on the stop list."""

from django.conf import settings
from django.http import HttpResponse

from vestnik.audience.stop_words import is_stop_word
from vestnik.dashboard.settings.tabs import show
from vestnik.dashboard.web.decorators import OperatorRequest, page

#: As much of a text as an inbound message may hold.
LONGEST = 500


@page()
def stop_words(request: OperatorRequest) -> HttpResponse:
    """The words, and what an answer of a client's would do."""
    text = request.GET.get("text", "")[:LONGEST]
    context = {"words": settings.STOP_WORDS, "text": text, "stops": text and is_stop_word(text)}
    return show(request, "stop-words", "stop_words", context)
