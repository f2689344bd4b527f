"""Uploads by browsers: one-time tickets, bytes in quarantine until they are checked (capability O3)."""
