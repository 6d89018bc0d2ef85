"""The two texts of a reason."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext


@dataclass(frozen=True, slots=True)
class Text:
    """What a reason says in the API, and on pages: the same, where `page` is left out. A page's
    text without words of its own is no promise of a translation."""

    sentence: str
    page: Promise | str | None = None
    #: What to do about it, where that is a sentence of its own.
    remedy: str = ""

    @property
    def api(self) -> str:
        return f"{self.sentence} {self.remedy}".rstrip()

    @property
    def on_pages(self) -> str:
        """In the reader's language."""
        text = gettext(self.sentence) if self.page is None else str(self.page)
        return f"{text} {gettext(self.remedy)}" if self.remedy else text


def gettext_noop(text: str) -> str:
    """Mark a text for the collector of texts. Django's function of the name needs settings, and the
    process that reads the first rows of a file has none."""
    return text
