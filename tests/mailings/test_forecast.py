"""When a mailing is through, and what does not fit."""

from datetime import UTC, datetime, time, timedelta

from vestnik.mailings.forecast import Forecast, forecast, spans
from vestnik.mailings.local_hours import LocalHours

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY_HOURS = LocalHours(time(9), time(21))


def after(hours: float) -> datetime:
    return NOON + hours * HOUR


def test_all_that_fits_is_through_when_the_rate_says() -> None:
    assert forecast([(3600, [(NOON, after(2))])], 1) == Forecast(1, after(1), 0)


def test_what_does_not_fit_is_counted() -> None:
    assert forecast([(3601, [(NOON, after(1))])], 1) == Forecast(1, None, 1)


def test_without_a_rate_nothing_is_known_but_that_it_fits() -> None:
    assert forecast([(10**9, [(NOON, after(1))])], None) == Forecast(None, None, 0)


def test_those_whose_hours_close_first_go_first() -> None:
    early, late = [(NOON, after(1))], [(NOON, after(2))]

    assert forecast([(1800, early), (1800, late)], 1) == Forecast(1, after(1), 0)
    assert forecast([(3600, late), (3600, early)], 1) == Forecast(1, after(2), 0)
    assert forecast([(3600, late), (3700, early)], 1) == Forecast(1, None, 100)


def test_what_closes_today_is_through_before_what_closes_later_today() -> None:
    east = [(NOON, after(1)), (after(24), after(25))]
    west = [(NOON, after(3))]

    assert forecast([(7200, west), (3600, east)], 1) == Forecast(1, after(3), 0)
    assert forecast([(7200, west), (5400, east)], 1) == Forecast(1, after(24.5), 0)


def test_nobody_at_all_is_through_at_once() -> None:
    assert forecast([], 5) == Forecast(5, None, 0)


def test_spans_are_the_hours_within_the_window() -> None:
    window = (NOON, after(48))

    assert spans(None, "Europe/Moscow", window) == [window]
    assert spans(DAY_HOURS, "Europe/Moscow", window) == [
        (NOON, after(6)),
        (after(18), after(30)),
        (after(42), after(48)),
    ]
    assert spans(DAY_HOURS, "Europe/Moscow", (after(6), after(18))) == []
