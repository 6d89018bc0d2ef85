"""The two texts of a reason."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a reason for the API and the text for pages; without `page` they are the same.

    A page's text that consists only of parameters is not translated.
    """

    sentence: str
    page: Promise | str | None = None
    #: The remedy, if it is a sentence of its own.
    remedy: str = ""

    @property
    def api(self) -> str:
        return f"{self.sentence} {self.remedy}".rstrip()

    @property
    def on_pages(self) -> str:
        """Return the text in the reader's language."""
        text = gettext(self.sentence) if self.page is None else str(self.page)
        return f"{text} {gettext(self.remedy)}" if self.remedy else text


def gettext_noop(text: str) -> str:
    """Mark a text for translation.

    Django's function of this name imports the settings, which the process that reads the first rows
    of a file does not have.
    """
    return text
