"""Line plots as SVG, by hand: a card of panels over one x axis, which is logarithmic. Pure: texts in, text out.

The card has a white ground of its own, so that it reads the same on light and dark pages.
"""

import math
from html import escape

WIDTH, HEIGHT = 400, 250  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 22, 44, 46  # around its plot
HEAD, FOOT = 62, 40  # of the card
INK, FAINT, GRID = "#1f2328", "#656d76", "#e4e7eb"
LINES = ("#0b62c4", "#c2410c", "#15803d")
FONT = "font-family=\"system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif\""


def short(value):
    """A number as an axis has it: 0.25, 40, 1024, 1.5k, 10M."""
    if 1e3 <= value < 1e4 and value == int(value) and value % 100:
        return f"{value:.0f}"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def steps(top):
    """Round marks from 0 to at least `top`, four or five of them."""
    if top <= 0:
        return [0, 1]
    raw = top / 4
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    return [step * number for number in range(math.ceil(top / step * 0.999) + 1)]


def decades(values):
    """Powers of ten around the values, two at least."""
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return [10.0**power for power in range(low, max(high, low + 1) + 1)]


def text(x, y, words, size=11, fill=INK, anchor="start", weight="normal"):
    """A line of text, with a white rim that keeps lines off it."""
    look = f'font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}"'
    look += ' stroke="#ffffff" stroke-width="3" paint-order="stroke"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'


def line(x1, y1, x2, y2, stroke):
    """A thin straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'


def beside(before, after, room):
    """Where a point's label is off the line: its anchor and how far it is below the point.

    `before` and `after` are how much higher the neighbours are, none where there is none; `room` is what is left below.
    """
    steep = 8
    rises, falls = (after or 0) > steep, (before or 0) > steep
    if before is None or after is None:
        side, under = ("start", rises) if before is None else ("end", falls)
    else:
        side, under = "end" if rises else "start" if falls else "middle", rises and falls
        side = "middle" if under else side
    return side, 18 if under and room > 22 else -8


class Panel:
    """One figure over x: its title, with the unit, its series of (x, y), and "linear" or "log"."""

    def __init__(self, title, series, scale="linear"):
        self.title, self.series = title, {name: points for name, points in series.items() if points}
        self.scale = scale

    def draw(self, x0, y0, x_label):
        """The panel at a place of the card."""
        xs = sorted({x for points in self.series.values() for x, _ in points})
        low, high = math.log10(xs[0]), math.log10(xs[-1])
        ys = [y for points in self.series.values() for _, y in points]
        marks = steps(max(ys) * 1.08) if self.scale == "linear" else decades(ys)
        left, right, top, bottom = x0 + LEFT, x0 + WIDTH - RIGHT, y0 + TOP, y0 + HEIGHT - BOTTOM
        at_x = lambda x: left + (math.log10(x) - low) / max(high - low, 1e-9) * (right - left)
        place = (lambda y: y) if self.scale == "linear" else math.log10
        share = lambda y: (place(y) - place(marks[0])) / (place(marks[-1]) - place(marks[0]))
        at_y = lambda y: bottom - share(y) * (bottom - top)
        out = [text(x0 + 14, y0 + 24, self.title, 13, weight="600")]
        for mark in marks:
            out.append(line(left, at_y(mark), right, at_y(mark), GRID if mark != marks[0] else FAINT))
            out.append(text(left - 7, at_y(mark) + 4, short(mark), 10.5, FAINT, "end"))
        last = None
        for x in xs:
            out.append(line(at_x(x), bottom, at_x(x), bottom + 4, FAINT))
            # A label that would touch the one before is left out.
            if last is None or at_x(x) - last > 27:
                label = short(x) if x == int(x) else f"{x:.2g}"
                out.append(text(at_x(x), bottom + 16, label, 10.5, FAINT, "middle"))
                last = at_x(x)
        out.append(text((left + right) / 2, bottom + 34, x_label, 11, FAINT, "middle"))
        for number, (name, points) in enumerate(self.series.items()):
            out += self.curve(name, points, LINES[number % len(LINES)], number, at_x, at_y, right, y0, bottom)
        return out

    def curve(self, name, points, colour, number, at_x, at_y, right, y0, floor):
        """One series: its line, its points and, where it is alone, their values."""
        path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        out = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>']
        for index, (x, y) in enumerate(points):
            out.append(f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="{colour}"/>')
            if len(self.series) == 1:
                before = at_y(y) - at_y(points[index - 1][1]) if index else None
                after = at_y(y) - at_y(points[index + 1][1]) if index < len(points) - 1 else None
                side, below = beside(before, after, floor - at_y(y))
                out.append(text(at_x(x), at_y(y) + below, short(y), 10.5, colour, side, "600"))
        if len(self.series) > 1:
            across = right - 92 * (len(self.series) - number) + 92
            out.append(text(across, y0 + 24, name, 11, colour, "end", "600"))
        return out


def card(title, about, panels, x_label, caption):
    """Panels two by two under a title, with a caption below."""
    rows = math.ceil(len(panels) / 2)
    width, height = 2 * WIDTH + 16, HEAD + rows * HEIGHT + FOOT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}" {FONT}>',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="#ffffff" stroke="{GRID}"/>',
        text(20, 30, title, 17, weight="700"),
        text(20, 50, about, 12, FAINT),
    ]
    for number, panel in enumerate(panels):
        out += panel.draw(8 + number % 2 * WIDTH, HEAD + number // 2 * HEIGHT, x_label)
    out += [text(20, height - 16, caption, 10.5, FAINT), "</svg>"]
    return "\n".join(out) + "\n"
