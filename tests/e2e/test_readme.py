"""The README's table of clients names tests that are there."""

import importlib
import re
import unittest
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
COLUMNS = ["client", "its cases", "code behind the password", "challenge", "groups", "fail-over"]


class Readme(unittest.TestCase):
    def test_names_tests_that_are_there(self):
        table = rows(README.read_text())
        self.assertTrue(table)
        for client, cases, *cells in table:
            module, name = re.fullmatch(r"`(test_\w+)\.(\w+)`", cases).groups()
            cases = getattr(importlib.import_module(module), name)
            self.assertEqual(len(cells), len(COLUMNS) - 2, client)
            for cell in cells:
                tests = re.findall(r"`(\w+)`", cell)
                # What is said to be tested is, and what is not tested is said.
                said = re.match(r"tested: `|not yet$|no: ", cell)
                self.assertTrue(said, f"{client}: {cell}")
                self.assertEqual(bool(tests), cell.startswith("tested"), f"{client}: {cell}")
                for test in tests:
                    self.assertTrue(hasattr(cases, test), f"{client} has no {test}")


def rows(text):
    """The cells of each client, without the head of the table."""
    head = f"| {' | '.join(COLUMNS)} |\n"
    body = text.partition(head)[2].partition("\n\n")[0]
    lines = body.splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
