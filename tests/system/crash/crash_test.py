#!/usr/bin/env python3
"""Rounds of faults on real processes, judged by keruen-check-history. See README.md.

    crash_test.py --faults kill,stop --rounds 50 --seed 4711
"""
import argparse
import collections
import os
import random
import sys
import threading
import time
import traceback

import rounds
from disks import DiskImage, SmallDisk, can_mount, enter_namespace
from faults import FAULTS
from world import AGENCIES, BROKER, World

SKIPPED = 77  # ctest says so


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("KERUEN_SEED", random.randrange(2**32))))
    parser.add_argument("--rounds", type=int, default=50, help="in each world")
    parser.add_argument("--worlds", type=int, default=1, help="so many exchanges side by side")
    parser.add_argument("--agencies", type=int, default=len(AGENCIES), choices=range(2, len(AGENCIES) + 1))
    parser.add_argument("--faults", default="kill", help=f"which may happen, of: {', '.join(FAULTS)}")
    parser.add_argument("--verbose", action="store_true", help="a line a round")
    chosen = parser.parse_args()
    # Started again in a namespace it is the same run.
    chosen.seed = int(os.environ.setdefault("KERUEN_SEED", str(chosen.seed)))
    chosen.faults = chosen.faults.split(",")
    for name in chosen.faults:
        if name not in FAULTS:
            parser.error(f"no fault is called {name}; there are {', '.join(FAULTS)}")
    return chosen


FULL = {"full-agent", "full-broker"}


def grounds_for(faults, agencies):
    """The disks these faults need under the machines' folders."""
    if FULL & set(faults):
        return {BROKER: SmallDisk(96), **{agency: SmallDisk(48) for agency in agencies}}
    if "power" in faults:
        return {BROKER: DiskImage(160), **{agency: DiskImage(48) for agency in agencies}}
    return {}


def reach_mounts(chosen):
    """False: nothing is left of the faults asked for on a machine that allows no mounts."""
    wants_full, wants_power = bool(FULL & set(chosen.faults)), "power" in chosen.faults
    if wants_full and wants_power:
        raise SystemExit("full and power each need disks of their own: run them one after the other")
    if not (wants_full or wants_power) or (enter_namespace() and can_mount(SmallDisk if wants_full else DiskImage)):
        return True
    if wants_full:
        print("NOT AS MEANT: this machine allows no mounts; a disk is full because strace says so")
        chosen.faults = [name for name in chosen.faults if name not in FULL] + ["refused"]
        return True
    print("NOT TESTED: this machine allows no loop mounts, so no power can be cut")
    chosen.faults.remove("power")
    return bool(chosen.faults)


def run(chosen, number):
    """One world from its beginning to its last judgement."""
    dice = random.Random(f"{chosen.seed} world {number}")
    done = collections.Counter()
    began = time.monotonic()
    agencies = AGENCIES[:chosen.agencies]
    with World(dice, agencies, grounds_for(chosen.faults, agencies), lines="network" in chosen.faults) as world:
        world.begin()
        for played in range(1, chosen.rounds + 1):
            name = dice.choice(chosen.faults)
            round_began = time.monotonic()
            words = rounds.play(world, FAULTS[name], played)
            done.update([name])
            if chosen.verbose:
                print(f"world {number}, round {played}: {words}: {time.monotonic() - round_began:.2f} s", flush=True)
        world.judge_quiet(view="inbox")
        report = world.judged
        repeated = sum((each.repeated for each in world.applications.values()), collections.Counter())
    seconds = time.monotonic() - began
    print(f"world {number}: {chosen.rounds} rounds in {seconds:.1f} s: {report.sends} sends, "
          f"{report.deliveries} deliveries; {dict(done)}; repeated, and how that ended: {dict(repeated)}", flush=True)


def run_all(chosen):
    """Worlds side by side: in most of a round they wait. True when all passed."""
    failures = []

    def guarded(number):
        try:
            run(chosen, number)
        except Exception:  # each world's own, printed together at the end
            failures.append(f"world {number}: {traceback.format_exc()}")
    worlds = [threading.Thread(target=guarded, args=(number,)) for number in range(1, chosen.worlds + 1)]
    for world in worlds:
        world.start()
    for world in worlds:
        world.join()
    for failure in failures:
        print(failure)
    return not failures


def main():
    chosen = arguments()
    again = (f"crash_test.py --seed {chosen.seed} --worlds {chosen.worlds} --agencies {chosen.agencies} "
             f"--rounds {chosen.rounds} --faults {','.join(chosen.faults)}")
    if not reach_mounts(chosen):
        return SKIPPED
    print(again, flush=True)
    if run_all(chosen):
        return 0
    print(f"again: {again}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
