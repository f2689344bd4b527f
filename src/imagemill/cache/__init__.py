"""Variants kept close: in this process's memory."""
