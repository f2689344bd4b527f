"""Every setting of the platform. `composed` reads and checks them, `reference` lists them, `rules` says what each may
be, `source` gathers what was written where, `values` understands it.
"""

from imagemill.settings.composed import OWN_FOLDER, Settings, SettingsError

__all__ = ["OWN_FOLDER", "Settings", "SettingsError"]
