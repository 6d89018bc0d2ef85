"""Downloads of tables."""

from collections.abc import Callable, Iterator

from django.http import StreamingHttpResponse

from vestnik.reports.files import table_writers
from vestnik.reports.files.table_writers import Table

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
FORMATS: dict[str, tuple[str, Callable[[Table], Iterator[bytes]]]] = {
    "csv": (f"{CSV}; charset=utf-8", table_writers.as_csv),
    "xlsx": (XLSX, table_writers.as_xlsx),
}


def download(name: str, form: str, table: Table) -> StreamingHttpResponse:
    """Return a response with the table as `name.csv` or `name.xlsx`, written while it is read."""
    kind, written = FORMATS[form]
    answer = StreamingHttpResponse(written(table), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer
