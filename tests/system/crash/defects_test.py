#!/usr/bin/env python3
"""Planted defects: each must be found, by the whole chain from real processes to the checker's answer.

Some are planted in what an application sees, as a defective agent would show it; some are done to the
disks behind the programs' backs. An honest round must pass in the same world.
"""
import itertools
import os
import random
import shutil
import sqlite3
import sys
import time
import unittest

import broker_log
import rounds
from history import digest_of
from world import BROKER, PATIENCE_SECONDS, World, soon

BORDER, CUSTOMS, PROSECUTOR = "kz.border-guard", "kz.customs", "kz.prosecutor"
# What is lost never comes: waiting longer finds nothing more.
DRAIN_SECONDS = 2


class Planted(unittest.TestCase):
    def setUp(self):
        self.settle()
        for application in self.world.applications.values():
            application.begin_anew()

    def tearDown(self):
        for application in self.world.applications.values():
            application.history.plant = None

    def settle(self):
        """What an earlier defect left behind is over before the next is planted."""
        for machine in self.world.machines:
            if machine not in self.world.processes:
                self.world.start_machine(machine)
        for application in self.world.applications.values():
            application.under_way = {}
        self.assertTrue(self.world.drain(), "the world is not quiet again")

    def plant(self, agency, change):
        self.world.applications[agency].history.plant = change

    def traffic(self):
        rounds.Burst(self.world).join()
        rounds.probe(self.world)

    def assert_found(self, kind, view="events", missing=None):
        """`missing`: whose message never comes, and what would overtake it; everybody else's does."""
        if missing:
            soon("what others sent came", lambda: not any(
                application.waits_for() for agency, application in self.world.applications.items()
                if agency != missing))
        drained = self.world.drain(DRAIN_SECONDS if missing else PATIENCE_SECONDS)
        report = self.world.judge(drained, view=view)
        self.assertEqual(report.verdict, "failed", report)
        self.assertIn(kind, report.kinds, report)
        if missing:
            self.assertEqual({finding["sender"] for finding in report.findings}, {missing}, report)

    def send(self, sender, to, lane="routine"):
        self.assertEqual(self.world.applications[sender].send(to, lane), "ok")

    def restart_later(self, *agencies):
        """Agents that lost their broker before would wait for seconds."""
        for agency in agencies or self.world.impatient():
            self.world.kill(agency)
            self.world.start_machine(agency)


class once:
    """A plant for the first record that fits; `change` makes of it what the history gets instead."""

    def __init__(self, fits, change):
        self.fits, self.change, self.done = fits, change, False

    def __call__(self, record):
        if self.done or not self.fits(record):
            return [record]
        self.done = True
        return self.change(record)


def is_receive(record):
    return record["event"] == "receive"


def is_delivered(record):
    return record["event"] == "outcome" and record["outcome"] == "delivered"


