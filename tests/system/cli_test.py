#!/usr/bin/env python3
"""The command line and the programs' own words, as a person at a terminal, a script or systemd meets them."""
import configparser
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest

from exchange import BIN, PATIENCE_SECONDS, Exchange, until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BORDER, CUSTOMS = "kz.border-guard", "kz.customs"


def socket_of(exchange, agency):
    config = (exchange.dir_of(agency) / "agent.toml").read_text()
    return exchange.dir_of(agency) / re.search(r'^socket\w*\s*=\s*"(.*)"', config, re.M).group(1)


def unit_file(program):
    return SOURCE / f"deploy/systemd/{program}.service"


def unit_of(program):
    unit = configparser.ConfigParser(delimiters="=", interpolation=None)
    unit.optionxform = str
    unit.read_string(unit_file(program).read_text())
    return unit


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
        # What was admitted is on the record, to be compared once more.
        told = terminal.shown.split("is admitted", 1)
        self.assertIn(re.search(r"[0-9a-f]{4}( [0-9a-f]{4}){15}", told[0]).group(), told[1])

    def test_what_is_admitted_is_what_was_shown(self):
        exchange = self.exchange
        impostor = exchange.path("impostor")
        exchange.keruen("agency", "init", "--id", CUSTOMS, "--name", f"en={CUSTOMS}", "--dir", impostor, check=True)
        request = exchange.dir_of(CUSTOMS) / f"{CUSTOMS}.request"
        before, shown = self.state(), request.read_bytes()
        self.addCleanup(request.write_bytes, shown)
        renamed = shown.replace(f"name: en {CUSTOMS}".encode(), b"name: en Prosecutor General")
        self.assertNotEqual(renamed, shown)
        for other in ((impostor / request.name).read_bytes(), renamed):
            request.write_bytes(shown)
            with AtTerminal(BIN / "keruen", *self.admit()) as terminal:
                terminal.wait_for("[y/N]")
                request.write_bytes(other)
                terminal.type("y\n")
                self.assertEqual(terminal.end(), 5, terminal.shown)
            self.assertIn("changed while it was being compared", terminal.shown)
            self.assertEqual(self.state(), before)

    def test_names_groups_and_parent_are_shown_before_the_question(self):
        words = ["--group", "kz.some", "--parent", BORDER]
        with AtTerminal(BIN / "keruen", *self.admit(*words)) as terminal:
            terminal.wait_for("[y/N]")
            for word in (f"name in en: {CUSTOMS}", "groups: kz.some", f"parent: {BORDER}"):
                self.assertIn(word, terminal.shown)
            terminal.type("n\n")
            self.assertEqual(terminal.end(), 5)
        exchange = self.exchange
        exchange.keruen("agency", "init", "--id", "kz.tax", "--name", "en=Tax", "--name", "kk=Салық", "--dir",
                        exchange.dir_of("kz.tax"), check=True)
        admitted = exchange.keruen("--json", "authority", "admit", "--dir", exchange.path("authority"), "--credential",
                                   exchange.path("authority.credential"),
                                   exchange.dir_of("kz.tax") / "kz.tax.request", "--yes", *words, check=True).json
        self.assertEqual(admitted["names"], {"en": "Tax", "kk": "Салық"})
        self.assertEqual((admitted["groups"], admitted["parent"], admitted["new_identity"]),
                         (["kz.some"], BORDER, False))

    def test_another_identity_is_said_to_end_the_former_keys(self):
        exchange = self.exchange
        exchange.keruen("agency", "init", "--id", BORDER, "--name", f"en={BORDER}", "--dir", exchange.path("anew"),
                        check=True)
        run = exchange.keruen("authority", "admit", "--dir", exchange.path("authority"), "--credential",
                              exchange.path("authority.credential"), exchange.path(f"anew/{BORDER}.request"))
        self.assertEqual(run.code, 5, run.err)
        self.assertIn("ANOTHER identity key", run.err)
        self.assertIn("ends for good", run.err)

    def test_a_path_that_is_no_text_is_refused_or_shown_all_the_same(self):
        exchange = self.exchange
        before = self.state()
        run = exchange.keruen("--json", "authority", "operator", "--dir", exchange.path("authority"), "--name", "night",
                              "--out", exchange.path("night\udcff.toml"))
        self.assertEqual((run.code, run.json["code"]), (2, "malformed"), run.err)
        self.assertEqual(self.state(), before)
        made = exchange.keruen("--json", "authority", "operator", "--dir", exchange.path("authority"), "--name",
                               "night", "--out", exchange.path("night\udcff/night.toml"), check=True).json
        self.assertTrue(made["config"].endswith("/night.toml"), made)

    def test_a_state_from_an_older_backup_is_noticed_and_catches_up(self):
        exchange = self.exchange
        folder, state = exchange.path("authority"), exchange.path("authority/authority.state")
        exchange.publish()
        backup = state.read_bytes()
        exchange.publish()
        state.write_bytes(backup)
        run = exchange.keruen("authority", "publish", "--dir", folder, "--credential",
                              exchange.path("authority.credential"))
        self.assertEqual(run.code, 7, run.err)
        self.assertIn("authority catch-up", run.err)
        told = exchange.authority("catch-up", folder / "out/registry.snapshot").out
        self.assertIn("The state is that of registry version", told)
        exchange.publish()

    def test_a_registry_is_put_to_the_broker_or_has_to_be_carried(self):
        exchange = self.exchange
        out = exchange.path("authority/out/registry.snapshot")
        publish = ["authority", "publish", "--dir", exchange.path("authority"), "--credential",
                   exchange.path("authority.credential")]
        # The folder may be no more than what was left of one that was carried away.
        told = exchange.keruen(*publish, check=True).out
        self.assertIn(str(exchange.path("broker/registry.snapshot")), told)
        self.assertIn(f"If the broker runs elsewhere, carry {out} to it", told)
        exchange.path("broker/registry.snapshot").unlink()
        exchange.path("broker/registry.snapshot").mkdir()
        self.addCleanup(exchange.path("broker/registry.snapshot").rmdir)
        for invitation in out.parent.glob("*.invitation"):
            invitation.unlink()
        told = exchange.keruen(*publish, check=True).out
        self.assertIn("could not be put into the broker's folder", told)
        self.assertIn(f"Carry {out} to the broker", told)
        self.assertTrue((out.parent / f"{BORDER}.invitation").exists())


