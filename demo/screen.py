# SPDX-License-Identifier: Apache-2.0
"""The terminal: headings, commands, quotes, verdicts, the closing table."""
import os
import shutil
import sys
import textwrap

STYLES = {"bold": "1", "dim": "2", "good": "32", "bad": "31;1", "command": "36"}
INDENT = "  "
GAP = "  "
WIDEST = 124  # of a screen
NARROWEST = 20  # of a column of prose


class Screen:
    """Colour only on a terminal that wants it. Our own lines fit the terminal's width, tables too."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.passing = False  # a progress line stands on the terminal
        self.color = out.isatty() and "NO_COLOR" not in os.environ and \
            os.environ.get("TERM") != "dumb"
        self.width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)

    def paint(self, style: str, text: str) -> str:
        return f"\033[{STYLES[style]}m{text}\033[0m" if self.color else text

    def write(self, text: str = ""):
        if self.passing:
            self.out.write("\r\033[K")
            self.passing = False
        print(text, file=self.out, flush=True)

    def progress(self, text: str):
        """What is going on; gone with the next line. Nothing where it would stay."""
        if not self.out.isatty():
            return
        self.out.write("\r\033[K" + self.paint("dim", f"{INDENT}… {text}"))
        self.out.flush()
        self.passing = True

    def heading(self, number: int, title: str):
        self.write(f"\n{self.paint('bold', f'{number}  {title}')}")

    def command(self, text: str):
        """A long one goes on in the next line, as a shell takes it."""
        lines = textwrap.wrap(text, self.width - len(INDENT) - 4, break_long_words=False,
                              break_on_hyphens=False) or [""]
        for number, line in enumerate(lines):
            start, more = ("  " if number else "$ "), (" \\" if number + 1 < len(lines) else "")
            self.write(f"{INDENT}{self.paint('command', start + line + more)}")

    def quoted(self, text: str):
        """A program's own words."""
        for line in textwrap.wrap(text, self.width - len(INDENT) - 2, subsequent_indent="  "):
            self.write(self.paint("dim", f"{INDENT}| {line}"))

    def tabular(self, text: str):
        """A line of a program's table: cut, not wrapped, so that columns stay columns."""
        room = self.width - len(INDENT) - 2
        line = text if len(text) <= room else text[: room - 1] + "…"
        self.write(self.paint("dim", f"{INDENT}| {line}"))

    def plain(self, text: str):
        for line in textwrap.wrap(text, self.width - len(INDENT)):
            self.write(f"{INDENT}{line}")

    def verdict(self, check):
        mark = self.paint("good", "ok ") if check.kept else self.paint("bad", "NOT")
        said = f"{check.what}: {check.measured}"
        if check.tolerance or not check.kept:
            said += f" (asked {check.asked_in_full})"
        first, *more = textwrap.wrap(said, self.width - 2 * len(INDENT) - 1)
        self.write(f"{INDENT}{mark} {first}")
        for line in more:
            self.write(f"{INDENT}    {line}")

    def table(self, rows: list):
        """Rows of (what, asked, measured, kept). Wide cells wrap."""
        cells = [("", "ASKED", "MEASURED", "")]
        cells += [(*row[:3], "ok" if row[3] else "NOT KEPT") for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells)]
        room = self.width - len(INDENT) - len(GAP) * (len(widths) - 1)
        for column in (2, 0):  # prose: what a program did, then what was asked for
            too_wide = max(sum(widths) - room, 0)
            widths[column] = max(widths[column] - too_wide, NARROWEST)
        for number, row in enumerate(cells):
            style = "bold" if number == 0 else None if rows[number - 1][3] else "bad"
            for line in _row_lines(row, widths):
                self.write(INDENT + (self.paint(style, line) if style else line))


def _row_lines(row: tuple, widths: list) -> list:
    """The lines that a row takes when its cells wrap at their columns' widths."""
    wrapped = [textwrap.wrap(text, width) for text, width in zip(row, widths)]
    depth = max(map(len, wrapped))
    return [GAP.join((cell[i] if i < len(cell) else "").ljust(width)
                     for cell, width in zip(wrapped, widths)).rstrip() for i in range(depth)]
