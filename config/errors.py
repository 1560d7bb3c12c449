"""The error root of the house and config's own family.

    TriphammerError            every error that triphammer raises on purpose
    └── ConfigError            something that was configured cannot be used
        ├── SettingsError      an unknown key or a wrong value; names key and place
        ├── DurationError      a text that is no duration
        ├── SizeError          a text that is no size
        ├── PatternError       a `.where` pattern with an unknown name or operator
        └── MissingSecretError a secret or connection that no source provides

Each folder has one small family below the root, in its own `errors.py`.
"""


class TriphammerError(Exception):
    """Root of every error that triphammer raises on purpose; its text says what to do."""


class ConfigError(TriphammerError):
    """Something that was configured cannot be used."""


class SettingsError(ConfigError):
    """An unknown key or a wrong value in the settings; names the key and its place."""


class DurationError(ConfigError, ValueError):
    """A text or number that is no duration."""


class SizeError(ConfigError, ValueError):
    """A text or number that is no size."""


class PatternError(ConfigError, ValueError):
    """An event pattern with an unknown name, operator or shape; names the path in it."""


class MissingSecretError(ConfigError, LookupError):
    """A secret or connection that no source provides; names where it was looked for."""
