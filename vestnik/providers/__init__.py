"""The contract of a provider, and the providers that come with Vestnik. Imports no models."""
