#!/usr/bin/env python3
"""A bit of what the broker accepted is wrong: it does not start, names file and place, and once the
file is put right everything is there."""
import os
import random
import sys
import unittest

import broker_log
import rounds
from exchange import until
from world import BROKER, World


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get("KERUEN_SEED", random.randrange(2**32)))
        print("seed", seed)
        cls.dice = random.Random(seed)
        cls.world = cls.enterClassContext(World(cls.dice))
        cls.world.begin()

    def setUp(self):
        """Some records, the last of them promised by a checkpoint, and the broker down."""
        rounds.Burst(self.world).join()
        rounds.probe(self.world)
        self.world.judge_quiet()
        until("a checkpoint covers the last record", self.is_all_signed)
        self.world.kill(BROKER)
        self.segment = broker_log.newest_segment(self.world.path(BROKER))
        self.records = broker_log.records(self.segment)

    def is_all_signed(self):
        """The broker's guard says on its second line how many records its last checkpoint covers."""
        signed = int(self.world.path("broker/guard/checkpoint").read_text().splitlines()[1])
        return signed >= broker_log.end_index(broker_log.newest_segment(self.world.path(BROKER)))

    def tearDown(self):
        """Put right, nothing is missing: agents that waited long come back at once."""
        for agency in self.world.impatient():
            self.world.kill(agency)
        for machine in self.world.machines:
            if machine not in self.world.processes:
                self.world.start_machine(machine)
        rounds.probe(self.world)
        self.world.judge_quiet(may_say=("start_failed corrupt ",))

    def refused_with_place(self, offset, place):
        """Flips a bit, expects the refusal, and flips it back. `place`: where the record begins."""
        bit = self.dice.randrange(8)
        broker_log.flip_bit(self.segment, offset, bit)
        words_from = self.world.journal_size(BROKER)
        self.world.start_machine(BROKER)
        status = self.world.wait_ended(BROKER)
        words = self.world.words_since(BROKER, words_from)
        broker_log.flip_bit(self.segment, offset, bit)
        self.assertEqual(status, 1, words)
        self.assertIn(str(self.segment), words)
        if place is not None:
            self.assertIn(f"at byte {place} ", words)

    def test_in_a_record_of_the_middle(self):
        at, size = self.dice.choice(self.records[:-3])
        self.refused_with_place(at + self.dice.randrange(size), at)

    def test_in_the_last_record_that_a_checkpoint_promised(self):
        at, size = self.records[-1]
        self.refused_with_place(at + self.dice.randrange(size), at)

    def test_in_the_head_of_the_segment(self):
        self.refused_with_place(self.dice.randrange(broker_log.HEAD_BYTES), None)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
