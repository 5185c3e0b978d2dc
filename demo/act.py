# SPDX-License-Identifier: Apache-2.0
"""What every scene works with: the stage, the meter, the story, and the `melon` command."""
import json
import pathlib
import random
import shlex
import time

from .meter import Meter, Window
from .stage import Program, Stage, StageError, wait_until
from .story import Story

FOREIGN_PERCENT = 4.0  # more than this of the machine used by others disturbs a measurement
TRIES = 3


class Act:
    """`repeat_seconds` bounds what all repetitions on a disturbed machine may take together."""

    def __init__(self, stage: Stage, meter: Meter, story: Story, seed: int, repeat_seconds: float):
        self.stage = stage
        self.meter = meter
        self.story = story
        self.seed = seed
        self.repeat_seconds = repeat_seconds
        self.dice = random.Random(seed)
        self.device = {}  # as `melon devices -o json` showed it

    def melon(self, *arguments, seconds: float = 60, expect: int = 0, show: bool = True) -> str:
        """Runs `melon ...` and shows it; its output. Another exit status than expected ends the demo."""
        words = ["melon", *map(str, arguments)]
        if show:
            self.story.command(self.readable(words))
        result = self.stage.run("melon", [self.stage.melon, *arguments], seconds)
        if result.returncode != expect:
            raise StageError(f"`{shlex.join(words)}` ended with {result.returncode}, expected "
                             f"{expect}:\n{result.stdout[-1500:]}")
        return result.stdout

    def query(self, *arguments):
        """`melon ... -o json`, parsed."""
        return json.loads(self.melon(*arguments, "-o", "json", show=False))

    def run(self, name: str, flags: list, program: list, show: bool = True) -> Program:
        """Starts `melon run --name NAME FLAGS -- PROGRAM` and returns at once."""
        command = ["melon", "run", "--name", name, *flags, "--", *map(str, program)]
        if show:
            self.story.command(self.readable(command))
        return self.stage.start(name, [self.stage.melon, *command[1:]])

    def run_to_end(self, name: str, flags: list, program: list, seconds: float = 60):
        """The same, to its end; exit status and output."""
        command = ["melon", "run", "--name", name, *flags, "--", *map(str, program)]
        self.story.command(self.readable(command))
        result = self.stage.run(name, [self.stage.melon, *command[1:]], seconds)
        return result.returncode, result.stdout

    def readable(self, words: list) -> str:
        """The command as a person would type it: no long paths, no inner details."""
        short = [pathlib.Path(word).name if word.startswith("/") else word for word in map(str, words)]
        if "hashcat" in short:
            short = short[: short.index("hashcat") + 1] + ["…"]
        if "-c" in short:
            short = short[: short.index("-c") + 1] + ["…"]
        return " ".join(word if word == "…" else shlex.quote(word) for word in short)

    def processes_of(self, name: str) -> list:
        """The pids that Melon shows for the workload."""
        for workload in self.query("ps"):
            if workload["name"] == name:
                return sorted(workload["pids"] or [])
        return []

    def up(self):
        """Starts the daemon; returns when it is ready."""
        self.melon("up", "--detach", "--state", "state", "--config", self.stage.configuration)

    def daemon_pid(self) -> int:
        daemon = self.query("version").get("daemon")
        if not daemon:
            raise StageError("no daemon answers; its log is in the state folder")
        return daemon["pid"]

    def stop(self, *names: str):
        for name in names:
            self.melon("stop", name, show=False)
        self.gone(*names)

    def gone(self, *names: str):
        wait_until(lambda: not any(self.stage.processes(name) for name in names), 20,
                   f"{', '.join(names)} to end")

    def measure(self, seconds: float, tries: int = TRIES) -> Window:
        """Watches for so long; again, and says so, when other programs used the machine."""
        def watch():
            self.story.screen.progress(f"measuring for {seconds:g} s")
            return self.meter.watch(seconds)
        return self.undisturbed(watch, lambda window: False, tries)

    def undisturbed(self, attempt, good, tries: int = TRIES):
        """What `attempt()` gives; made again, and that said, while other programs use the machine
        and it is not `good` all the same."""
        for number in range(1, tries + 1):
            first = self.meter.sample()
            result = attempt()
            window = Window(first, self.meter.sample())
            if window.foreign_percent <= FOREIGN_PERCENT or good(result):
                return result
            again = number < tries and window.seconds <= self.repeat_seconds
            self.story.say(f"Other programs used {window.foreign_percent:.0f} % of the machine meanwhile"
                           + (": once more." if again else "; read the figures with that in mind."))
            if not again:
                self.story.disturbed += 1
                return result
            self.repeat_seconds -= window.seconds
        return result

    def settle(self):
        """A change takes effect within a second; what is measured begins after it."""
        time.sleep(1.0)
