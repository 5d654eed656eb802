#!/usr/bin/env python3
"""Draws what keruen-bench measured, as SVG.

    keruen-bench throughput --peer jetstream --json > throughput.json
    keruen-bench latency --rate 100 --rate 1000 --rate 5000 --json > latency.json
    plot.py throughput.json latency.json --out results

Writes results/throughput.svg (messages a second against their size) and results/latency.svg
(median and 99th percentile against the load). Exit 2: a file is none of these reports.
"""
import argparse
import html
import json
import math
import pathlib
import sys

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 150, 40, 60
COLOURS = {"keruen": "#0b6e4f", "jetstream": "#1f4e9e", "rabbitmq": "#c8501e"}


def ticks(low, high):
    """1, 2 and 5 of every power of ten between the two."""
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10**power
            if low <= value <= high:
                yield value


def words(value):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


class Chart:
    """Both axes logarithmic: sizes and loads span decades."""

    def __init__(self, title, across, upward, lines):
        self.title, self.across, self.upward, self.lines = title, across, upward, lines
        xs = [x for _, _, _, points in lines for x, _ in points]
        ys = [y for _, _, _, points in lines for _, y in points]
        self.x_low, self.x_high = min(xs) / 1.3, max(xs) * 1.3
        self.y_low, self.y_high = min(ys) / 1.5, max(ys) * 1.5

    def x(self, value):
        share = math.log(value / self.x_low) / math.log(self.x_high / self.x_low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        share = math.log(value / self.y_low) / math.log(self.y_high / self.y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def svg(self):
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
               f'font-family="sans-serif" font-size="13" role="img" '
               f'aria-label="{html.escape(self.title)}">',
               f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
               f'<text x="{LEFT}" y="22" font-size="15">{html.escape(self.title)}</text>']
        for value in ticks(self.y_low, self.y_high):
            y = self.y(value)
            out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{words(value)}</text>')
        for value in sorted({x for _, _, _, points in self.lines for x, _ in points}):
            x = self.x(value)
            out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#eee"/>')
            out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:g}</text>')
        out.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 16}" text-anchor="middle">'
                   f'{html.escape(self.across)}</text>')
        out.append(f'<text transform="translate(18 {(TOP + bottom) / 2}) rotate(-90)" '
                   f'text-anchor="middle">{html.escape(self.upward)}</text>')
        label_y = 0
        for name, colour, dash, points in sorted(self.lines, key=lambda line: -line[3][-1][1]):
            path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                       f'stroke-width="2" stroke-dasharray="{dash}"/>')
            out += [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"/>'
                    for x, y in points]
            label_y = max(label_y + 16, self.y(points[-1][1]) + 4)
            out.append(f'<text x="{right + 8}" y="{label_y:.1f}" fill="{colour}">'
                       f'{html.escape(name)}</text>')
        return "\n".join(out + ["</svg>", ""])


def series(groups, place, figure):
    """(name, points) of each contender: x is `place` of the group, y the median of `figure`."""
    names = [contender["name"] for contender in groups[0]["contenders"]]
    for number, name in enumerate(names):
        yield name, [(group[place], group["contenders"][number]["median"][figure]) for group in groups]


def throughput(report):
    lines = [(name, COLOURS[name], "none", points)
             for name, points in series(report["sizes"], "bytes", "messages_per_second")]
    return Chart("Throughput", "bytes of a message", "messages a second", lines)


def latency(report):
    lines = []
    for figure, word, dash in (("median_ms", "median", "none"), ("p99_ms", "p99", "6 4")):
        lines += [(f"{name} {word}", COLOURS[name], dash, points)
                  for name, points in series(report["loads"], "messages_per_second", figure)]
    return Chart("Latency", "messages a second", "milliseconds", lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("reports", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.reports:
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            draw = {"throughput": throughput, "latency": latency}[report["subcommand"]]
        except (OSError, ValueError, KeyError) as error:
            print(f"plot.py: {path} is no report of keruen-bench throughput or latency: {error}",
                  file=sys.stderr)
            return 2
        target = options.out / (report["subcommand"] + ".svg")
        target.write_text(draw(report).svg(), encoding="utf-8")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
