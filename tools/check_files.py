#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that every tracked file keeps: a licence line, a bounded length, no loose ends, a README
for each module, links that lead somewhere."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = (".h", ".cc", ".c", ".S", ".def", ".py", ".sh")
LICENCE = "SPDX-License-Identifier: Apache-2.0"
COMMENT = {".py": "#", ".sh": "#"}
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
    if text and not any(LICENCE in line for line in lines[:2]):
        offences.append(f"the licence is missing; begin with: {COMMENT.get(path.suffix, '//')} {LICENCE}")
    is_test = path.stem.endswith("_test") or path.stem.startswith("test_")
    most = MOST_TEST_LINES if is_test else MOST_LINES
    if len(lines) > most:
        offences.append(f"{len(lines)} lines, at most {most}; move one concept to a file of its own")
    if LOOSE_END.search(text):
        offences.append("a loose end is marked; finish it or drop it")
    if path.suffix == ".cc" and len(lines) > 1 and not lines[1].startswith("// "):
        offences.append("the second line does not say what the file does; write one sentence after //")
    return offences


def check_page(path: pathlib.Path, text: str) -> list[str]:
    offences = []
    for target in LINK.findall(text):
        if "://" not in target and not (path.parent / target).exists():
            offences.append(f"the link {target} leads nowhere; mend or remove it")
    if path.name == "README.md" and path.is_relative_to(ROOT / "src"):
        if len(text.splitlines()) > MOST_README_LINES:
            offences.append(f"longer than {MOST_README_LINES} lines; move details to docs/")
    return offences


def has_sources(folder: pathlib.Path) -> bool:
    """False for a folder that only groups modules."""
    return any(path.suffix in SOURCES for path in folder.iterdir())


def missing_readmes() -> list[str]:
    return [f"{path.parent.relative_to(ROOT)}: README.md is missing; say purpose, first header to read, invariants, threads"
            for path in sorted((ROOT / "src").rglob("CMakeLists.txt"))
            if has_sources(path.parent) and not (path.parent / "README.md").exists()]


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
