#!/usr/bin/env python3
"""Checks delivery.pml with Spin: the model as it is, and each planted defect, which must be found.

    check_model.py --list              the names of the runs
    check_model.py [NAME ...]          those runs, or all
        [--spin PROGRAM] [--compiler PROGRAM]

A run searches every state there is within its bounds. A true one passes when the search was not cut
short and found nothing; one with a defect when it failed under the property that is named for it.
Exit 0: all passed. Exit 1: what failed, with the steps that lead there.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).resolve().parent / "delivery.pml"

CRASHES = ["BROKER_CRASHES=1", "SENDER_CRASHES=1", "RECIPIENT_CRASHES=1"]
CUTS = ["SENDER_CUTS=1", "RECIPIENT_CUTS=1"]

# The model as it is, under faults of several kinds; two messages unless said otherwise.
TRUE = {
    "crashes": CRASHES + CUTS + ["BROKER_CRASHES=2", "OVERLOADS=1"],
    "sealed_again": CRASHES + ["KEY_ENDS=1", "OVERLOADS=1"],
    "restored_sender": CRASHES + ["RESTORES=1"],
    "three_messages": CRASHES + ["MESSAGES=3", "OVERLOADS=1"],
}
# A defect: the faults under which it shows, and the property that must fail first.
BROKEN = {
    "ACCEPTED_BEFORE_SYNC": (["BROKER_CRASHES=1"], "accepted_is_kept"),
    "SYNC_RETRIED": (["BROKER_CRASHES=1"], "accepted_is_kept"),
    "HEADS_CLEARED_ON_RESTART": (["BROKER_CRASHES=1"], "no_false_alarm"),
    "REPEAT_REFUSED": (["SENDER_CUTS=1"], "everything_arrives"),
    "SEQUENCE_NOT_CHECKED": (["OVERLOADS=1"], "in_order"),
    "FORGOTTEN_WHEN_SENT": (["SENDER_CUTS=1"], "everything_arrives"),
    "SEALED_ANEW": (["SENDER_CRASHES=1"], "no_false_alarm"),
    "DISSOLVED_TO_THE_END": (["KEY_ENDS=1"], "in_order"),
    "CURSOR_BEFORE_MESSAGE": (["RECIPIENT_CRASHES=1"], "passed_is_stored"),
    "EFFECT_BEFORE_DEDUP": (["RECIPIENT_CRASHES=1"], "effect_once"),
    "DEDUP_CLEARED_ON_RESTART": (["RECIPIENT_CRASHES=1", "RESTORES=1"], "effect_once"),
}

CUT_SHORT = ("Search not completed", "max search depth too small", "out of memory", "hash table full")
STEPS_SHOWN = 80


class Failure(Exception):
    pass


def run(arguments, folder):
    if "/" not in arguments[0] and not shutil.which(arguments[0]):
        raise Failure(f"{arguments[0]} is not installed: deploy/setup check installs it")
    done = subprocess.run(arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def defines(name):
    chosen = TRUE[name] if name in TRUE else BROKEN[name][0] + [name]
    # A later one stands in place of an earlier one.
    values = dict(define.partition("=")[::2] for define in ["MESSAGES=2", *chosen])
    return [f"-D{key}={value}" if value else f"-D{key}" for key, value in values.items()]


def search(name, programs, folder):
    """What pan printed."""
    (folder / MODEL.name).write_bytes(MODEL.read_bytes())
    generated = run([programs.spin, *defines(name), "-a", MODEL.name], folder)
    if "error" in generated.lower():
        raise Failure(generated)
    # Warnings are of generated code, which nobody can mend here.
    run([programs.compiler, "-O1", "-w", "-DNOFAIR", "-DMEMLIM=1024", "-o", "pan", "pan.c"], folder)
    return run(["./pan", "-a", "-n", "-m100000"], folder)


def property_failed(report):
    """The name of the property a search failed under; None when it found nothing."""
    if re.search(r"errors: 0\b", report):
        return None
    if "acceptance cycle" in report:
        return "everything_arrives"
    violated = re.search(r"assertion violated \(?(\w+)\)?", report)
    return violated.group(1) if violated else report


def steps_to_failure(name, programs, folder):
    shown = subprocess.run([programs.spin, *defines(name), "-t", "-p", "-g", MODEL.name], cwd=folder,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "\n".join(shown.stdout.splitlines()[-STEPS_SHOWN:])


def check(name, programs):
    """One line of what was found. Raises Failure."""
    expected = BROKEN[name][1] if name in BROKEN else None
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keruen-model-") as place:
        folder = pathlib.Path(place)
        report = search(name, programs, folder)
        states = re.search(r"(\S+) states, stored", report)
        took = f"{states.group(1) if states else '?'} states, {time.monotonic() - began:.1f} s"
        failed = property_failed(report)
        if failed != expected:
            raise Failure(f"{name}: expected {expected or 'no failure'}, found {failed or 'none'} ({took})\n"
                          + steps_to_failure(name, programs, folder))
        if expected is None and (not states or any(words in report for words in CUT_SHORT)):
            raise Failure(f"{name}: the search was cut short, so it proves nothing:\n{report}")
    return f"{name}: {'fails under ' + expected if expected else 'holds'} ({took})"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names", nargs="*", metavar="NAME")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("--spin", default="spin")
    arguments.add_argument("--compiler", default="cc")
    chosen = arguments.parse_args()
    names = [*TRUE, *BROKEN]
    if chosen.list:
        print("\n".join(names))
        return 0
    unknown = [name for name in chosen.names if name not in names]
    if unknown:
        arguments.error(f"no run {', '.join(unknown)}; there are {', '.join(names)}")
    failures = 0
    for name in chosen.names or names:
        try:
            print(check(name, chosen), flush=True)
        except Failure as failure:
            print(failure, flush=True)
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
