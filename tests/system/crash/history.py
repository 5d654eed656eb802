"""What an application saw, as the checker reads it: one file a process, a JSON object a line.

tests/checker/history_file.h says what each line means. Lines are written as things happen, so what
a killed run saw stays.
"""
import hashlib
import json
import os
import pathlib
import subprocess
import threading
import time

CHECKER = pathlib.Path(os.environ.get("KERUEN_CHECK_HISTORY", "keruen-check-history"))
PASSED, FINDINGS, UNKNOWN = 0, 3, 4


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


class History:
    """The lines of one process. `plant` may change or drop records before they count: a defect."""

    def __init__(self, process, path):
        self.process, self.path, self.plant = process, path, None
        self.records = []
        self.seen = []  # before `plant`: by these the harness knows what is still to come
        self._lock = threading.Lock()
        self._file = open(path, "w", encoding="utf-8")
        self._write({"event": "begin", "process": process})

    def _write(self, line):
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def add(self, event, **fields):
        record = {"event": event, "at": int(time.monotonic() * 1000), **fields}
        with self._lock:
            if self._file.closed:
                return
            self.seen.append(record)
            for line in [record] if self.plant is None else self.plant(record):
                self.records.append(line)
                self._write(line)

    def close(self):
        with self._lock:
            self._file.close()


class Report:
    """The checker's answer."""

    def __init__(self, done):
        self.code = done.returncode
        try:
            told = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"keruen-check-history ended with {done.returncode} and no report: "
                                 f"{done.stdout}{done.stderr}") from None
        self.verdict, self.findings = told["verdict"], told["findings"]
        self.why_unknown = told.get("why_unknown", "")
        self.absences_named = told["absences_named"]
        self.sends, self.deliveries = told["sends"], told["deliveries"]

    @property
    def kinds(self):
        return {finding["kind"] for finding in self.findings}

    def __str__(self):
        lines = [f"{self.verdict}: {self.sends} sends, {self.deliveries} deliveries {self.why_unknown}"]
        lines += [json.dumps(finding) for finding in self.findings[:20]]
        lines += [f"named: {words}" for words in self.absences_named[:20]]
        return "\n  ".join(lines)


def judge(histories, healed, drained, folder):
    """Copies of `histories` up to now, ended, before the checker; its exit code decides.

    `histories` are (process, records) pairs; the copies stay in `folder` for people to read.
    """
    folder.mkdir(exist_ok=True)
    files = []
    for process, records in histories:
        end = {"event": "end", "at": int(time.monotonic() * 1000), "healed": healed, "drained": drained}
        lines = [{"event": "begin", "process": process}, *records, end]
        files.append(folder / f"{process}.history")
        files[-1].write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = subprocess.run([CHECKER, "--json", *files], capture_output=True, text=True, timeout=60)
    return Report(done)
