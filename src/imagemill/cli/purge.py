"""placeholde"""


def purge() -> None:
    """X"""
