"""What a paused mailing does once it is resumed: when it finishes, and for how many it is night."""

from datetime import datetime

from django.db.models import Count

from vestnik.dispatch.read.backlog import waiting_clients
from vestnik.mailings.forecast import Forecast
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import database_now
from vestnik.reports.mailing.local_times import local_times
from vestnik.reports.mailing.outlook import common_forecast, left_by_zone, outlook


def forecast_of_rest(mailing: Mailing, waiting: int, now: datetime) -> Forecast:
    """Forecast the waiting messages, by the mailing's rate and its clients' hours."""
    if mailing.local_hours and now < mailing.ends_at:
        prediction = outlook(mailing, left_by_zone(mailing.id), now)
        return Forecast(
            prediction.per_second, prediction.finishes_at, prediction.will_stay, prediction.beside
        )
    window = [(now, mailing.ends_at)] if now < mailing.ends_at else []
    return common_forecast(mailing, [(waiting, window)], now)


def clients_at_night(mailing: Mailing, forecast: Forecast) -> int:
    """Return for how many waiting clients it is night when the mailing continues now."""
    if database_now() >= mailing.ends_at:
        return 0
    finishes_at = mailing.ends_at if forecast.will_not_fit else forecast.finishes_at
    zones = waiting_clients(mailing.id).values_list("timezone").annotate(count=Count("id"))
    times = local_times(mailing, finishes_at, dict(zones))
    return sum(zone.clients for zone in times if zone.is_night)
