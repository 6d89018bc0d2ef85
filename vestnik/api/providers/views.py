"""The configured providers: their abilities, limits and circuit breakers."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http.fields import Instant
from vestnik.api.http.reasons import ReasonShown
from vestnik.api.http.views import StrictAPIView
from vestnik.dispatch.read.breakers import BreakerStatus, breakers_of
from vestnik.dispatch.states import BreakerState
from vestnik.providers.registry import aliases, describe

ANSWERED = {
    "alias": "main",
    "backend": "http_gateway",
    "in_doubt": "hold",
    "window": 100,
    "max_rate": 50.0,
    "paced_by": "message",
    "deduplicates": False,
    "can_query": False,
    "price_per_segment": "2.50",
    "breaker": {"state": "closed", "until": None, "reason": "", "reason_details": None},
}


@extend_schema_serializer(component_name="Breaker")
class BreakerShown(serializers.Serializer[Any]):
    """The circuit breaker of a provider: while it is open, no message is sent."""

    state = serializers.ChoiceField(BreakerState.choices)
    until = Instant(allow_null=True, help_text="The time of the next probe, by one message.")
    reason = serializers.CharField(allow_blank=True)
    reason_details = ReasonShown(
        source="why", allow_null=True, help_text="The reason for programs."
    )


@extend_schema_serializer(
    component_name="Provider",
    examples=[OpenApiExample("A provider", ANSWERED, response_only=True)],
)
class ProviderShown(serializers.Serializer[Any]):
    """A configured provider. Its addresses and secrets are never shown."""

    alias = serializers.CharField()
    backend = serializers.CharField()
    in_doubt = serializers.ChoiceField(["hold", "resend"])
    window = serializers.IntegerField(help_text="Messages in flight at once, in each worker.")
    max_rate = serializers.FloatField(
        allow_null=True,
        help_text="Messages or segments a second (see `paced_by`), over all workers.",
    )
    paced_by = serializers.ChoiceField(["message", "segment"])
    deduplicates = serializers.BooleanField(
        help_text="Whether the provider sends a message id only once."
    )
    can_query = serializers.BooleanField(
        help_text="Whether the provider reports the status of a message."
    )
    price_per_segment = serializers.DecimalField(None, None, allow_null=True)
    breaker = BreakerShown()


class ProviderPage(serializers.Serializer[Any]):
    """All providers, on one page."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ProviderShown(many=True)


class Providers(StrictAPIView):
    """All configured providers."""

    @extend_schema(responses=ProviderPage, operation_id="providers_list")
    def get(self, request: Request) -> Response:
        """List the configured providers."""
        results = ProviderShown(_describe_all(aliases()), many=True).data
        return Response({"next": None, "previous": None, "results": results})


class OneProvider(StrictAPIView):
    """One configured provider."""

    @extend_schema(responses=ProviderShown)
    def get(self, request: Request, alias: str) -> Response:
        """Read a provider."""
        if alias not in aliases():
            raise NotFound
        [facts] = _describe_all([alias])
        return Response(ProviderShown(facts).data)


def _describe_all(wanted: Iterable[str]) -> list[dict[str, Any]]:
    return [_describe(alias, breaker) for alias, breaker in breakers_of(wanted).items()]


def _describe(alias: str, breaker: BreakerStatus) -> dict[str, Any]:
    provider = describe(alias)
    shown = (name for name in ANSWERED if name not in ("backend", "breaker"))
    return {
        "backend": settings.SMS_PROVIDERS[alias]["BACKEND"],
        "breaker": breaker,
        **{name: getattr(provider, name) for name in shown},
    }
