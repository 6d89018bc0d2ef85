"""Enter in a field does nothing that only a button says: it sends, charges, imports, deletes and
gives access to nobody."""

import re
from pathlib import Path

import pytest

from vestnik import dashboard

TEMPLATES = Path(dashboard.__file__).parent / "templates"
#: A disabled button that stands first: browsers then send nothing by Enter.
FIRST = '{% include "components/no_implicit_submit.html" %}'
#: What Enter may press, for it does no more than its field says; or there is no field at all.
MAY = {
    "dashboard/footer.html": 2,  # buttons alone
    "dashboard/login.html": 1,  # logs in
    "dashboard/account/profile.html": 5,  # log out, preferences, own password, own sessions
    "dashboard/clients/edit.html": 1,  # saves the client
    "dashboard/clients/list.html": 2,  # searches; shows columns
    "dashboard/clients/stop_list.html": 1,  # searches
    "dashboard/clients/importing/upload.html": 1,  # hands the file in, and imports nothing
    "dashboard/mailings/edit.html": 1,  # discards what was kept: a button alone
    "dashboard/mailings/list.html": 1,  # searches
    "dashboard/mailings/messages.html": 1,  # searches
    "dashboard/settings/stop_words.html": 1,  # tries a word
}
FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)
BUTTON = re.compile(r"<button\b|<input type=.(?:submit|image)|" + re.escape(FIRST))
FILES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize(
    "name", [name for name in FILES if "<form" in (TEMPLATES / name).read_text()]
)
def test_enter_presses_nothing_but_what_is_named_here(name: str) -> None:
    forms = FORM.findall((TEMPLATES / name).read_text())

    pressed = [form for form in forms if _first_button(form) != FIRST]

    assert len(pressed) == MAY.get(name, 0), pressed


def _first_button(form: str) -> str:
    found = BUTTON.search(form)
    return found[0] if found else ""


def test_the_first_button_can_never_be_pressed() -> None:
    markup = (
        (TEMPLATES / "components/no_implicit_submit.html").read_text().rpartition("%}")[2].strip()
    )

    assert markup == (
        "<button hidden disabled></button>"
        '<button hidden formmethod="dialog" formnovalidate></button>'
    )
