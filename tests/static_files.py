"""The static files are looked for once in a process of tests, not once for each test client.

Each client of Django's loads the middleware anew, and WhiteNoise looks through the files of all
packages then: that was more than half of the time of a test of a page.
"""

from whitenoise.middleware import WhiteNoiseMiddleware


def find_once() -> None:
    """Keep what the first middleware found, by what its answers depend on."""
    find = WhiteNoiseMiddleware.add_files_from_finders
    kept: dict[tuple[type, str, int], dict[str, object]] = {}

    def find_or_take(middleware: WhiteNoiseMiddleware) -> None:
        by = (type(middleware), middleware.static_prefix, middleware.max_age)
        if by in kept:
            middleware.files.update(kept[by])
        else:
            find(middleware)
            kept[by] = dict(middleware.files)

    WhiteNoiseMiddleware.add_files_from_finders = find_or_take
