"""Shared by adapters of HTTP gateways: requests from templates, the transport, answers."""
