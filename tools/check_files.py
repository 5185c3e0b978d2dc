#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that every tracked file keeps: a licence line, a bounded length, no loose ends, a README
for each module, links that lead somewhere."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = (".h", ".cc", ".c", ".S", ".def", ".py", ".sh")
MOST_LINES = 400
MOST_TEST_LINES = 600
MOST_README_LINES = 30
LOOSE_END = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def tracked() -> list[pathlib.Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True,
                           text=True).stdout
    files = [ROOT / name for name in names.split("\0") if name]
    return [path for path in files if path.is_file()]


def check_source(path: pathlib.Path, text: str) -> list[str]:
    offences = []
    lines = text.splitlines()
    if text and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
        offences.append("the SPDX line is missing at the top")
    is_test = path.stem.endswith("_test") or path.stem.startswith("test_")
    most = MOST_TEST_LINES if is_test else MOST_LINES
    if len(lines) > most:
        offences.append(f"{len(lines)} lines, at most {most}")
    if LOOSE_END.search(text):
        offences.append("a loose end is marked; finish it or drop it")
    if path.suffix == ".cc" and len(lines) > 1 and not lines[1].startswith("// "):
        offences.append("the second line does not say what the file does")
    return offences


def check_page(path: pathlib.Path, text: str) -> list[str]:
    offences = []
    for target in LINK.findall(text):
        if "://" not in target and not (path.parent / target).exists():
            offences.append(f"the link {target} leads nowhere")
    if path.name == "README.md" and path.is_relative_to(ROOT / "src"):
        if len(text.splitlines()) > MOST_README_LINES:
            offences.append(f"longer than {MOST_README_LINES} lines")
    return offences


def missing_readmes() -> list[str]:
    return [f"{path.parent.relative_to(ROOT)}: README.md is missing"
            for path in sorted((ROOT / "src").rglob("CMakeLists.txt"))
            if path.parent != ROOT / "src" and not (path.parent / "README.md").exists()]


def main() -> int:
    offences = missing_readmes()
    files = tracked()
    for path in files:
        if path.suffix in SOURCES:
            found = check_source(path, path.read_text())
        elif path.suffix == ".md":
            found = check_page(path, path.read_text())
        else:
            continue
        offences += [f"{path.relative_to(ROOT)}: {offence}" for offence in found]
    for offence in offences:
        print(offence)
    print(f"files: {len(files)} looked at, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