class Groups(unittest.TestCase):
    """Who of a group gets a message, and who does not."""

    def test_who_is_suspended_is_left_out_and_named(self):
        with Exchange([BORDER, CUSTOMS, "kz.prosecutor"]) as exchange:
            exchange.authority("suspend", CUSTOMS)
            exchange.publish()
            exchange.start_broker()
            exchange.start_agent(BORDER)
            exchange.wait_ready(BORDER)
            send = ["send", "notice", "--to", "kz.all", "--type", "information", "--subject", "a", "--text", "a",
                    "--handling", "H0"]
            told = exchange.agent(BORDER, *send)
            self.assertIn("Stored for kz.prosecutor;", told.err)
            self.assertIn(f"Not for {CUSTOMS}, which the exchange authority suspended", told.err)
            sent = exchange.agent(BORDER, "--json", *send).json
            self.assertEqual((sent["recipients"], sent["left_out"]), (["kz.prosecutor"], [CUSTOMS]))
            sent = exchange.agent(BORDER, "--json", *[word.replace("kz.all", "kz.prosecutor") for word in send]).json
            self.assertNotIn("left_out", sent)


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


    def test_systemd_starts_again_what_may_pass_and_nothing_else(self):
        for program, config in self.programs():
            with self.subTest(program), socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                no_key = self.changed(config, r'^credential = ".*"$', 'credential = "gone.credential"')
                ended = {self.run_program(program, no_key).returncode,
                         self.run_program(program, config.with_name("gone.toml")).returncode}
                service = unit_of(program)["Service"]
                self.assertEqual({int(code) for code in service["RestartPreventExitStatus"].split()}, ended)
                self.assertEqual(service["Restart"], "always")
                self.assertEqual(unit_of(program)["Unit"]["StartLimitIntervalSec"], "0")
                passing = (self.changed(config, r'^socket = .*$', 'socket = "gone/agent.sock"')
                           if program == "keruen-agent" else
                           self.changed(config, r"^endpoint = .*$",
                                        f'endpoint = "tcp://127.0.0.1:{taken.getsockname()[1]}"'))
                run = self.run_program(program, passing)
                self.assertGreater(run.returncode, 0, run.stderr)
                self.assertNotIn(run.returncode, ended, run.stderr)

    def test_systemd_is_told_that_they_are_ready(self):
        for program, config in self.programs():
            with self.subTest(program), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.bind(str(self.exchange.path(f"{program}.notify")))
                told.settimeout(PATIENCE_SECONDS)
                self.assertEqual(unit_of(program)["Service"]["Type"], "notify")
                self.exchange.start(program, "env", f"NOTIFY_SOCKET={told.getsockname()}", BIN / program, "--config",
                                    config)
                self.assertIn(b"READY=1", told.recv(4096))
                self.assertEqual(self.exchange.stop(program), 0)

    def test_the_units_are_systemds_and_start_the_programs(self):
        for program, config in self.programs():
            with self.subTest(program):
                unit = unit_of(program)
                path, *words, named = unit["Service"]["ExecStart"].split()
                self.assertEqual(path, f"/usr/local/bin/{program}")
                self.assertIn(pathlib.PurePath(unit["Unit"]["RequiresMountsFor"]), pathlib.PurePath(named).parents)
                run = subprocess.run([BIN / program, *words, config, "--check-config"], capture_output=True, text=True)
                self.assertEqual(run.returncode, 0, run.stderr)
                if shutil.which("systemd-analyze"):
                    here = self.exchange.path(unit_file(program).name)
                    here.write_text(unit_file(program).read_text().replace(path, str(BIN / program)))
                    run = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True)
                    # It looks at the machine's own units too.
                    faults = [line for line in run.stderr.splitlines() if here.name in line]
                    self.assertEqual(faults, [])

    def test_the_guides_socket_has_a_folder_after_each_boot(self):
        for guide in ("administrator", "officer"):
            text = (SOURCE / f"deploy/guide/{guide}.md").read_text()
            made = "/run/" + unit_of("keruen-agent")["Service"]["RuntimeDirectory"]
            self.assertEqual(set(re.findall(r"(/run/\S*)/[\w.]+\.sock", text)), {made}, guide)


