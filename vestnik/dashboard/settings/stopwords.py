"""The stop words, which put their sender on the stop list."""

from django.conf import settings
from django.http import HttpResponse

from vestnik.audience.stop_words import is_stop_word
from vestnik.dashboard.settings.tabs import show
from vestnik.dashboard.web.decorators import OperatorRequest, page

#: The length of a text to try.
LONGEST = 500


@page()
def stop_words(request: OperatorRequest) -> HttpResponse:
    """List the words, and show whether a text would count as an opt-out."""
    text = request.GET.get("text", "")[:LONGEST]
    context = {"words": settings.STOP_WORDS, "text": text, "stops": text and is_stop_word(text)}
    return show(request, "stop-words", "stop_words", context)
