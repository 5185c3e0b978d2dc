# SPDX-License-Identifier: Apache-2.0
"""The terminal: headings, commands, quotes, verdicts, the closing table."""
import os
import shutil
import sys
import textwrap

STYLES = {"bold": "1", "dim": "2", "good": "32", "bad": "31;1", "command": "36"}


class Screen:
    """Colour only on a terminal that wants it; lines fit 80 columns elsewhere."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.passing = False  # a progress line stands on the terminal
        self.color = out.isatty() and "NO_COLOR" not in os.environ and \
            os.environ.get("TERM") != "dumb"
        self.width = min(shutil.get_terminal_size((100, 24)).columns, 110)

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
        self.out.write("\r\033[K" + self.paint("dim", f"   … {text}"))
        self.out.flush()
        self.passing = True

    def heading(self, number: int, title: str):
        self.write(f"\n{self.paint('bold', f'{number}  {title}')}")

    def command(self, text: str):
        self.write(f"   {self.paint('command', '$ ' + text)}")

    def quoted(self, text: str):
        self.write(self.paint("dim", f"   | {text}"))

    def plain(self, text: str):
        for line in textwrap.wrap(text, self.width - 3):
            self.write(f"   {line}")

    def verdict(self, check):
        mark = self.paint("good", "ok ") if check.kept else self.paint("bad", "NOT")
        asked = f"asked {check.asked}, " if check.asked else ""
        self.write(f"   {mark} {check.what}: {asked}measured {self.paint('bold', check.measured)}")

    def table(self, rows: list):
        """Rows of (what, asked, measured, tolerance, kept); measured from outside."""
        head = ("", "ASKED", "MEASURED", "TOLERANCE", "")
        cells = [head] + [(*row[:4], "ok" if row[4] else "NOT KEPT") for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(5)]
        for number, row in enumerate(cells):
            line = "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
            style = "bold" if number == 0 else None if rows[number - 1][4] else "bad"
            self.write("   " + (self.paint(style, line) if style else line))
