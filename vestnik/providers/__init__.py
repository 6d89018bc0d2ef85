"""The ways out: what a provider is, and those that come with Vestnik. Knows no models."""
