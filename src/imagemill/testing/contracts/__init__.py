"""The promises of each port, as tests: subclass one, say how your adapter is opened, and let pytest collect it."""
