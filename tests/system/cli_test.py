#!/usr/bin/env python3
"""The command line and the programs' own words, as a person at a terminal or a script meets them."""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

from exchange import BIN, PATIENCE_SECONDS, Exchange, until

BORDER, CUSTOMS = "kz.border-guard", "kz.customs"


class AtTerminal:
    """A program whose standard streams are a terminal of its own, as wide as given."""

    def __init__(self, *command, columns=80, cwd=None, env=None):
        self.screen, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        self.process = subprocess.Popen([str(word) for word in command], stdin=inside, stdout=inside, stderr=inside,
                                        cwd=cwd, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(inside, termios.TIOCSCTTY, 0))
        self.inside, self.shown = inside, ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.inside)
        os.close(self.screen)

    def read(self):
        while select.select([self.screen], [], [], 0)[0]:
            self.shown += os.read(self.screen, 65536).decode()
        return self.shown

    def wait_for(self, text):
        until(f"the terminal shows {text!r}: {self.shown!r}", lambda: text in self.read())

    def type(self, text):
        os.write(self.screen, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.inside)[3] & termios.ECHO)

    def end(self):
        """Everything shown, once the program has ended by itself."""
        until("the program ends", lambda: self.read() is not None and self.process.poll() is not None)
        self.read()
        return self.process.returncode


class Ceremony(unittest.TestCase):
    """What the authority's officer must have seen before anything is admitted."""

    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER]))
        cls.exchange.keruen("agency", "init", "--id", CUSTOMS, "--name", f"en={CUSTOMS}", "--dir",
                            cls.exchange.dir_of(CUSTOMS), check=True)

    def admit(self, *more):
        exchange = self.exchange
        return ["authority", "admit", "--dir", exchange.path("authority"), "--credential",
                exchange.path("authority.credential"), exchange.dir_of(CUSTOMS) / f"{CUSTOMS}.request", *more]

    def state(self):
        folder = self.exchange.path("authority")
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}

    def test_silence_admits_nobody(self):
        before = self.state()
        for words in ([], ["--json"]):
            run = self.exchange.keruen(*words, *self.admit())
            self.assertEqual(run.code, 5, run.err)
            self.assertIn("Fingerprint", run.err)
            self.assertIn("--yes", run.err)
        self.assertEqual(self.state(), before)

    def test_the_officer_is_asked_at_the_terminal(self):
        before = self.state()
        with AtTerminal(BIN / "keruen", *self.admit()) as terminal:
            terminal.wait_for("[y/N]")
            self.assertIn("Fingerprint", terminal.shown)
            terminal.type("n\n")
            self.assertEqual(terminal.end(), 5)
        self.assertEqual(self.state(), before)
        with AtTerminal(BIN / "keruen", *self.admit()) as terminal:
            terminal.wait_for("[y/N]")
            terminal.type("y\n")
            self.assertEqual(terminal.end(), 0, terminal.shown)
        self.assertNotEqual(self.state(), before)


class Keys(unittest.TestCase):
    """What opens the keys, when it is missing, wrong, or being typed."""

    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER]))
        cls.agent = cls.exchange.dir_of(BORDER) / "agent.toml"
        cls.broker = cls.exchange.path("broker/broker.toml")

    def changed(self, config, pattern, replacement):
        """A copy of a configuration beside it, with one line changed."""
        text, count = re.subn(pattern, replacement, config.read_text(), flags=re.M)
        self.assertEqual(count, 1, config.read_text())
        path = config.with_name("changed.toml")
        path.write_text(text)
        return path

    def run_program(self, program, config):
        return subprocess.run([BIN / program, "--config", config], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)

    def programs(self):
        return (("keruen-agent", self.agent), ("keruen-broker", self.broker))

    def test_a_missing_credential_file(self):
        for program, config in self.programs():
            with self.subTest(program):
                run = self.run_program(program, self.changed(config, r'^credential = ".*"$',
                                                             'credential = "gone.credential"'))
                self.assertEqual(run.returncode, 5, run.stderr)
                self.assertIn("gone.credential", run.stderr)

    def test_nobody_to_ask(self):
        for program, config in self.programs():
            with self.subTest(program):
                run = self.run_program(program, self.changed(config, r"^credential = .*$", ""))
                self.assertEqual(run.returncode, 5, run.stderr)
                self.assertIn("credential", run.stderr)

    def test_a_missing_key_file(self):
        config = self.changed(self.agent, r'^(directory = "keys)"$', r'\1-gone"')
        run = self.run_program("keruen-agent", config)
        self.assertEqual(run.returncode, 5, run.stderr)
        self.assertIn("keys-gone", run.stderr)

    def test_a_wrong_passphrase(self):
        for program, config in self.programs():
            with self.subTest(program):
                with AtTerminal(BIN / program, "--config",
                                self.changed(config, r"^credential = .*$", "")) as terminal:
                    terminal.wait_for(": ")
                    until("the terminal is silent", lambda: not terminal.echoes())
                    terminal.type("not the one\n")
                    self.assertEqual(terminal.end(), 5, terminal.shown)
                    self.assertNotIn("not the one", terminal.shown)
                    self.assertTrue(terminal.echoes())

    def test_ctrl_c_at_the_passphrase_ends_the_program_and_the_silence(self):
        commands = [[BIN / program, "--config", self.changed(config, r"^credential = .*$", "")]
                    for program, config in self.programs()]
        commands.append([BIN / "keruen", "authority", "init", "--exchange", "kz.other", "--dir",
                         self.exchange.path("other")])
        for command in commands:
            with self.subTest(command[0].name), AtTerminal(*command) as terminal:
                terminal.wait_for(": ")
                until("the terminal is silent", lambda: not terminal.echoes())
                terminal.type("\x03")
                self.assertEqual(terminal.end(), -signal.SIGINT, terminal.shown)
                self.assertTrue(terminal.echoes())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
