# SPDX-License-Identifier: Apache-2.0
"""What happened in a run: scenes, what was asked, what was measured. The page is drawn from this."""
import dataclasses
import time


@dataclasses.dataclass
class Check:
    """One promise and what came of it."""

    what: str
    asked: str
    measured: str
    tolerance: str  # "± 3 points", "at least", "at most", or ""
    kept: bool

    @property
    def asked_in_full(self) -> str:
        """As people say it: "25 % ± 3 points", "at least 90 %"."""
        parts = [self.asked, self.tolerance]
        return " ".join(parts if self.tolerance.startswith("±") else parts[::-1]).strip()


@dataclasses.dataclass
class Track:
    """One program in a scene's plots."""

    name: str  # its mark, see meter.py
    label: str
    asked_percent: list = dataclasses.field(default_factory=list)  # (t, percent or None), steps
    limit_mib: list = dataclasses.field(default_factory=list)  # (t, MiB or None), steps


@dataclasses.dataclass
class Scene:
    number: int
    title: str
    lead: str  # what it shows, for a person who has not seen Melon
    start: float
    end: float = 0.0
    plots: tuple = ()  # of "compute", "memory"
    tracks: dict = dataclasses.field(default_factory=dict)  # name -> Track
    notes: list = dataclasses.field(default_factory=list)  # (t, text): marks in the plots
    lines: list = dataclasses.field(default_factory=list)  # (kind, text), as on the terminal
    checks: list = dataclasses.field(default_factory=list)

    def track(self, name: str, label: str = "") -> Track:
        return self.tracks.setdefault(name, Track(name, label or name))

    def ask(self, name: str, percent, label: str = ""):
        """From now on the program may have so much compute; None: no limit."""
        self.track(name, label).asked_percent.append((time.monotonic(), percent))

    def limit(self, name: str, mib, label: str = ""):
        self.track(name, label).limit_mib.append((time.monotonic(), mib))

    def note(self, text: str, when: float = 0.0):
        self.notes.append((when or time.monotonic(), text))


class Story:
    """The run as it is told: prints every line and keeps it for the page."""

    def __init__(self, screen):
        self.screen = screen
        self.scenes = []
        self.started = time.monotonic()
        self.disturbed = 0  # measurements during which other programs used the machine
        self.facts = []  # (name, value) about the machine and the run

    def scene(self, title: str, lead: str, plots: tuple = ()) -> Scene:
        self.end_scene()
        scene = Scene(len(self.scenes) + 1, title, lead, time.monotonic(), plots=plots)
        self.scenes.append(scene)
        self.screen.heading(scene.number, title)
        return scene

    def end_scene(self):
        if self.scenes and not self.scenes[-1].end:
            self.scenes[-1].end = time.monotonic()

    def _line(self, kind: str, text: str):
        if self.scenes:
            self.scenes[-1].lines.append((kind, text))
        getattr(self.screen, kind)(text)

    def command(self, text: str):
        """A command as a person types it."""
        self._line("command", text)

    def quote(self, text: str, kind: str = "quoted"):
        """A program's own words; with "tabular", its table."""
        for line in text.rstrip().splitlines():
            self._line(kind, line.rstrip())

    def say(self, text: str):
        self._line("plain", text)

    def check(self, what: str, asked: str, measured: str, kept: bool, tolerance: str = ""):
        check = Check(what, asked, measured, tolerance, kept)
        self.scenes[-1].checks.append(check)
        self.screen.verdict(check)

    def within(self, what: str, asked: float, measured: float, points: float):
        """A share of the machine, in percent, that may be off by so many points."""
        self.check(what, f"{asked:g} %", f"{measured:.1f} %", abs(measured - asked) <= points,
                   f"± {points:g} points")

    @property
    def checks(self) -> list:
        return [(scene, check) for scene in self.scenes for check in scene.checks]

    @property
    def broken(self) -> list:
        return [check for _, check in self.checks if not check.kept]

    @property
    def verdict(self) -> str:
        """One sentence on the whole run; where that may be why, with what disturbed it."""
        if not self.broken:
            return f"All {len(self.checks)} promises were kept."
        verdict = f"{len(self.broken)} of {len(self.checks)} promises were NOT kept."
        if self.disturbed:
            verdict += (f" Other programs used this machine during {self.disturbed} measurements: try "
                        "again when it is quiet.")
        return verdict

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started
