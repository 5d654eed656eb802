#!/usr/bin/env python3
"""Rounds of faults on real processes, judged by keruen-check-history. See README.md.

    crash_test.py --faults kill,stop --rounds 50 --seed 4711
"""
import argparse
import collections
import os
import random
import sys
import time
import traceback

import rounds
from faults import FAULTS
from world import World


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("KERUEN_SEED", random.randrange(2**32))))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--faults", default="kill", help=f"which may happen, of: {', '.join(FAULTS)}")
    parser.add_argument("--verbose", action="store_true", help="a line a round")
    chosen = parser.parse_args()
    chosen.faults = chosen.faults.split(",")
    for name in chosen.faults:
        if name not in FAULTS:
            parser.error(f"no fault is called {name}; there are {', '.join(FAULTS)}")
    return chosen


def run(chosen):
    dice = random.Random(chosen.seed)
    done = collections.Counter()
    began = time.monotonic()
    with World(dice) as world:
        world.begin()
        for number in range(1, chosen.rounds + 1):
            name = dice.choice(chosen.faults)
            round_began = time.monotonic()
            words = rounds.play(world, FAULTS[name], number)
            done.update([name])
            if chosen.verbose:
                print(f"{number}: {words}: {time.monotonic() - round_began:.2f} s", flush=True)
        world.judge_quiet(view="inbox")
        report = world.judged
    seconds = time.monotonic() - began
    print(f"{chosen.rounds} rounds in {seconds:.1f} s: {report.sends} sends, {report.deliveries} deliveries; "
          f"{dict(done)}")


def main():
    chosen = arguments()
    again = f"crash_test.py --seed {chosen.seed} --rounds {chosen.rounds} --faults {','.join(chosen.faults)}"
    print(again, flush=True)
    try:
        run(chosen)
    except AssertionError:
        traceback.print_exc()
        print(f"again: {again}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
