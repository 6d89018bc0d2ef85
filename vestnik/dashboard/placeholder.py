from django.http import HttpResponse
from django.shortcuts import render

from vestnik.dashboard.pages import OperatorRequest, page


@page()
def soon(request: OperatorRequest, **_: object) -> HttpResponse:
    p = {
        "matched": 1000000,
        "delivered": 481210,
        "sent": 99302,
        "undelivered": 13954,
        "failed": 10871,
        "unknown": 2913,
        "expired": 0,
        "cancelled": 0,
        "suppressed": 4230,
        "sending": 400,
        "queued": 387120,
    }
    return render(request, "dashboard/soon.html", {"p": p})
