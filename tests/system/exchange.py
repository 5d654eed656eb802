"""A whole exchange of real processes for system tests: authority, broker, agents, command line.

    with Exchange(["kz.customs", "kz.prosecutor"]) as exchange:
        exchange.start_broker(); exchange.start_agent("kz.customs") …

Everything lies in a temporary folder and listens on 127.0.0.1 or in that folder; every wait has a
deadline; every process is ended by its own id. Programs come from KERUEN_BIN.
"""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from proxy import Proxy

BIN = pathlib.Path(os.environ["KERUEN_BIN"])
# A deadline is a failure, so it is generous: sanitizers and a busy machine are slow.
PATIENCE_SECONDS = float(os.environ.get("KERUEN_PATIENCE", "60"))
POLL_SECONDS = 0.05


def until(what, condition, patience=PATIENCE_SECONDS, poll=POLL_SECONDS):
    """Polls `condition` until it is true and returns its value; a deadline is a failure. `what` may be
    a function that says it when it is known."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"after {patience:.0f} s still not: {what() if callable(what) else what}")
        time.sleep(poll)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run:
    """What a command printed and how it ended."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)


class Exchange:
    def __init__(self, agencies, origin="kz.exchange", kinds=("notice", "schedule")):
        self.agencies, self.origin, self.kinds = agencies, origin, kinds
        self.processes = {}

    # ---- setting up ----

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keruen-test-", dir="/tmp"))
        try:
            self._ceremony()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        failures = []
        for name in list(self.processes):
            try:
                self.stop(name)
            except AssertionError as failure:  # the others are to end all the same
                failures.append(str(failure))
        kind = kind or (AssertionError if failures else None)
        if kind is not None:
            for journal in sorted(self.folder.glob("*.journal")):
                lines = journal.read_text(errors="replace").splitlines()[-15:]
                print(f"--- {journal.name}\n" + "\n".join(lines))
        shutil.rmtree(self.folder, ignore_errors=True)
        if failures and value is None:
            raise AssertionError("; ".join(failures))

    def _ceremony(self):
        credential = self.path("authority.credential")
        credential.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
        credential.chmod(0o600)
        self.port = free_port()
        self.authority("init", "--exchange", self.origin)
        self.authority("broker", "--endpoint", f"tcp://127.0.0.1:{self.port}", "--out", self.path("broker"))
        for agency in self.agencies:
            self.enrol(agency)
        allow = [word for kind in self.kinds for word in ("--kind", kind)]
        self.authority("allow", "--from", "kz.all", "--to", "kz.all", *allow)
        self.authority("operator", "--name", "duty", "--role", "monitor", "--out", self.path("admin.toml"))
        self.publish()
        for agency in self.agencies:
            self.join(agency)

    def authority(self, *arguments):
        return self.keruen("authority", arguments[0], "--dir", self.path("authority"),
                           "--credential", self.path("authority.credential"), *arguments[1:], check=True)

    def enrol(self, agency):
        self.keruen("agency", "init", "--id", agency, "--name", f"en={agency}", "--dir", self.dir_of(agency), check=True)
        self.authority("admit", self.dir_of(agency) / f"{agency}.request", "--group", "kz.all", "--yes")

    def publish(self):
        self.authority("publish")

    def join(self, agency):
        self.keruen("agency", "join", "--dir", self.dir_of(agency),
                    self.path("authority") / "out" / f"{agency}.invitation", check=True)

    # ---- places ----

    def path(self, name):
        return self.folder / name

    def dir_of(self, agency):
        return self.folder / agency

    # ---- processes ----

    def lay_line(self, agency):
        """A proxy between the agent, once it starts, and the broker; its caller closes it."""
        line = Proxy(self.port)
        config = self.dir_of(agency) / "agent.toml"
        text, changed = re.subn(r'(?m)^# endpoint = .*$', f'endpoint = "tcp://127.0.0.1:{line.port}"', config.read_text())
        if changed != 1:
            raise AssertionError(f"{config} has no line to name another endpoint in")
        config.write_text(text)
        return line

    def start(self, name, *command):
        journal = open(self.path(f"{name}.journal"), "ab")
        process = subprocess.Popen([str(word) for word in command], stdout=journal, stderr=journal,
                                   stdin=subprocess.DEVNULL, cwd=self.folder)
        journal.close()
        self.processes[name] = process
        return process

    def stop(self, name, patience=PATIENCE_SECONDS):
        """Ends one process as an operator would; returns its exit status."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"{name} did not end within {patience:.0f} s of SIGTERM")
        return process.returncode

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def start_broker(self):
        self.start("broker", BIN / "keruen-broker", "--config", self.path("broker/broker.toml"))

    def start_agent(self, agency):
        self.start(agency, BIN / "keruen-agent", "--config", self.dir_of(agency) / "agent.toml")
        until(f"the agent of {agency} answers",
              lambda: self.agent(agency, "--json", "status", check=False).code in (0, 3))

    def start_all(self):
        self.start_broker()
        for agency in self.agencies:
            self.start_agent(agency)
        for agency in self.agencies:
            self.wait_ready(agency)

    def wait_ready(self, agency):
        """Connected, and may write to somebody: registry and directory are here."""
        def ready():
            status = self.keruen("--agent", self.dir_of(agency), "--json", "status")
            book = self.keruen("--agent", self.dir_of(agency), "--json", "agencies")
            return (status.code in (0, 3) and status.json["link"]["connected"] and book.code == 0
                    and any(each["may_send"] for each in book.json["agencies"]))
        until(f"{agency} is connected and has the registry", ready)

    # ---- the command line ----

    def keruen(self, *arguments, check=False, stdin=None):
        done = subprocess.run([str(BIN / "keruen"), *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder, timeout=120, input=stdin, stdin=None if stdin else subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"keruen {' '.join(map(str, arguments))}\nexit {done.returncode}\n"
                                 f"{done.stdout}\n{done.stderr}")
        return Run(done)

    def agent(self, agency, *arguments, check=True):
        return self.keruen("--agent", self.dir_of(agency), *arguments, check=check)

    def send(self, sender, to, text, *more):
        recipients = [word for party in ([to] if isinstance(to, str) else to) for word in ("--to", party)]
        run = self.agent(sender, "send", "notice", *recipients, "--type", "information", "--subject", text,
                         "--text", text, "--handling", "H0", *more)
        return run.out.strip()

    def inbox(self, agency, most=500):
        return self.agent(agency, "--json", "inbox", "--most", most).json["messages"]

    def recipient(self, sender, message, recipient):
        for each in self.agent(sender, "--json", "receipts", message).json["recipients"]:
            if each["recipient"] == recipient:
                return each
        raise AssertionError(f"{message} was never for {recipient}")

    def wait_state(self, sender, message, recipient, state):
        return until(f"{message} is {state} at {recipient}",
                     lambda: self.recipient(sender, message, recipient)["state"] == state)

    def has_file(self, agency, message):
        """All parts of the message's first file."""
        shown = self.agent(agency, "--json", "show", message, check=False)
        if shown.code != 0:
            return False
        attachment = shown.json["attachments"][0]
        return attachment["parts_here"] == attachment["parts"]

    def wait_arrived(self, agency, message):
        until(f"{message} arrived at {agency}",
              lambda: any(each["id"] == message for each in self.inbox(agency)))
