"""The columns of the list of clients: the attributes that the user chose, kept in the session."""

from vestnik.audience.models import Client
from vestnik.dashboard.clients.detail import shown
from vestnik.dashboard.web.decorators import OperatorRequest

#: Columns beside the fixed ones; more do not fit on a screen.
MOST = 8
#: Characters of the line with the other attributes.
LONGEST = 80
KEY = "client-columns"
#: A URL parameter: the form was submitted, so attributes that are not ticked have no column.
CHOSEN = "columns"
COLUMN = "column"


def chosen(request: OperatorRequest, names: list[str]) -> list[str]:
    """Return the attributes with columns, in the order of `names`, the existing attributes."""
    if CHOSEN in request.GET:
        requested = request.GET.getlist(COLUMN)[:MOST]
        request.session[KEY] = [name for name in names if name in requested]
    stored = request.session.get(KEY, [])
    return [name for name in names if name in stored]


def cells(client: Client, columns: list[str]) -> list[tuple[str, str]]:
    """Return the values of the columns, and the other attributes in one line."""
    values = dict(shown(client.attributes))
    others = ", ".join(f"{name}: {value}" for name, value in values.items() if name not in columns)
    if len(others) > LONGEST:
        others = f"{others[:LONGEST]}…"
    return [*((name, values.get(name, "")) for name in columns), ("", others)]
