"""What is too large to be any file of ours is refused before it is read."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from vestnik.audience.importing.formats import MOST_FORM_BYTES


class UploadLimit(FileUploadHandler):
    """Stands before Django's own. A form is read before anybody knows who sends it, since its CSRF
    token is in it: without this whoever can reach the login could fill the disk."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        if content_length > MOST_FORM_BYTES:
            raise RequestDataTooBig(f"{content_length} bytes")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Leave it to the next handler."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """It is the next handler's."""
