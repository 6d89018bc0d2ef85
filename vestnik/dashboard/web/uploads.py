"""Refuses uploads that are larger than any valid file, before they are read."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from vestnik.audience.importing.formats import MOST_FORM_BYTES


class UploadLimit(FileUploadHandler):
    """An upload handler in front of Django's own."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        # The CSRF token is in the form, so the form is read before its sender is known. Without
        # this limit, anyone who reaches the login could fill the disk.
        if content_length > MOST_FORM_BYTES:
            raise RequestDataTooBig(f"{content_length} bytes")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the data to the next handler."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
