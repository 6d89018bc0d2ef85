"""The topics of live pages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.template.loader import render_to_string

from vestnik.audience.imports import Import
from vestnik.dashboard import overview
from vestnik.dashboard.clients.importing.progress import progress_of, render_progress
from vestnik.dashboard.mailings.detail.progress import (
    announcement,
    progress_context,
    slots,
    state_of,
    template_of,
)
from vestnik.dashboard.wording.action_items import count_action_items
from vestnik.db.keyset import MAX_ID
from vestnik.mailings.models import Mailing
from vestnik.reports.mailing.snapshot import Snapshot, snapshot_of


@dataclass(frozen=True, slots=True)
class TopicContent:
    """A rendered topic, for one language and zone.

    When `state` or `revision` changes, the page has to reload more than this. Screen readers
    announce `told` from time to time.
    """

    html: str
    state: str = ""
    told: str = ""
    #: The badge of the navigation, from the same poll as the list on the page.
    badge: str = ""
    #: The revision of what the page shows beside this.
    revision: str = ""
    #: The content of other elements of the page, by their ids.
    slots: Mapping[str, str] = field(default_factory=dict)


class Topic(ABC):
    """Data that is polled once for all viewers, and rendered per language and zone."""

    name: str
    every = 1.0

    @abstractmethod
    def fetch(self) -> Any:
        """Return the data, JSON-compatible with datetimes, one of them `now`; None if it does not
        exist."""

    @abstractmethod
    def render(self, data: Any) -> TopicContent:
        """Render the data in the active language and zone."""


class MailingTopic(Topic):
    """The progress of a mailing; before its start, the time that is left."""

    def __init__(self, mailing_id: int) -> None:
        self.mailing_id, self.name = mailing_id, f"mailing:{mailing_id}"

    def fetch(self) -> Mapping[str, Any] | None:
        snapshot = snapshot_of(self.mailing_id)
        if snapshot is None:
            return None
        return {"now": snapshot.now, "snapshot": asdict(snapshot)}

    def render(self, data: Mapping[str, Any]) -> TopicContent:
        snapshot = Snapshot(**data["snapshot"])
        return TopicContent(
            html=render_to_string(template_of(snapshot), progress_context(snapshot)),
            state=state_of(snapshot),
            told=announcement(snapshot),
            badge=_badge(count_action_items()),
            revision=snapshot.revision,
            slots=slots(snapshot),
        )


def _badge(decisions: int) -> str:
    context = {"action_item_count": decisions}
    return render_to_string("dashboard/action_item_count.html", context).strip()


class OverviewTopic(Topic):
    """The overview of everything that is running."""

    name = "overview"
    every = 2.0

    def fetch(self) -> Mapping[str, Any]:
        return overview.fetch()

    def render(self, data: Mapping[str, Any]) -> TopicContent:
        html = render_to_string("dashboard/overview/now.html", overview.render_context(data))
        return TopicContent(html, badge=_badge(len(data["decisions"])))


class ImportTopic(Topic):
    """The progress of an import."""

    def __init__(self, import_id: int) -> None:
        self.import_id, self.name = import_id, f"import:{import_id}"

    def fetch(self) -> Mapping[str, Any] | None:
        return progress_of(self.import_id)

    def render(self, data: Mapping[str, Any]) -> TopicContent:
        html = render_to_string("dashboard/clients/importing/progress.html", render_progress(data))
        return TopicContent(html, state=data["state"], revision=data["state"])


def mailing_topic(id: int) -> Topic | None:
    """Return the topic of a mailing; None if it does not exist."""
    exists = id <= MAX_ID and Mailing.objects.filter(id=id).exists()
    return MailingTopic(id) if exists else None


def import_topic(id: int) -> Topic | None:
    """Return the topic of an import; None if it does not exist."""
    exists = id <= MAX_ID and Import.objects.filter(id=id).exists()
    return ImportTopic(id) if exists else None


KINDS: Mapping[str, Callable[[int], Topic | None]] = {
    "mailing": mailing_topic,
    "import": import_topic,
}


def topic_of(name: str) -> Topic | None:
    """Return the topic of that name; None if it does not exist."""
    kind, _colon, id = name.partition(":")
    if name == OverviewTopic.name:
        return OverviewTopic()
    if kind not in KINDS or not (id.isascii() and id.isdigit() and len(id) < 20):
        return None
    return KINDS[kind](int(id))
