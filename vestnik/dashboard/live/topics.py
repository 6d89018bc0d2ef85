"""What can be watched."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.template.loader import render_to_string

from vestnik.dashboard import overview
from vestnik.dashboard.decisions import waiting
from vestnik.dashboard.mailings.progress import progress_context, state_of, told
from vestnik.reports.snapshot import Snapshot, snapshot_of


@dataclass(frozen=True, slots=True)
class Shown:
    """How a topic is written, for one language and zone.

    When `state` changes, more of the page has to change than this; `told` is read out now and then.
    """

    html: str
    state: str = ""
    told: str = ""
    #: The badge of the navigation: of the same look as the list, where the page has one.
    badge: str = ""


class Topic(ABC):
    """Something that is looked at for all, and written for each language and zone."""

    name: str
    every = 1.0

    @abstractmethod
    def look(self) -> Any:
        """What is to be known, as JSON with instants, one of them `now`; None where there is
        nothing to watch."""

    @abstractmethod
    def show(self, found: Any) -> Shown:
        """What was seen, in the language and the zone that are set."""


class MailingTopic(Topic):
    """The progress of one mailing."""

    def __init__(self, mailing_id: int) -> None:
        self.mailing_id, self.name = mailing_id, f"mailing:{mailing_id}"

    def look(self) -> Mapping[str, Any] | None:
        found = snapshot_of(self.mailing_id)
        return None if found is None else asdict(found)

    def show(self, found: Mapping[str, Any]) -> Shown:
        snapshot = Snapshot(**found)
        html = render_to_string("dashboard/mailings/progress.html", progress_context(snapshot))
        return Shown(html, state_of(snapshot), told(snapshot), _badge(waiting()))


def _badge(decisions: int) -> str:
    context = {"decisions_waiting": decisions}
    return render_to_string("dashboard/decisions_waiting.html", context).strip()


class OverviewTopic(Topic):
    """Everything that goes on."""

    name = "overview"
    every = 2.0

    def look(self) -> Mapping[str, Any]:
        return overview.look()

    def show(self, found: Mapping[str, Any]) -> Shown:
        html = render_to_string("dashboard/overview/now.html", overview.shown(found))
        return Shown(html, badge=_badge(len(found["decisions"])))
