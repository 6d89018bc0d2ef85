"""What can be watched."""

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
from vestnik.mailings.models import Mailing
from vestnik.reports.mailing.snapshot import Snapshot, snapshot_of

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TopicContent:
    """How a topic is written, for one language and zone.

    When `state` or `revision` changes, more of the page has to change than this; `told` is read
    out now and then.
    """

    html: str
    state: str = ""
    told: str = ""
    #: The badge of the navigation: of the same look as the list, where the page has one.
    badge: str = ""
    #: The mark of what the page shows beside this.
    revision: str = ""
    #: What elements elsewhere on the page hold, by their ids.
    slots: Mapping[str, str] = field(default_factory=dict)


class Topic(ABC):
    """Something that is looked at for all, and written for each language and zone."""

    name: str
    every = 1.0

    @abstractmethod
    def fetch(self) -> Any:
        """What is to be known, as JSON with instants, one of them `now`; None where there is
        nothing to watch."""

    @abstractmethod
    def render(self, data: Any) -> TopicContent:
        """What was seen, in the language and the zone that are set."""


class MailingTopic(Topic):
    """The progress of one mailing; of one that waits, the time that is left."""

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
    """Everything that goes on."""

    name = "overview"
    every = 2.0

    def fetch(self) -> Mapping[str, Any]:
        return overview.fetch()

    def render(self, data: Mapping[str, Any]) -> TopicContent:
        html = render_to_string("dashboard/overview/now.html", overview.render_context(data))
        return TopicContent(html, badge=_badge(len(data["decisions"])))


class ImportTopic(Topic):
    """How far a file is read."""

    def __init__(self, import_id: int) -> None:
        self.import_id, self.name = import_id, f"import:{import_id}"

    def fetch(self) -> Mapping[str, Any] | None:
        return progress_of(self.import_id)

    def render(self, data: Mapping[str, Any]) -> TopicContent:
        html = render_to_string("dashboard/clients/importing/progress.html", render_progress(data))
        return TopicContent(html, state=data["state"], revision=data["state"])


def mailing_topic(id: int) -> Topic | None:
    """None where there is no such mailing."""
    exists = id <= LARGEST_ID and Mailing.objects.filter(id=id).exists()
    return MailingTopic(id) if exists else None


def import_topic(id: int) -> Topic | None:
    """None where there is no such import."""
    exists = id <= LARGEST_ID and Import.objects.filter(id=id).exists()
    return ImportTopic(id) if exists else None


KINDS: Mapping[str, Callable[[int], Topic | None]] = {
    "mailing": mailing_topic,
    "import": import_topic,
}


def topic_of(name: str) -> Topic | None:
    """The topic of that name; None where there is nothing to watch."""
    kind, _colon, id = name.partition(":")
    if name == OverviewTopic.name:
        return OverviewTopic()
    if kind not in KINDS or not (id.isascii() and id.isdigit() and len(id) < 20):
        return None
    return KINDS[kind](int(id))
