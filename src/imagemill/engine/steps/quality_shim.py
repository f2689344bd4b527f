"""Stands in for `imagemill.recipe.quality`."""


def webp_quality(q: int) -> int:
    """JPEG's scale to WebP's."""
    return min(100, round(q + 6 * (100 - q) / 24)) if q > 76 else round(q * 82 / 76)


def avif_quality(q: int) -> int:
    """JPEG's scale to AVIF's."""
    return round(q * 65 / 76) if q <= 76 else round(65 + (q - 76) * 35 / 24)
