"""An exchange of real processes that can be hurt: killed, stopped, started under a tracer, put on disks
of their own. Everything in ../exchange.py holds; this adds applications and their judgement.

    with World(dice) as world:
        world.begin()
        …hurt it…
        world.judge_quiet()

A machine is `broker` or an agency. Every wait has a deadline; a process that ends when nobody hurt it
is a failure at once.
"""
import json
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from application import Application  # noqa: E402
from exchange import BIN, PATIENCE_SECONDS, Exchange, until  # noqa: E402
from history import PASSED, judge  # noqa: E402
from proxy import Proxy  # noqa: E402

BROKER = "broker"
AGENCIES = ("kz.border-guard", "kz.customs", "kz.prosecutor")
# Small segments: rounds cross from one into the next, and a world takes little of the disk.
SEGMENT_BYTES = 4 * 1024 * 1024
POLL_SECONDS = 0.02
RESTORED = "restored from a backup or copied"
# What a process says when another did what it must not: with honest parts, a finding.
ACCUSATIONS = ("no longer has", "another directory", "does not know the directory", "does not verify",
               "more than it was allowed", "withheld", "cannot be read", RESTORED)


def complaint(line):
    """What a line of a journal says at level warning or error: its event, its code, its other fields.
    None: it says nothing of the kind."""
    try:
        told = json.loads(line)
    except ValueError:
        return None  # a word to whoever started it, or cut off by kill -9
    # Lines that were left out are more of what stands there.
    if told.pop("level") not in ("warning", "error") or told["event"] == "lines_left_out":
        return None
    words = [told.pop("event"), told.pop("code", None), *(told[name] for name in told if name != "time")]
    return " ".join(str(word) for word in words if word is not None)


def soon(what, condition, patience=PATIENCE_SECONDS):
    """exchange.until, polled faster: rounds are short."""
    return until(what, condition, patience, POLL_SECONDS)