class InSight(Planted):
    """A defective agent, as its application would see it."""

    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get("KERUEN_SEED", random.randrange(2**32)))
        print("seed", seed)
        cls.world = cls.enterClassContext(World(random.Random(seed)))
        cls.world.begin()

    def test_nothing_planted_passes(self):
        self.traffic()
        self.world.judge_quiet()
        self.world.judge_quiet(view="inbox")

    def test_received_twice(self):
        self.plant(CUSTOMS, once(is_receive, lambda record: [record, record]))
        self.traffic()
        self.assert_found("duplicated")

    def test_two_swapped(self):
        """Whatever its neighbour in its pair and lane is, the first comes after it."""
        held = []

        def swap(record):
            if not is_receive(record):
                return [record]
            if not held:
                held.append(record)
                return []
            if (record["from"], record["lane"]) == (held[0]["from"], held[0]["lane"]) and len(held) == 1:
                held.append(None)
                return [record, held[0]]
            return [record]
        self.plant(CUSTOMS, swap)
        for _ in range(2):
            self.send(BORDER, [CUSTOMS])
        self.assert_found("out of order")

    def test_other_content(self):
        self.plant(CUSTOMS, once(is_receive, lambda record: [dict(record, digest=digest_of("something else"))]))
        self.traffic()
        self.assert_found("altered")

    def test_other_lane(self):
        self.plant(CUSTOMS, once(lambda record: is_receive(record) and record["lane"] == "routine",
                                 lambda record: [dict(record, lane="flash")]))
        self.send(BORDER, [CUSTOMS], "routine")
        self.assert_found("altered")

    def test_one_in_five_dropped(self):
        seen = []

        def drop(record):
            if is_receive(record):
                seen.append(record)
                if len(seen) % 5 == 0:
                    return []
            return [record]
        self.plant(CUSTOMS, drop)
        for _ in range(5):
            self.send(BORDER, [CUSTOMS])
        self.assert_found("said delivered, not there")

    def test_dropped_in_silence(self):
        """Neither the recipient has it nor was the sender told anything."""
        sender = self.world.applications[BORDER]
        lost = f"{sender.name}-{sender.sent + 1}"  # the next; either may hear of it first
        self.plant(CUSTOMS, lambda record: [] if record.get("value") == lost and is_receive(record) else [record])
        self.plant(BORDER, lambda record: [] if record.get("value") == lost and is_delivered(record) else [record])
        self.send(BORDER, [CUSTOMS])
        self.send(BORDER, [CUSTOMS])
        self.assert_found("lost")

    def test_sent_and_called_failed(self):
        self.plant(BORDER, once(lambda record: record["event"] == "ok", lambda record: [dict(record, event="fail")]))
        self.traffic()
        self.assert_found("delivered in spite of refusal")

    def test_delivered_and_called_refused(self):
        self.plant(BORDER, once(is_delivered, lambda record: [dict(record, outcome="refused")]))
        self.traffic()
        self.assert_found("delivered in spite of refusal")

    def test_called_undeliverable_for_nothing(self):
        """Its agent threw a good message away and said so."""
        sender = self.world.applications[BORDER]
        lost = f"{sender.name}-{sender.sent + 1}"
        self.plant(CUSTOMS, lambda record: [] if record.get("value") == lost and is_receive(record) else [record])
        self.plant(BORDER, once(lambda record: record.get("value") == lost and is_delivered(record),
                                lambda record: [dict(record, outcome="undeliverable")]))
        self.send(BORDER, [CUSTOMS])
        self.send(BORDER, [CUSTOMS])
        self.assert_found("refused for nothing")

    def test_expired_before_its_time(self):
        self.plant(BORDER, once(is_delivered, lambda record: [dict(record, outcome="expired")]))
        self.traffic()
        self.assert_found("expired early")

    def test_named_another_sender(self):
        self.plant(CUSTOMS, once(is_receive, lambda record: [dict(record, **{"from": CUSTOMS})]))
        self.traffic()
        self.assert_found("never sent")

    def test_shown_to_who_was_not_meant(self):
        seen = []
        self.plant(CUSTOMS, lambda record: (seen.append(record) if is_receive(record) else None) or [record])
        self.send(BORDER, [CUSTOMS])
        self.world.drain()
        self.world.applications[PROSECUTOR].history.add(**seen[0])
        self.assert_found("never sent")

    def test_taken_and_never_handed_on(self):
        """`ok` before the message is stored, and then it is not."""
        application = self.world.applications[BORDER]
        honest, application._post = application._post, lambda value, request: "ok"
        try:
            self.send(BORDER, [CUSTOMS])
        finally:
            application._post = honest
        self.send(BORDER, [CUSTOMS])
        self.assert_found("not drained", missing=BORDER)

    def lose_an_answer(self, application):
        """The agent does what it is asked next, and the answer does not arrive."""
        honest = application._post_once

        def lost(value, request):
            application._post_once = honest
            self.assertEqual(honest(value, request), "ok")
            return "unknown"
        application._post_once = lost

    def test_an_answer_that_is_lost_is_no_defect(self):
        application = self.world.applications[BORDER]
        repeated = application.repeated["ok"]
        self.lose_an_answer(application)
        self.send(BORDER, [CUSTOMS])
        self.assertEqual(application.repeated["ok"], repeated + 1)
        self.world.judge_quiet()

    def test_a_repeat_taken_for_another_message(self):
        application = self.world.applications[BORDER]
        self.lose_an_answer(application)
        honest, requests = application.key_of, itertools.count()
        application.key_of = lambda value: f"{value}.{next(requests)}"
        try:
            self.send(BORDER, [CUSTOMS])
        finally:
            application.key_of = honest
        # Both, so that nothing of the second is left to the next test.
        twice = self.world.applications[CUSTOMS].history, application.history
        soon("both came, and were told", lambda: all(
            sum(map(fits, list(history.seen))) >= 2 for history, fits in zip(twice, (is_receive, is_delivered))))
        self.assert_found("duplicated")

    def test_said_for_nothing(self):
        """A warning in a journal that nothing was done for."""
        self.traffic()
        with open(self.world.path(f"{CUSTOMS}.journal"), "a", encoding="utf-8") as journal:
            journal.write('{"level":"warning","event":"alert","text":"Something is missing."}\n')
        with self.assertRaisesRegex(AssertionError, f"said without cause: {CUSTOMS}: alert Something is missing"):
            self.world.judge_quiet()

    def test_nothing_happened(self):
        """A run in which no application saw anything is no pass."""
        for agency in self.world.agencies:
            self.plant(agency, lambda record: [])
        self.traffic()
        self.world.drain()
        report = self.world.judge(True)
        self.assertEqual(report.verdict, "unknown", report)


