"""What adapters of HTTP gateways share: requests from templates, one exchange, the answer read."""