class World(Exchange):
    def __init__(self, dice, agencies=AGENCIES, grounds=None, lines=False):
        """`grounds`: what lies under a machine's folder, from disks.py; absent: the folder itself.
        `lines`: each agent reaches the broker through a proxy of its own."""
        super().__init__(list(agencies), kinds=("notice",))
        self.dice, self.grounds, self.through_lines = dice, grounds or {}, lines
        self.lines = {}
        self.applications = {}
        self.links_lost = dict.fromkeys(agencies, 0)  # since its agent started
        self.restored = dict.fromkeys(agencies, 0)  # how often each went back to a copy: it says so, rightly
        self.judged = None
        self._read_to = dict.fromkeys(self.machines, 0)  # in each journal

    # ---- setting up ----

    def _ceremony(self):
        for machine, ground in self.grounds.items():
            ground.lay(self.path(machine))
        super()._ceremony()
        config = self.path("broker/broker.toml")
        text = config.read_text()
        config.write_text(re.sub(r"(?m)^segment_bytes = \d+$", f"segment_bytes = {SEGMENT_BYTES}", text))
        for agency in self.agencies:
            if self.through_lines:
                self.lines[agency] = self.lay_line(agency)
            others = [other for other in self.agencies if other != agency]
            self.applications[agency] = Application(agency, others, self.dir_of(agency) / "agent.socket",
                                                    self.path(f"{agency}.history"))

    def __exit__(self, kind, value, trace):
        for name in list(self.processes):
            self.resume(name)
            self.kill(name)
        for application in self.applications.values():
            application.close()
        for line in self.lines.values():
            line.close()
        if kind is not None and (kept := os.environ.get("KERUEN_CRASH_KEEP")):
            self._keep(pathlib.Path(kept) / self.folder.name)
        try:
            for ground in self.grounds.values():
                ground.clear()
        finally:
            super().__exit__(kind, value, trace)

    def _keep(self, target):
        """Histories and journals of a failed run, for people."""
        target.mkdir(parents=True, exist_ok=True)
        for path in [*self.folder.glob("*.journal"), *self.folder.glob("*.history"), *self.folder.glob("judged*/*")]:
            name = path.relative_to(self.folder).as_posix().replace("/", "-")
            (target / name).write_bytes(path.read_bytes())
        print(f"histories and journals are kept in {target}")

    def begin(self):
        """Everybody runs, knows the registry and may write."""
        self.start_machine(BROKER)
        for agency in self.agencies:
            self.start_machine(agency)
            self.applications[agency].listen()
        for agency in self.agencies:
            self.wait_ready(agency)

    # ---- machines ----

    @property
    def machines(self):
        return [BROKER, *self.agencies]

    def command_of(self, machine):
        if machine == BROKER:
            return [BIN / "keruen-broker", "--config", self.path("broker/broker.toml")]
        return [BIN / "keruen-agent", "--config", self.dir_of(machine) / "agent.toml"]

    def start_machine(self, machine, wrapper=()):
        """`wrapper` must leave the program itself as our child: `strace -D …`, `env …`."""
        if machine != BROKER:
            self.links_lost[machine] = 0
        self.start(machine, *wrapper, *self.command_of(machine))

    def kill(self, machine):
        if machine == BROKER:
            for agency in self.links_lost:
                self.links_lost[agency] += 1
        super().kill(machine)

    def signal(self, machine, number):
        self.processes[machine].send_signal(number)

    def resume(self, machine):
        process = self.processes.get(machine)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)

    def wait_stopped(self, machine):
        """SIGSTOP is done when every thread has left the kernel: no write of it is still under way."""
        tasks = pathlib.Path(f"/proc/{self.processes[machine].pid}/task")

        def all_stopped():
            try:
                states = [(task / "stat").read_text().rsplit(")", 1)[1].split()[0] for task in tasks.iterdir()]
            except (FileNotFoundError, ProcessLookupError):
                return False  # a thread that was just ending
            return all(state in "Tt" for state in states)
        soon(f"every thread of {machine} is stopped", all_stopped)

    def wait_ended(self, machine, patience=PATIENCE_SECONDS):
        """It was hurt so that it must end by itself; its exit status."""
        process = self.processes[machine]
        soon(f"{machine} ends by itself", lambda: process.poll() is not None, patience)
        if machine == BROKER:
            for agency in self.links_lost:
                self.links_lost[agency] += 1
        return self.processes.pop(machine).returncode

    def impatient(self):
        """Agents that will wait for seconds when they lose their broker once more: each loss soon after
        the last doubles the wait. Killed with the broker, they come back at once."""
        return [agency for agency, losses in self.links_lost.items() if losses >= 1]

    def journal_of(self, machine):
        return self.path(f"{machine}.journal").read_text(errors="replace")

    def words_since(self, machine, place):
        """What a machine printed behind `place`, a size of its journal."""
        with open(self.path(f"{machine}.journal"), "rb") as journal:
            journal.seek(place)
            return journal.read().decode(errors="replace")

    def journal_size(self, machine):
        path = self.path(f"{machine}.journal")
        return path.stat().st_size if path.exists() else 0

    def check_running(self):
        """A process that ended although nobody hurt it is what these tests look for."""
        for machine in self.machines:
            process = self.processes.get(machine)
            if process is None:
                raise AssertionError(f"the harness left {machine} down")
            if process.poll() is not None:
                words = self.journal_of(machine).splitlines()[-3:]
                raise AssertionError(f"{machine} ended by itself with {process.returncode}: {words}")

    # ---- judgement ----

    def drain(self, patience=PATIENCE_SECONDS):
        """True when all is quiet: everything sent settled, nothing waiting anywhere, all of it heard."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            self.check_running()
            self.check_applications()
            if all(application.is_quiet() for application in self.applications.values()):
                self._wait_heard()
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _wait_heard(self):
        """A recipient's application may be a moment behind its agent. What never comes, the checker names."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if all(told <= self._heard(agency) for agency, told in self._told_delivered().items()):
                return
            time.sleep(POLL_SECONDS)

    def _told_delivered(self):
        told = {agency: set() for agency in self.agencies}
        for application in self.applications.values():
            for record in list(application.history.seen):
                if record["event"] == "outcome" and record["outcome"] == "delivered":
                    told[record["recipient"]].add(record["value"])
        return told

    def _heard(self, agency):
        """What came, as the checker counts: what was put back to an earlier state forgot what was later."""
        heard, known = set(), float("inf")
        records = list(self.applications[agency].history.seen)
        for place, record in reversed(list(enumerate(records))):
            if record["event"] == "restored":
                known = min(known, record["records"])
            elif record["event"] == "receive" and place < known:
                heard.add(record["value"])
        return heard

    def check_applications(self):
        for application in self.applications.values():
            if application.fault:
                raise AssertionError(f"the harness itself failed: {application.fault}")

    def judge(self, drained, healed=True, view="events"):
        """The checker's report on everything so far."""
        histories = []
        for agency, application in self.applications.items():
            records = list(application.history.records)
            if view == "inbox":
                records = as_inbox(records, application.inbox())
            histories.append((agency, records))
        return judge(histories, healed, drained, self.path(f"judged-{view}"))

    def judge_quiet(self, view="events", patience=PATIENCE_SECONDS, may_say=()):
        """Drains, and fails unless the checker passed, nobody accused anybody, and the journals say of
        what happened since the last time no more than `may_say` allows."""
        drained = self.drain(patience)
        report = self.judge(drained, view=view)
        if report.code != PASSED:
            waiting = {agency: str(application.waits_for())[:300] for agency, application in self.applications.items()}
            raise AssertionError(f"the checker, by the {view}: {report}\n  waiting: {waiting}")
        self.check_accusations(report)
        self.check_journals(may_say)
        self.judged = report
        return report

    def check_accusations(self, report):
        for words in report.absences_named:
            if any(self.restored.values()) and RESTORED in words:
                continue
            if any(accusation in words for accusation in ACCUSATIONS):
                raise AssertionError(f"accused without cause: {words}")

    def check_journals(self, may_say):
        """`may_say`: how the complaints begin for which there is a cause, as regular expressions."""
        said = [f"{machine}: {words}" for machine in self.machines for words in self._new_complaints(machine)
                if not any(re.match(cause, words) for cause in may_say)]
        if said:
            raise AssertionError("said without cause: " + "\n  ".join(said[:10]))

    def _new_complaints(self, machine):
        with open(self.path(f"{machine}.journal"), "rb") as journal:
            journal.seek(self._read_to[machine])
            whole = journal.read().rpartition(b"\n")[0]
        self._read_to[machine] += len(whole)
        return [words for line in whole.decode(errors="replace").splitlines() if (words := complaint(line))]


def as_inbox(records, shown):
    """The same history with the inbox in the place of what events told. Records before a copy was
    made are fewer then; a receive after it is the inbox's business alone."""
    kept, count_until = [], [0]
    for record in records:
        if record["event"] != "receive":
            if record["event"] == "restored":
                record = dict(record, records=count_until[record["records"]])
            kept.append(record)
        count_until.append(len(kept))
    return kept + shown
