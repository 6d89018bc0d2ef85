"""A mailing to all clients of a running stack, due now."""

from tests.stack.running import RunningStack


def make_mailing(stack: RunningStack) -> int:
    """Create the mailing; return its id."""
    body = {
        "text": "Здравствуйте!",
        "filter": {},
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2027-06-01T00:00:00Z",
    }
    return int(stack.api("POST", "mailings/", body).body["id"])
