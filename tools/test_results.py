# SPDX-License-Identifier: Apache-2.0
"""What `ctest --output-junit` wrote, read once for all who report of it."""
import pathlib
import xml.etree.ElementTree as ElementTree


def test_cases(results: pathlib.Path) -> list:
    """Its elements `testcase`; none where the tests did not come to their end."""
    try:
        return list(ElementTree.parse(results).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def is_absent(case: ElementTree.Element) -> bool:
    """Whether its program was not built, which ctest calls skipped and is a failure."""
    skipped = case.find("skipped")
    return skipped is not None and "Unable to find" in skipped.get("message", "")
