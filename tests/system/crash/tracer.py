"""A program whose system calls fail or come back short, from its start on.

strace makes the n-th call fail; short_writes.cc, preloaded, makes writes shorter than asked. Both
leave the program itself as our child. Files are written with pwrite64 alone, so `write` is left be:
it would fail event counters, sockets and the journal.
"""
import os
import pathlib
import re

# A call other threads' lines stand in the middle of has two, and the file in the first alone.
CALL = re.compile(r"(\d+) +(?:\w+\(\d+<([^>]*)>|<\.\.\. \w+ resumed>)")


def failing(call, error, when, trace):
    """`when`: 5 the fifth call of each thread, 5+ that and all later ones."""
    return ["strace", "-D", "-f", "-qq", "-y", "-s", "0", "--seccomp-bpf", "-e", "signal=none", "-o", str(trace),
            "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]


def injected(trace):
    """The files whose calls failed so far, in order."""
    files, failed = {}, []
    try:
        lines = trace.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        if call := CALL.match(line):
            thread, file = call.groups()
            files[thread] = file or files[thread]
            if line.endswith("(INJECTED)"):
                failed.append(files[thread])
    return failed


def short_writing(percent, witness):
    """Positioned writes alone, those to files: an event counter takes eight bytes or none, and libzmq
    rightly ends the program where one takes fewer. `witness` is there once one came back short."""
    library = pathlib.Path(os.environ["KERUEN_SHORT_WRITES_LIBRARY"])
    # A preload that is not there is passed over in silence.
    if not library.exists():
        raise AssertionError(f"{library} is missing: the build makes it")
    return ["env", f"LD_PRELOAD={library}", f"KERUEN_SHORT_WRITES={percent}", f"KERUEN_SHORT_WRITES_WITNESS={witness}"]
