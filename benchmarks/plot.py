"""Curves as SVG: one panel for each group, by a few lines of our own, so that a plot needs no library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 460, 330
LEFT, TOP, RIGHT, BOTTOM = 52, 34, 14, 44
COLUMNS = 2
Pair = tuple[float, float]
COLOURS = ("#c62828", "#1565c0", "#2e7d32", "#ef6c00", "#6a1b9a", "#00838f", "#5d4037", "#ad1457", "#37474f")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve: (kilobytes, score) points in a panel called `group`; the `used` one is drawn thicker."""

    group: str
    label: str
    points: tuple[tuple[float, float], ...]
    used: bool = False


def write(path: Path, series: Sequence[Series]) -> None:
    """Draw all panels into one file."""
    path.write_text(svg(series))


def svg(series: Sequence[Series]) -> str:
    """The picture as text. Points to the upper left are better: more score from fewer bytes."""
    groups = list(dict.fromkeys(one.group for one in series))
    rows = -(-len(groups) // COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<style>text{font:11px sans-serif}.head{font:bold 14px sans-serif}.used{font-weight:bold}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, group in enumerate(groups):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        inside = _panel(group, [one for one in series if one.group == group])
        parts += [f'<g transform="translate({left} {top})">', *inside, "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(group: str, series: Sequence[Series]) -> list[str]:
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys), max(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x or 1)
        up = (y - low_y) / (high_y - low_y or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    lines = [f'<text x="{LEFT}" y="20" class="head">{escape(group)}</text>']
    lines += _axes(place, (low_x, high_x), (low_y, high_y))
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in one.points))
        lines.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{2.6 if one.used else 1.2}"/>'
        )
        x, y = WIDTH - RIGHT - 4, HEIGHT - BOTTOM - 8 - 13 * (len(series) - 1 - number)
        weight = ' class="used"' if one.used else ""
        lines.append(f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="end"{weight}>{escape(one.label)}</text>')
    return lines


def _axes(
    place: Callable[[float, float], tuple[float, float]], xs: tuple[float, float], ys: tuple[float, float]
) -> list[str]:
    """The frame, and five marks on each side."""
    wide, high, middle = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, HEIGHT / 2
    lines = [
        f'<rect x="{LEFT}" y="{TOP}" width="{wide}" height="{high}" fill="none" stroke="#999"/>',
        f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 8}" text-anchor="middle">kB a picture (geometric mean)</text>',
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">SSIMULACRA2</text>',
    ]
    for step in range(5):
        x, y = (low + (high - low) * step / 4 for low, high in (xs, ys))
        across, _ = place(x, ys[0])
        _, up = place(xs[0], y)
        lines.append(f'<text x="{across:.0f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{x:.0f}</text>')
        lines.append(f'<text x="{LEFT - 5}" y="{up + 4:.0f}" text-anchor="end">{y:.0f}</text>')
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up:.0f}" y2="{up:.0f}" stroke="#eee"/>')
    return lines
