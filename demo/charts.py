# SPDX-License-Identifier: Apache-2.0
"""Plots as inline SVG: lines over time, steps of what was asked, marks of what happened.

Colours are CSS variables of the page (--c1 and so on), so that one drawing serves light and dark.
"""
import dataclasses
import html
import statistics

WIDTH, HEIGHT = 720, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 132, 26, 30


@dataclasses.dataclass
class Line:
    label: str
    points: list  # (seconds, value)
    asked: list  # (seconds, value or None): steps
    color: int  # 1 to 7


@dataclasses.dataclass
class Frame:
    """Maps seconds and values to the drawing."""

    seconds: float
    top: float

    def x(self, t: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(t / self.seconds, 0.0), 1.0)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value / self.top, 1.0)


def nice_step(span: float, most: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that needs at most so many steps."""
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if span / (step * factor) <= most:
                return step * factor
        step *= 10


def _ticks(span: float, most: int) -> list:
    step = nice_step(span, most)
    return [step * i for i in range(int(span / step + 1e-9) + 1)]


def _axes(frame: Frame, unit: str) -> list:
    parts = []
    for value in _ticks(frame.top, 5):
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">'
                     f"{value:g}</text>")
    for t in _ticks(frame.seconds, 10):
        parts.append(f'<text class="tick" x="{frame.x(t):.1f}" y="{HEIGHT - BOTTOM + 16}" '
                     f'text-anchor="middle">{t:g} s</text>')
    parts.append(f'<text class="tick" x="{LEFT - 7}" y="{TOP - 10}" text-anchor="end">{unit}</text>')
    return parts


def _path(frame: Frame, points: list) -> str:
    return " ".join(f"{'M' if i == 0 else 'L'}{frame.x(t):.1f} {frame.y(v):.1f}"
                    for i, (t, v) in enumerate(points))


def _asked_path(frame: Frame, steps: list) -> str:
    """Horizontal from each step to the next; nothing where the value is None."""
    parts = []
    for i, (t, value) in enumerate(steps):
        if value is None:
            continue
        until = steps[i + 1][0] if i + 1 < len(steps) else frame.seconds
        parts.append(f"M{frame.x(t):.1f} {frame.y(value):.1f}H{frame.x(until):.1f}")
    return "".join(parts)


def _notes(frame: Frame, notes: list) -> list:
    parts = []
    last_end = {0: 0.0, 1: 0.0}
    for t, text in sorted(notes):
        x = frame.x(t)
        row = 0 if x >= last_end[0] else 1
        flip = x + 6.0 * len(text) > WIDTH - RIGHT + 20
        last_end[row] = x if flip else x + 6.2 * len(text) + 8
        y = TOP - 10 + 12 * row
        anchor, at = ("end", x - 4) if flip else ("start", x + 4)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 18}" '
                     f'y2="{HEIGHT - BOTTOM}"/><text class="note" x="{at:.1f}" y="{y}" '
                     f'text-anchor="{anchor}">{html.escape(text)}</text>')
    return parts


def _usual(line: Line) -> float:
    """The height at which a line mostly runs: its label goes there."""
    return statistics.median(v for _, v in line.points) if line.points else 0.0


def _labels(frame: Frame, lines: list) -> list:
    """Names to the right of the plot at the lines' heights, pushed apart so that none overlap."""
    heights, y = [], TOP - 8.0
    ordered = sorted(lines, key=_usual, reverse=True)
    for line in ordered:
        y = max(frame.y(_usual(line)) + 4, y + 16)
        heights.append(y)
    lowest = HEIGHT - BOTTOM + 4
    for i in reversed(range(len(heights))):  # what was pushed out at the bottom comes back up
        heights[i] = min(heights[i], lowest)
        lowest = heights[i] - 16
    x = WIDTH - RIGHT + 8
    return [f'<line class="line" x1="{x}" x2="{x + 12}" y1="{y - 4:.1f}" y2="{y - 4:.1f}" '
            f'stroke="var(--c{line.color})"/><text class="label" x="{x + 17}" y="{y:.1f}">'
            f"{html.escape(line.label)}</text>" for line, y in zip(ordered, heights)]


def plot(title: str, unit: str, lines: list, notes: list, seconds: float, top: float) -> str:
    frame = Frame(max(seconds, 1.0), top)
    parts = _axes(frame, unit) + _notes(frame, notes)
    for line in lines:
        asked = _asked_path(frame, line.asked)
        if asked:
            parts.append(f'<path class="asked" d="{asked}" stroke="var(--c{line.color})"/>')
    for line in lines:
        if line.points:
            parts.append(f'<path class="line" d="{_path(frame, line.points)}" '
                         f'stroke="var(--c{line.color})"/>')
    parts += _labels(frame, lines)
    return (f'<figure><figcaption>{html.escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'role="img" aria-label="{html.escape(title)}">{"".join(parts)}</svg></figure>')
