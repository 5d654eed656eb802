#!/usr/bin/env python3
"""Two live agents on copies of one store, which must never run: they disturb each other, say so, and
nothing is lost or corrupted once one of them is ended."""
import os
import random
import shutil
import sys
import time
import unittest

import rounds
from application import Application
from history import PASSED, judge
from world import BIN, RESTORED, World, soon

CUSTOMS = "kz.customs"
# The copy's sends are judged as a process of its own: two stores share no order.
COPY = "kz.customs.copy"
TOGETHER_SECONDS = 4


class Copies(unittest.TestCase):
    def test_two_agents_on_copies_of_one_store(self):
        seed = int(os.environ.get("KERUEN_SEED", random.randrange(2**32)))
        print("seed", seed)
        with World(random.Random(seed)) as world:
            world.begin()
            rounds.Burst(world).join()
            world.judge_quiet()
            world.restored[CUSTOMS] += 1
            copy = self.start_copy(world)
            self.both_send(world, copy)
            # Each alone for a while, so that what it holds gets out; the copy is ended for good.
            world.kill(CUSTOMS)
            world.kill(COPY)
            self.start(world, COPY)
            soon("what the copy took is settled", lambda: not copy.waits_for())
            world.kill(COPY)
            copy.close()
            world.start_machine(CUSTOMS)
            rounds.probe(world)
            drained = world.drain()
            report = judge(self.histories(world, copy), True, drained, world.path("judged"))
            self.assertEqual(report.code, PASSED, report)
            self.assertTrue(any(RESTORED in record.get("words", "") for record in
                                copy.history.records + world.applications[CUSTOMS].history.records),
                            "neither of the two says that its store was copied")

    def start(self, world, name):
        folder = world.path(name) if name == COPY else world.dir_of(name)
        world.start(name, BIN / "keruen-agent", "--config", folder / "agent.toml")

    def start_copy(self, world):
        original = world.applications[CUSTOMS]
        world.stop(CUSTOMS)
        original.wait_away()
        folder = world.path(COPY)
        shutil.copytree(world.dir_of(CUSTOMS), folder, ignore=shutil.ignore_patterns("*.socket"))
        copy = Application(CUSTOMS, original.others, folder / "agent.socket", world.path("copy.history"), name=COPY)
        copy.cursor = original.cursor
        world.start_machine(CUSTOMS)
        self.start(world, COPY)
        copy.listen()
        for application in (original, copy):
            soon("both agents answer", application.status)
        return copy

    @staticmethod
    def both_send(world, copy):
        end = time.monotonic() + TOGETHER_SECONDS
        while time.monotonic() < end:
            for application in [*world.applications.values(), copy]:
                application.send(*rounds.draw_letter(world.dice, application))
            time.sleep(0.1)

    @staticmethod
    def histories(world, copy):
        """The original's store is the one that goes on: it must have everything. What the copy
        received besides is not looked at."""
        def by_writer(record):
            if record["event"] == "receive" and record["value"].startswith(f"{COPY}-"):
                return dict(record, **{"from": COPY})
            return record
        sent = ("invoke", "ok", "fail", "unknown", "outcome")
        yield COPY, [record for record in copy.history.records if record["event"] in sent]
        for agency, application in world.applications.items():
            yield agency, [by_writer(record) for record in application.history.records]


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
