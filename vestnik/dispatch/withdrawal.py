"""Taking back what has not left: a client is deleted while mailings run."""

from vestnik.audience.models import Client


def delete_client(client_id: int) -> bool:
    """Delete a client; their queued messages become cancelled. False where there is none.

    What is in flight at this moment finishes.
    """
    deleted, _ = Client.objects.filter(id=client_id).delete()
    return bool(deleted)
