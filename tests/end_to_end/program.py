"""What the end-to-end tests share: the program, a folder of their own, how a refusal looks.

Needs nothing beyond Python's own library; CTest sets TESSERA, the program.
"""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

TESSERA = os.environ["TESSERA"]
# One thread: tiny work gains nothing from more, and on busy cores threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def run(*arguments, **options):
    return subprocess.run([TESSERA, *map(str, arguments)], capture_output=True, text=True,
                          timeout=300, **options)


class InFolder(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)

    def tearDown(self):
        self._folder.cleanup()

    def assert_refused(self, result, code, *parts):
        """One message on standard error with all the parts in it, and the exit code."""
        self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(str(part), result.stderr)
        lines = [line for line in result.stderr.splitlines() if line.startswith("tessera:")]
        self.assertEqual(len(lines), 1, result.stderr)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def listing(self):
        """Every file and folder below, with a file's bytes."""
        return {str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
                for path in self.folder.rglob("*")}

    def refuse_command(self, code, parts, *arguments):
        """Refused with one message, and nothing on disk is other than before."""
        before = self.listing()
        self.assert_refused(run(*arguments), code, *parts)
        self.assertEqual(self.listing(), before)

    def interrupt(self, line_part, *arguments):
        """Runs until a line of progress has the part, sends Ctrl-C once; returns the exit code."""
        process = subprocess.Popen([TESSERA, *map(str, arguments)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        while line_part not in (line := process.stderr.readline()):
            self.assertTrue(line, "the program ended early")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        return process.returncode
