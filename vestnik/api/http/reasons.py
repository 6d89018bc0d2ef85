"""Reasons as the API returns them, beside the text."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

NO_VALUE = Reason(Code.NO_VALUE, names=["name"]).data


@extend_schema_serializer(
    component_name="Reason",
    examples=[OpenApiExample("A missing value", NO_VALUE, response_only=True)],
)
class ReasonShown(serializers.Serializer[Any]):
    """A machine-readable reason: a code, and the parameters of its text.

    A parameter is a number, a text, a list of texts, or a reason. Later versions may add codes. The
    words of a gateway, and texts without a code of their own, are parameters, unchanged.
    """

    code = serializers.ChoiceField([(str(code), str(code)) for code in Code])
    params = serializers.DictField()

    def to_representation(self, instance: Reason) -> dict[str, Any]:
        return instance.data
