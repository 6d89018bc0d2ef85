"""The places of the product that read a host's own clock, and the reason why each of them may.

The pipeline decides by the database's clock and waits by the monotonic one. A host's clock may be
wrong or be set, and two hosts' clocks differ. A new place needs a reason why that does no harm;
otherwise use the database's clock (`mailings.window.database_now`, `Now()`, `Clock()`).
"""

import ast
from collections import Counter
from pathlib import Path

import vestnik

ROOT = Path(vestnik.__file__).parent
#: Calls that answer the host's clock; a method of Django's `timezone` under whatever name.
CLOCKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("timezone", "now"),
    ("timezone", "localtime"),
    ("timezone", "localdate"),
    ("zones_of_django", "now"),
    ("zones_of_django", "localtime"),
    ("zones_of_django", "localdate"),
}
SHOWN = "what a page shows of now; nothing is decided by it"
NOTED = "how often something is noted; late or often by the difference, and no more"
DATA = "when a word came, where its sender does not say; kept within the database's clock"
ALLOWED = {
    "access/lockout.py": (2, "how long an address waits: a quarter of an hour, by the difference"),
    "access/sessions.py": (2, NOTED),
    "api/http/authentication.py": (1, NOTED),
    "dashboard/clients/detail.py": (1, SHOWN),
    "dashboard/mailings/report/svg_chart.py": (0, SHOWN),
    "dashboard/mailings/edit/preview.py": (1, SHOWN),
    "dashboard/mailings/detail/progress.py": (1, SHOWN),
    "dashboard/mailings/report/views.py": (1, SHOWN),
    "dashboard/mailings/edit/window.py": (1, "what a new form is filled with"),
    "dashboard/web/middleware.py": (1, NOTED),
    "dashboard/wording/moments.py": (
        3,
        "a placeholder, and the year of what was written without one",
    ),
    "dashboard/templatetags/vestnik.py": (1, SHOWN),
    "dashboard/wording/zones.py": (2, SHOWN),
    "dispatch/runtime/clock_skew.py": (4, "measures it against the database's"),
    "mailings/window.py": (1, "the horizon, in years"),
    "providers/http/response.py": (
        1,
        "a wait that a gateway gives as a date without its own clock",
    ),
    "providers/callbacks.py": (1, DATA),
    "providers/http/callback_parser.py": (1, DATA),
    "providers/http/status_query.py": (1, DATA),
    "providers/http/templates.py": (1, "what a gateway wants to see of a request's time"),
    "providers/smpp/receipts.py": (2, DATA),
    "providers/smsc/callback_parser.py": (1, DATA),
    "reports/mailing/breakdown.py": (1, "the key of a cache that a process keeps for itself"),
    "sandbox/gateway.py": (1, "the sandbox stands in for a vendor, who has a clock of their own"),
    "sandbox/ledger.py": (1, "the sandbox, as above"),
    "sandbox/smpp_server.py": (1, "the sandbox, as above"),
}


def reads(tree: ast.AST) -> int:
    """How many calls of a module answer the host's clock; with an argument `localtime` converts."""
    return sum(
        (node.func.value.id, node.func.attr) in CLOCKS
        and not (node.func.attr in {"localtime", "localdate"} and node.args)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
    )


def test_no_other_place_reads_the_clock_of_its_host() -> None:
    found = Counter(
        {
            str(path.relative_to(ROOT)): count
            for path in sorted(ROOT.rglob("*.py"))
            if (count := reads(ast.parse(path.read_text())))
        }
    )

    assert dict(found) == {name: count for name, (count, _) in ALLOWED.items() if count}


def test_no_task_is_sent_with_an_instant() -> None:
    """Celery compares `eta`, `countdown` and `expires` with the worker's clock."""
    senders = {"send_task", "apply_async", "signature", "s"}
    calls = 0
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in senders
            ):
                calls += 1
                instants = {"eta", "countdown", "expires"} & {k.arg for k in node.keywords}
                assert not instants, f"{path}:{node.lineno}"
    assert calls
