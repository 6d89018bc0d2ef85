"""The form that builds an audience filter."""
