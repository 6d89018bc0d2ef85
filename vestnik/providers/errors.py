"""What can be wrong with the declaration of a provider."""


class OptionError(Exception):
    """An option of a provider is missing, unknown or malformed."""

    def __init__(self, option: str, problem: str) -> None:
        self.option, self.problem = option, problem
        super().__init__(f"{option}: {problem}")


class UnknownProvider(LookupError):
    """No provider of that alias is configured."""
