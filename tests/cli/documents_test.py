# SPDX-License-Identifier: Apache-2.0
"""What the documents say of commands, options, exit codes and JSON is so."""
import pathlib
import re
import shlex
import tempfile
import unittest

from melon_under_test import MelonTest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")),
         *sorted((ROOT / "src").rglob("README.md"))]
OPERATORS = {"|", "&&", "||", ";", ">", "2>", "&", "#"}


def command_lines(text):
    """`melon ...` of code blocks, one for each shell command, and of code inside sentences."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|\||[|;]|\$\(", line):
            part = part.strip().lstrip("$ ").removeprefix("sudo ").strip()
            if re.match(r"melon [a-z]", part):
                yield part
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`(melon [a-z][^`]*)`", prose):
        yield code


def words_of(line):
    """The words up to the program, a comment or an operator; without placeholders."""
    line = re.split(r"\s--(\s|$)|\s#|…|\)", line)[0]
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    kept = []
    for word in words:
        if word in OPERATORS:
            break
        kept.append(word.strip("[]().,:"))
    return kept


class Documents(MelonTest):
    def test_every_command_and_option_that_is_written_exists(self):
        helps, wrong, seen = {}, [], 0
        for page in PAGES:
            for line in command_lines(page.read_text()):
                words = words_of(line)
                if len(words) < 2 or words[1] in ("COMMAND", "help"):
                    continue
                name = words[1]
                nested = [name, *words[2:3]]
                if name == "vendors" and self.melon(*nested, "--help").code == 0:
                    name = " ".join(nested)
                if name not in helps:
                    helped = self.melon(*name.split(), "--help")
                    known = f"melon {name}" in helped.out
                    helps[name] = re.findall(r"--[a-z-]+|-[a-z](?=,)", helped.out) if known else None
                seen += 1
                where = f"{page.relative_to(ROOT)}: {line}"
                if helps[name] is None:
                    wrong.append(where)
                    continue
                wrong += [f"{where}: {word}" for word in words[2:]
                          if re.match(r"--?[a-z]", word) and word.split("=")[0] not in helps[name]]
        self.assertGreater(seen, 20)
        self.assertEqual(wrong, [])

    def test_files_of_examples_exist_or_are_the_readers(self):
        """Examples of --help name files of this tree, which then work, or plain names for the reader's own."""
        own = {"cluster.yaml", "web.yaml", "worker.yaml", "acme.yaml", "example.yaml", "nodes.csv", "pods.csv", "pods.csv.gz",
               "arrivals.txt", "hashes.txt", "words.txt"}
        wrong, seen, played = [], set(), 0
        names = re.findall(r"^  ([a-z]+)  +[A-Z]", self.ok("--help").out, re.MULTILINE)
        self.assertGreater(len(names), 15)
        helps = {name: self.ok(name, "--help").out for name in names}
        for name, helped in list(helps.items()):
            for child in re.findall(r"^  ([a-z]+)  +[A-Z]", helped.split("\nCommands\n", 1)[-1], re.MULTILINE):
                if "\nCommands\n" in helped:
                    helps[f"{name} {child}"] = self.ok(name, child, "--help").out
        for name, helped in helps.items():
            for line in re.findall(r"^  (melon .*)$", helped.split("\nExamples\n")[-1], re.MULTILINE):
                files = [word for word in shlex.split(line) if re.fullmatch(r"[\w./-]+\.(ya?ml|json|csv|txt|svg|html)(\.gz)?", word)]
                seen |= set(files)
                in_tree = [file for file in files if "/" in file]
                wrong += [f"{line}: {file}" for file in in_tree if not (ROOT / file).exists()]
                wrong += [f"{line}: {file}" for file in set(files) - set(in_tree) if file not in own]
                if in_tree and len(in_tree) == len(files) and name != "run":
                    told = self.melon(*[str(ROOT / word) if word in in_tree else word for word in shlex.split(line)[1:]])
                    self.assertEqual(told.code, 0, f"{line}: {told.err}")
                    played += 1
        self.assertEqual(wrong, [])
        self.assertGreater(played, 0)
        self.assertEqual(own - seen, set(), "names that no example has")

    def test_every_target_preset_and_file_that_is_written_exists(self):
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        presets = set(re.findall(r'"name": "([a-z]+)"', (ROOT / "CMakePresets.json").read_text()))
        wrong, seen = [], 0
        for page in PAGES:
            for code in re.findall(r"`([^`\n]+)`", page.read_text()):
                named = [(name, name in targets) for name in re.findall(r"(?:^|\W)make ([a-z]+)", code)]
                named += [(name, name in presets) for name in re.findall(r"--preset (\w+)", code)]
                is_pattern = "NAME" in code or "/x_" in code  # for the reader to fill in
                if not is_pattern and re.fullmatch(r"(src|tests|tools|demo|bench|deploy|cmake|api|docs)/[\w./-]+", code):
                    named.append((code, (ROOT / code).exists()))
                wrong += [f"{page.relative_to(ROOT)}: {name}" for name, exists in named if not exists]
                seen += len(named)
        self.assertGreater(seen, 50)
        self.assertEqual(wrong, [])

    def test_harmless_commands_of_the_howtos_run(self):
        """Those that look, and those that change a workload of this test's own, as they are printed."""
        looks = {"devices", "ps", "doctor", "events", "version", "vendors", "explain", "logs", "env"}
        changes = {"set", "suspend", "resume", "stop"}
        ran = []
        for page in sorted((ROOT / "docs" / "howto").glob("*.md")):
            for line in command_lines(page.read_text()):
                words = [word for word in words_of(line) if word != "-f"]
                if len(words) < 2 or words[1] not in looks | changes or "|" in line.split("#")[0]:
                    continue
                reads_files = words[1] == "explain" and " -f" in line or "--scenario" in line or ".yaml" in line
                if reads_files:  # which the reader brings
                    continue
                if words[1] in changes or words[1] in ("explain", "logs", "env"):
                    self.assertIn("NAME", words, f"{page.name}: {line}: whose workload?")
                self.detached("howto", "--memory", "1MiB")
                if words[1] == "resume":
                    self.ok("suspend", "howto")
                words = ["howto" if word == "NAME" else word for word in words[1:]]
                self.ok(*words)
                ran.append(words[0])
                self.end_workloads()
        self.assertTrue({"devices", "set", "suspend", "resume", "stop", "env"} <= set(ran), ran)

    def test_scenarios_of_the_howtos_hold(self):
        played = []
        with tempfile.TemporaryDirectory(prefix="melon-documents-") as folder:
            for page in sorted((ROOT / "docs" / "howto").glob("*.md")):
                for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
                    if not re.search(r"^pods:$", block, re.MULTILINE):
                        continue
                    path = pathlib.Path(folder) / "scenario.yaml"
                    path.write_text(block)
                    told = self.melon("explain", "--scenario", str(path))
                    self.assertEqual(told.code, 0, f"{page.name}: {told.out}{told.err}")
                    played.append(page.name)
        self.assertIn("split-a-task.md", played)

    def table(self, page):
        text = (ROOT / "docs" / "reference" / page).read_text()
        rows = [[c.strip(" `") for c in line.strip("|").split("|")] for line in text.splitlines()
                if line.startswith("|")]
        return rows[2:]

    def test_exit_codes(self):
        self.detached("one", "--memory", "1MiB")
        small = ("run", "--memory", "1MiB", "--")
        shown = {"0": ["ps"], "1": ["wait", "one", "--timeout", "1ms"], "2": ["ps", "--nope"], "3": ["stop", "nobody"],
                 "4": ["run", "--dry-run"], "5": ["ps", "--socket", "/no/such.sock"], "125": ["run"],
                 "126": [*small, "/etc/passwd"], "127": [*small, "no-such-program"],
                 "128+N": [*small, "sh", "-c", "kill -9 $$"]}
        rows = self.table("exit-codes.md")
        documented = [row[0] for row in rows if " to " not in row[0]]
        self.assertEqual({c.replace(" ", "").upper() for c in documented} - {"0", *shown}, set(), rows)
        for code, words in shown.items():
            self.assertEqual(self.melon(*words).code, 137 if "N" in code else int(code), words)


if __name__ == "__main__":
    unittest.main()
