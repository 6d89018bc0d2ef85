"""Static files under names with a digest of their content.

Browsers cache such a file for ten years; after an upgrade its name differs. Django's own storage of
this kind requires `collectstatic` before the start. Here the names are derived from the installed
files, so `make run` needs no such step. A file that a style sheet names has its version in its name
instead (`inter-5.3.0-…`).

During a release, a page of one version requests files from a process of the other version. A name
with another digest is therefore served like the plain name: the local file, cached for a minute.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from os import stat_result
from pathlib import Path, PurePosixPath
from typing import cast

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

#: Hexadecimal digits of the digest: 48 bits are enough for some dozens of files.
DIGITS = 12
HAS_VERSION = re.compile(r"-\d+\.\d+\.\d+-")
HAS_DIGEST = re.compile(rf"\.[0-9a-f]{{{DIGITS}}}(?=\.)")


class HashedStorage(StaticFilesStorage):
    """URLs of static files with a digest of their content."""

    def url(self, name: str | None) -> str:
        return super().url(hashed(name or ""))


@cache
def hashed(name: str) -> str:
    """Return `a/b.css` as `a/b.0123456789ab.css`; unchanged if versioned or missing."""
    path = finders.find(name)
    if not path or HAS_VERSION.search(name) or not Path(path).is_file():
        return name
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:DIGITS]
    pure = PurePosixPath(name)
    return str(pure.with_name(f"{pure.stem}.{digest}{pure.suffix}"))


class HashedWhiteNoise(WhiteNoiseMiddleware):  # type: ignore[misc]  # has no types
    """Serves each file by its own name and by the name with the digest."""

    def add_file_to_dictionary(
        self, url: str, path: str, stat_cache: dict[str, stat_result] | None = None
    ) -> None:
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        if url.startswith(self.static_prefix):
            hashed_url = self.static_prefix + hashed(url.removeprefix(self.static_prefix))
            if hashed_url != url:
                super().add_file_to_dictionary(hashed_url, path, stat_cache=stat_cache)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        # With DEBUG the files are looked up per request.
        plain = None if self.autorefresh else self.files.get(self._plain(path))
        if plain is not None and path not in self.files:
            return cast(HttpResponseBase, self.serve(plain, request))
        return cast(HttpResponseBase, super().__call__(request))

    def candidate_paths_for_url(self, url: str) -> Iterator[str]:
        yield from super().candidate_paths_for_url(url)
        if (plain := self._plain(url)) != url:
            yield from super().candidate_paths_for_url(plain)

    def immutable_file_test(self, path: str, url: str) -> bool:
        return HAS_VERSION.search(url) is not None or _is_current(self._plain(url), url)

    def _plain(self, url: str) -> str:
        """Return the URL without a digest, whatever the content."""
        return HAS_DIGEST.sub("", url) if url.startswith(self.static_prefix) else url


def _is_current(plain: str, url: str) -> bool:
    """Return whether the digest in the URL is that of the current file."""
    name = plain.rpartition("/static/")[2]
    return plain != url and url.endswith(hashed(name))
