"""The columns of the list of clients: attributes that somebody chose, kept for the session."""

from vestnik.audience.models import Client
from vestnik.dashboard.clients.detail import shown
from vestnik.dashboard.web.decorators import OperatorRequest

MOST = 8
LONGEST = 80
KEY = "client-columns"
#: Of the address: the form was sent, so what is not ticked is not wanted.
CHOSEN = "columns"
COLUMN = "column"


def chosen(request: OperatorRequest, names: list[str]) -> list[str]:
    """The attributes that have columns, in the order of `names`, which are those that exist."""
    if CHOSEN in request.GET:
        wanted = request.GET.getlist(COLUMN)[:MOST]
        request.session[KEY] = [name for name in names if name in wanted]
    kept = request.session.get(KEY, [])
    return [name for name in names if name in kept]


def cells(client: Client, columns: list[str]) -> list[tuple[str, str]]:
    """The columns with what stands in them, and then the other attributes in a line."""
    values = dict(shown(client.attributes))
    others = ", ".join(f"{name}: {value}" for name, value in values.items() if name not in columns)
    if len(others) > LONGEST:
        others = f"{others[:LONGEST]}…"
    return [*((name, values.get(name, "")) for name in columns), ("", others)]
