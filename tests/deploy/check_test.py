#!/usr/bin/env python3
"""deploy/check in a tree of its own, with a cmake and a ctest that only remember the one option."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("KERUEN_SOURCE", pathlib.Path(__file__).resolve().parents[2]))

# As CMake does: a tree keeps what it was configured with until it is told otherwise.
CMAKE = """#!/bin/sh
for word in "$@"; do case "$word" in -DKERUEN_TESTS=*) echo "${word#*=}" >cache ;; esac; done
[ -f cache ] || echo ON >cache
"""
# As --no-tests=error has it: no tests are a failure.
CTEST = """#!/bin/sh
[ "$(cat cache)" = ON ] || { echo "No tests were found" >&2; exit 8; }
"""


class Check(unittest.TestCase):
    def setUp(self):
        self.tree = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.tree / "deploy").mkdir()
        shutil.copy(SOURCE / "deploy/check", self.tree / "deploy/check")
        for name, text in (("deploy/setup", "#!/bin/sh\n"), ("cmake", CMAKE), ("ctest", CTEST)):
            (self.tree / name).write_text(text)
            (self.tree / name).chmod(0o755)

    def check(self):
        path = f"{self.tree}:{os.environ['PATH']}"
        return subprocess.run([self.tree / "deploy/check"], capture_output=True, text=True,
                              env=os.environ | {"PATH": path}, timeout=30)

    def test_a_new_tree(self):
        run = self.check()
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_a_tree_the_demo_made_without_tests(self):
        (self.tree / "cache").write_text("OFF\n")
        run = self.check()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("All tests passed", run.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
