"""The README's table of clients names tests that are there."""

import importlib
import re
import unittest
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


class Readme(unittest.TestCase):
    def test_names_tests_that_are_there(self):
        rows = re.findall(r"^\|.*`(test_\w+)\.(\w+)`(.*)$", README.read_text(), re.MULTILINE)
        self.assertTrue(rows)
        for module, client, cells in rows:
            cases = getattr(importlib.import_module(module), client)
            for name in re.findall(r"`(test_\w+)`", cells):
                self.assertTrue(hasattr(cases, name), f"{client} has no {name}")