class BehindTheirBacks(Planted):
    """Files are changed while their program is down, as a defective program would leave them."""

    def setUp(self):
        # A world each: agents do not forget what was done to them.
        seed = int(os.environ.get("KERUEN_SEED", random.randrange(2**32)))
        print("seed", seed)
        self.world = self.enterContext(World(random.Random(seed)))
        self.world.begin()
        self.traffic()
        self.world.judge_quiet()
        super().setUp()

    def store_of(self, agency):
        return sqlite3.connect(self.world.dir_of(agency) / "store/store.sqlite")

    def copy_of(self, agency):
        """The agent's folder as it is now; the agent is down before and after."""
        copy = self.world.path(f"{agency}.copy")
        shutil.copytree(self.world.dir_of(agency), copy, ignore=shutil.ignore_patterns("*.socket"))
        return copy

    def put_back(self, copy, agency):
        shutil.rmtree(self.world.dir_of(agency))
        copy.rename(self.world.dir_of(agency))

    def test_what_was_to_be_sent_is_forgotten(self):
        self.world.kill(BROKER)
        self.send(BORDER, [CUSTOMS])
        self.world.stop(BORDER)
        with self.store_of(BORDER) as store:
            deleted = [store.execute(f"DELETE FROM {rows}").rowcount for rows in ("outbox", "batch WHERE status = 1")]
        self.assertEqual(sum(deleted), 1)
        store.close()
        self.world.start_machine(BROKER)
        self.world.start_machine(BORDER)
        self.restart_later(CUSTOMS, PROSECUTOR)
        rounds.probe(self.world)
        self.assert_found("not drained", missing=BORDER)

    def test_senders_store_goes_back_and_nobody_says_so(self):
        self.world.kill(BROKER)
        self.world.stop(BORDER)
        copy = self.copy_of(BORDER)
        self.world.start_machine(BORDER)
        soon("the agent answers", self.world.applications[BORDER].status)
        self.send(BORDER, [CUSTOMS])
        self.world.kill(BORDER)
        self.put_back(copy, BORDER)
        self.world.start_machine(BROKER)
        self.world.start_machine(BORDER)
        self.restart_later(CUSTOMS, PROSECUTOR)
        rounds.probe(self.world)
        self.assert_found("not drained", missing=BORDER)

    def test_recipients_store_goes_back_and_nobody_says_so(self):
        """It forgets what it had, and shows it once more."""
        application = self.world.applications[CUSTOMS]
        self.world.stop(CUSTOMS)
        application.wait_away()
        copy, cursor = self.copy_of(CUSTOMS), application.cursor
        self.world.start_machine(CUSTOMS)
        self.send(BORDER, [CUSTOMS])
        self.assertTrue(self.world.drain())
        self.world.kill(CUSTOMS)
        application.wait_away()
        self.put_back(copy, CUSTOMS)
        application.cursor = cursor
        self.world.start_machine(CUSTOMS)
        soon("it is shown once more",
             lambda: sum(map(is_receive, list(application.history.records))) > 1)
        self.assert_found("duplicated")

    def test_inbox_forgets(self):
        """The event was there; what people look at is not. Only the inbox shows it."""
        self.traffic()
        self.world.judge_quiet()
        self.world.stop(CUSTOMS)
        with self.store_of(CUSTOMS) as store:
            store.execute("DELETE FROM message_in WHERE number = (SELECT max(number) FROM message_in WHERE listed = 1)")
        store.close()
        self.world.start_machine(CUSTOMS)
        soon("the agent answers", self.world.applications[CUSTOMS].status)
        self.assertTrue(self.world.drain())
        self.assertEqual(self.world.judge(True).verdict, "passed")
        self.assert_found("said delivered, not there", view="inbox")

    def accept_unsigned(self, guard):
        """The broker has just said yes to BORDER, and is killed. A checkpoint is signed a second after
        the one before at the earliest: what came right behind one has none, unless this was slow.
        The guard as it was, and how many records were before."""
        earlier = guard.read_bytes()
        self.send(BORDER, [PROSECUTOR])
        soon("it is delivered", lambda: not any(
            PROSECUTOR in left for left in self.world.applications[BORDER].waits_for().values()))
        soon("a checkpoint is signed", lambda: guard.read_bytes() != earlier)
        kept = guard.read_bytes()
        before = len(broker_log.records(broker_log.newest_segment(self.world.path(BROKER))))
        self.send(BORDER, [CUSTOMS])
        soon("the broker said yes", self.border_is_taken)
        self.world.kill(BROKER)
        return kept, before

    def border_is_taken(self):
        status = self.world.applications[BORDER].status()
        return status is not None and not any(
            status["waiting"][what] for what in ("unaccepted_batches", "messages"))

    def test_accepted_before_it_was_in_the_log(self):
        """The broker forgets what it had said yes to: the sender notices, and an honest run must never
        hear such words."""
        self.world.kill(CUSTOMS)
        guard = self.world.path("broker/guard/checkpoint")
        for _ in range(5):
            kept, before = self.accept_unsigned(guard)
            if guard.read_bytes() == kept:
                break
            self.world.start_machine(BROKER)
            self.restart_later(BORDER, PROSECUTOR)
        else:
            self.fail("each time the broker had signed what it took before it could be killed")
        segment = broker_log.newest_segment(self.world.path(BROKER))
        records = broker_log.records(segment)
        self.assertGreater(len(records), before)
        for at, size in records[before:]:
            broker_log.write_at(segment, at, bytes(size))
        guard.write_bytes(kept)
        for path in self.world.path("broker/index").glob("index.sqlite*"):
            path.unlink()
        self.world.start_machine(BROKER)
        self.world.start_machine(CUSTOMS)
        self.restart_later(PROSECUTOR)
        with self.assertRaisesRegex(AssertionError, "accused without cause: .*no longer has"):
            self.world.judge_quiet()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