class Folders(unittest.TestCase):
    """A folder of the configuration that cannot be used ends the start in words that say what to do."""

    def test_the_setting_is_named(self):
        with Exchange([BORDER]) as exchange:
            config = exchange.dir_of(BORDER) / "agent.toml"
            text = config.read_text()
            for section, setting in (("forwarder", "outgoing"), ("forwarder", "incoming"), ("store", "directory")):
                with self.subTest(setting):
                    wrong, count = re.subn(rf'(\[{section}\][^[]*?^{setting} = )".*?"', r'\1"agent.toml/below"', text,
                                           flags=re.M | re.S)
                    self.assertEqual(count, 1, text)
                    changed = config.with_name("changed.toml")
                    changed.write_text(wrong)
                    run = subprocess.run([BIN / "keruen-agent", "--config", changed], capture_output=True, text=True,
                                         stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
                    self.assertEqual(run.returncode, 1, run.stderr)
                    for word in ("agent.toml/below", f"`{setting}`", f"[{section}]"):
                        self.assertIn(word, run.stderr)

    def test_a_socket_is_made_where_nothing_is_lost(self):
        with Exchange([BORDER]) as exchange:
            folder = exchange.dir_of(BORDER)
            config, credential = folder / "agent.toml", (folder / "credential").read_bytes()
            text = config.read_text()
            for place, words in (("credential", ("is no socket", "name another path")),
                                 ("gone/agent.sock", ("its folder does not exist", "RuntimeDirectory="))):
                with self.subTest(place):
                    config.write_text(re.sub(r"(?m)^socket = .*$", f'socket = "{place}"', text))
                    run = subprocess.run([BIN / "keruen-agent", "--config", config], capture_output=True, text=True,
                                         stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
                    self.assertEqual(run.returncode, 1, run.stderr)
                    for word in (str(folder / place), *words):
                        self.assertIn(word, run.stderr)
            self.assertEqual((folder / "credential").read_bytes(), credential)


class NoAnswer(unittest.TestCase):
    """Exit 6 says that nobody was reached; what the agent itself answered is never that."""

    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER]))

    def answered_with(self, answer):
        """Runs `inbox` against an agent that answers just that, once."""
        with socket.socket(socket.AF_UNIX) as listener:
            path = socket_of(self.exchange, BORDER)
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(PATIENCE_SECONDS)

            def serve():
                peer, _ = listener.accept()
                with peer:
                    peer.recv(65536)
                    peer.sendall(answer)
            serving = threading.Thread(target=serve)
            serving.start()
            run = self.exchange.agent(BORDER, "inbox", check=False)
            serving.join()
            return run

    def test_no_agent_and_no_broker(self):
        run = self.exchange.agent(BORDER, "inbox", check=False)
        self.assertEqual(run.code, 6, run.err)
        self.assertIn("keruen-agent --config", run.err)
        run = self.exchange.keruen("admin", "status", "--broker", self.exchange.path("admin.toml"))
        self.assertEqual(run.code, 6, run.err)

    def test_an_agent_that_breaks_off(self):
        self.assertEqual(self.answered_with(b"").code, 6)
        self.assertEqual(self.answered_with(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").code, 6)

    def test_an_agent_whose_disk_fails(self):
        problem = json.dumps({"code": "io_failed", "detail": "the store cannot be read"}).encode()
        run = self.answered_with(b"HTTP/1.1 500 Error\r\nContent-Type: application/problem+json\r\n"
                                 b"Content-Length: %d\r\n\r\n%s" % (len(problem), problem))
        self.assertEqual(run.code, 1, run.err)
        self.assertIn("the store cannot be read", run.err)
        self.assertEqual(self.answered_with(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n").code, 1)


class Reports(unittest.TestCase):
    """What is shown of a running exchange, to people and to scripts."""

    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER, CUSTOMS]))
        cls.exchange.start_all()
        cls.admin = cls.exchange.path("admin.toml")
        cls.message = cls.exchange.send(BORDER, CUSTOMS, "a rather long subject that no narrow terminal can hold")
        cls.exchange.wait_arrived(CUSTOMS, cls.message)

    def started(self, *command):
        """A program that goes on until it is ended; its lines so far."""
        handle, name = tempfile.mkstemp(dir=self.exchange.folder)
        with os.fdopen(handle, "wb") as file:
            process = subprocess.Popen([BIN / "keruen", *map(str, command)], stdout=file, stderr=subprocess.DEVNULL,
                                       stdin=subprocess.DEVNULL)

        def end():
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)
        self.addCleanup(end)
        return lambda: pathlib.Path(name).read_text().splitlines(keepends=True)

    def test_watch(self):
        lines = self.started("--agent", self.exchange.dir_of(CUSTOMS), "watch", "--after", 0)
        message = self.exchange.send(BORDER, CUSTOMS, "watched")
        until("the message is told",
              lambda: any(f"notice from {BORDER}" in line and message[-8:] in line for line in lines()))

    def test_an_officer_needs_no_more_than_the_socket(self):
        run = self.exchange.keruen("--agent", socket_of(self.exchange, CUSTOMS), "show", self.message[-8:], check=True)
        self.assertIn("a rather long subject", run.out)

    def test_whose_message_is_meant(self):
        self.assertIn("a rather long subject", self.exchange.agent(CUSTOMS, "show", self.message, "--from", BORDER).out)
        for verb, *more in (["show"], ["read"], ["process", "--result", "done"], ["reply", "--text", "seen"],
                            ["attachment", "photo.jpg", "--out", self.exchange.path("photo.jpg")]):
            with self.subTest(verb):
                run = self.exchange.agent(CUSTOMS, verb, self.message, *more, "--from", "kz.nobody", check=False)
                self.assertEqual(run.code, 4, run.err)
                self.assertIn(self.message, run.err)

    def test_a_notice_with_a_photo(self):
        photo, notice = self.exchange.path("front.jpg"), self.exchange.path("notice.json")
        photo.write_bytes(b"a photo")
        example = json.loads(self.exchange.keruen("send", "notice", "--example", check=True).out)
        notice.write_text(json.dumps(example | {"photos": ["front.jpg"]}))
        send = ("send", "notice", "--to", CUSTOMS, "--file", notice)
        run = self.exchange.agent(BORDER, *send, check=False)
        self.assertEqual(run.code, 2, run.err)
        self.assertIn("front.jpg", run.err)
        self.exchange.agent(BORDER, *send, "--attach", photo)

    def test_a_message_whose_answer_is_lost_is_sent_once(self):
        relayed = self.exchange.path("relay.sock")
        photo = self.exchange.path("evidence.jpg")
        photo.write_bytes(b"evidence")

        def request_of(peer):
            request = b""
            while b"\r\n\r\n" not in request:
                request += peer.recv(65536)
            head, body = request.split(b"\r\n\r\n", 1)
            size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            while len(body) < size:
                body += peer.recv(65536)
            return head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + b"\r\n\r\n" + body

        def serve(listener):
            lost = False
            while not (lost and answered and b"/v1/messages" in answered[-1]):
                peer, _ = listener.accept()
                with peer, socket.socket(socket.AF_UNIX) as agent:
                    request = request_of(peer)
                    agent.connect(str(socket_of(self.exchange, BORDER)))
                    agent.sendall(request)
                    answer = b""
                    while piece := agent.recv(65536):
                        answer += piece
                    if b"/v1/messages" in request and not lost:
                        lost = True
                        continue
                    answered.append(request)
                    peer.sendall(answer)
        answered = []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(relayed))
            listener.listen()
            listener.settimeout(PATIENCE_SECONDS)
            serving = threading.Thread(target=serve, args=[listener])
            serving.start()
            run = self.exchange.keruen("--agent", relayed, "--json", "send", "notice", "--to", CUSTOMS, "--type", "warning",
                                       "--handling", "H1", "--text", "asked for twice", "--attach", photo, check=True)
            serving.join()
        sent = json.loads(run.out)
        self.assertEqual(sent["outcome"], "already_sent")
        listed = self.exchange.agent(BORDER, "--json", "sent", "--most", 500).json["messages"]
        self.assertEqual([row["id"] for row in listed if row["subject"] == "asked for twice"], [sent["id"]])

    def test_watch_as_json(self):
        lines = self.started("--json", "--agent", self.exchange.dir_of(CUSTOMS), "watch", "--after", 0)
        message = self.exchange.send(BORDER, CUSTOMS, "watched")
        until("the message is told", lambda: any(json.loads(line).get("message") == message
                                                 for line in lines() if line.endswith("\n")))

    def test_admin_follow(self):
        lines = self.started("admin", "status", "--broker", self.admin, "--follow")
        until("a second report", lambda: sum("Broker of kz.exchange" in line for line in lines()) > 1)
        lines = self.started("--json", "admin", "flow", "--broker", self.admin, "--follow")
        until("a second report", lambda: len(lines()) > 2)
        for line in lines()[:2]:
            self.assertEqual({each["agency"] for each in json.loads(line)["agencies"]}, {BORDER, CUSTOMS})

    def test_flow_says_since_when_it_counts(self):
        told = self.exchange.keruen("admin", "flow", "--broker", self.admin, check=True).out
        self.assertTrue(told.startswith("Sent, refused and received since the broker started;"), told)

    def test_what_was_typed_in_another_encoding_is_not_signed(self):
        before = self.exchange.agent(CUSTOMS, "--json", "sent").json
        message = self.exchange.send(BORDER, CUSTOMS, "to be answered")
        self.exchange.wait_arrived(CUSTOMS, message)
        typed = "\udcd2\udce0\udcec"
        for words in (["process", message, "--result", "done", "--note", typed], ["reply", message, "--text", typed],
                      ["send", "notice", "--to", BORDER, "--type", "warning", "--handling", "H1", "--text", typed]):
            with self.subTest(words[0]):
                run = self.exchange.agent(CUSTOMS, *words, check=False)
                self.assertEqual(run.code, 2, run.err)
                self.assertIn("this is not UTF-8", run.err)
        [shown] = [each for each in self.exchange.inbox(CUSTOMS) if each["id"] == message]
        self.assertEqual(shown["state"], "unread")
        self.assertEqual(self.exchange.agent(CUSTOMS, "--json", "sent").json, before)

    def test_every_report_is_json_for_scripts(self):
        for words in (["status"], ["agencies"], ["inbox"], ["sent"], ["show", self.message], ["read", self.message],
                      ["receipts", self.message]):
            with self.subTest(words):
                agency = BORDER if words[0] in ("sent", "receipts") else CUSTOMS
                run = self.exchange.agent(agency, "--json", *words)
                self.assertIsInstance(json.loads(run.out), dict)
        for words in (["status"], ["flow"], ["waiting"], ["message", self.message]):
            with self.subTest(words):
                run = self.exchange.keruen("--json", "admin", *words, "--broker", self.admin, check=True)
                self.assertIsInstance(json.loads(run.out), dict)
        run = self.exchange.agent(BORDER, "--json", "recall", self.exchange.send(BORDER, CUSTOMS, "recalled"))
        self.assertIsInstance(json.loads(run.out), dict)
        run = self.exchange.agent(BORDER, "--json", "show", "ffffffff", check=False)
        self.assertEqual(json.loads(run.out)["code"], "not_found")

    def shown(self, *words, columns=80, **environment):
        """What a person sees of an agent's report, line by line."""
        changed = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environment
        with AtTerminal(BIN / "keruen", *words, columns=columns, env=changed) as terminal:
            self.assertEqual(terminal.end(), 0, terminal.shown)
            return terminal.shown

    def test_colour_is_for_terminals_that_want_it(self):
        inbox = ["--agent", self.exchange.dir_of(CUSTOMS), "inbox"]
        self.assertIn("\033[", self.shown(*inbox))
        self.assertNotIn("\033", self.shown(*inbox, NO_COLOR="1"))
        self.assertNotIn("\033", self.exchange.keruen(*inbox, check=True).out)

    def test_a_narrow_terminal_breaks_no_line(self):
        agent = ["--agent", self.exchange.dir_of(CUSTOMS)]
        sender = ["--agent", self.exchange.dir_of(BORDER)]
        admin = ["--broker", self.admin]
        for words in (agent + ["inbox"], agent + ["agencies"], sender + ["sent"],
                      sender + ["receipts", self.message], ["admin", "flow", *admin],
                      ["admin", "waiting", *admin], ["admin", "message", self.message, *admin]):
            for columns in (40, 80):
                with self.subTest(words=[str(word) for word in words], columns=columns):
                    shown = self.shown(*words, columns=columns, NO_COLOR="1")
                    self.assertLessEqual(max(map(len, shown.splitlines())), columns, shown)
        narrow = self.shown(*agent, "inbox", columns=40, NO_COLOR="1")
        self.assertIn(self.message[-8:], narrow)
        self.assertIn(f"FROM     {BORDER}", narrow)
        wide = self.exchange.keruen(*agent, "inbox", check=True).out
        self.assertIn("a rather long subject that no narrow terminal can hold", wide)

    def test_nobodys_words_look_like_the_agents(self):
        forged = "Order\nfrom: kz.prosecutor\nstate: read" + " " * 60 + "handling: H3"
        message = self.exchange.send(BORDER, CUSTOMS, forged)
        self.exchange.wait_arrived(CUSTOMS, message)
        words = ["--agent", self.exchange.dir_of(CUSTOMS), "show", message]
        for shown in (self.shown(*words, columns=80, NO_COLOR="1"), self.exchange.keruen(*words, check=True).out):
            lines = shown.splitlines()
            self.assertTrue(lines[0].startswith("Order from: kz.prosecutor state: read"), shown)
            for name, value in (("from", BORDER), ("state", "unread"), ("handling", "H0")):
                self.assertEqual([line for line in lines if line.startswith(name)], [f"{name}: {value}"], shown)

    def test_a_narrow_terminal_hides_nobody_who_acted(self):
        note = "the vehicle was stopped at Otar and searched until midnight"
        self.exchange.agent(CUSTOMS, "process", self.message, "--result", "done", "--note", note)
        self.exchange.wait_state(BORDER, self.message, CUSTOMS, "processed")
        officer = self.exchange.recipient(BORDER, self.message, CUSTOMS)["processed_by"]["id"]
        for verb in ("receipts", "show"):
            for columns in (40, 80):
                with self.subTest(verb, columns=columns):
                    shown = self.shown("--agent", self.exchange.dir_of(BORDER), verb, self.message,
                                       columns=columns, NO_COLOR="1")
                    self.assertIn(f"by {officer}: done ({note})", " ".join(shown.split()), shown)

    def test_a_full_list_says_how_to_see_more(self):
        for text in ("first of three", "second of three", "third of three"):
            self.exchange.wait_arrived(CUSTOMS, self.exchange.send(BORDER, CUSTOMS, text))
        for agency, folder in ((CUSTOMS, "inbox"), (BORDER, "sent")):
            with self.subTest(folder):
                listed = self.exchange.agent(agency, "--json", folder, "--most", 500).json["messages"]
                ids = [message["id"] for message in listed]
                shown, more = [], []
                while True:
                    page = self.exchange.agent(agency, folder, "--most", 2, *more)
                    shown += re.findall(r"^([0-9a-f]{8}) ", page.out, re.M)
                    told = re.search(r"--before ([0-9a-f]{8})", page.err)
                    if not told:
                        break
                    self.assertEqual(told.group(1), shown[-1])
                    more = ["--before", told.group(1)]
                self.assertEqual(shown, [each[-8:] for each in ids])
                whole = self.exchange.agent(agency, "--json", folder, "--before", ids[0]).json["messages"]
                self.assertEqual([message["id"] for message in whole], ids[1:])
                self.assertIn("Nothing older", self.exchange.agent(agency, folder, "--before", ids[-1]).err)


class Attention(unittest.TestCase):
    def test_status_says_with_its_exit_that_the_link_is_down(self):
        with Exchange([BORDER]) as exchange:
            exchange.start_agent(BORDER)
            for words in ([], ["--json"]):
                self.assertEqual(exchange.agent(BORDER, *words, "status", check=False).code, 3)
            self.assertIn("Link down", exchange.agent(BORDER, "status", check=False).out)
            exchange.start_broker()
            until("nothing needs attention", lambda: exchange.agent(BORDER, "status", check=False).code == 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
