"""Creates a small audience and a first mailing by the console provider, which sends nothing."""

from datetime import timedelta

from vestnik.audience.models import Client
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import database_now

TEXT = "Здравствуйте! Это первая рассылка Вестника: завтра доставка с 10 до 14."
#: From the start to the end of the first mailing.
WINDOW = timedelta(days=1)
# Unassigned numbers: no subscriber has a number that ends in 000 00NN.
AUDIENCE = (
    ("903", "vip", "Europe/Moscow"),
    ("903", "new", "Europe/Kaliningrad"),
    ("905", "vip", "Europe/Samara"),
    ("910", "new", "Europe/Moscow"),
    ("910", "regular", "Asia/Yekaterinburg"),
    ("916", "vip", "Europe/Moscow"),
    ("916", "regular", "Europe/Moscow"),
    ("921", "regular", "Europe/Moscow"),
    ("926", "vip", "Asia/Novosibirsk"),
    ("926", "new", "Asia/Omsk"),
    ("950", "regular", "Asia/Vladivostok"),
    ("960", "new", "Asia/Krasnoyarsk"),
)


def create_demo() -> None:
    """Create twelve clients and a mailing to all of them that is due now."""
    Client.objects.bulk_create(
        Client(
            phone_number=f"7{code}00000{number:02}",
            operator_code=code,
            tag=tag,
            timezone=zone,
            attributes={"city": zone.rpartition("/")[2]},
        )
        for number, (code, tag, zone) in enumerate(AUDIENCE, start=1)
    )
    now = database_now()
    Mailing.objects.schedule(
        name="Первая рассылка",
        text=TEXT,
        filter={},
        starts_at=now,
        ends_at=now + WINDOW,
        provider="console",
    )
