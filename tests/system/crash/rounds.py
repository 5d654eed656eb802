"""A round: traffic, one fault in the middle of it, everybody back, everything there, judged."""
import random
import threading
import time

from application import LANES
from faults import MAY_SAY
from world import soon

# How far apart an application's messages are, and how many it sends around one fault.
GAP_SECONDS = (0.0, 0.06)
LETTERS = (4, 8)


def draw_letter(dice, application):
    """Recipients, lane and size of the next message: mostly one recipient, sometimes all others."""
    others = application.others
    to = others if len(others) > 1 and dice.random() < 0.2 else [dice.choice(others)]
    size = dice.choice((0, 0, 0, 200, 2000, 20000))
    return list(to), dice.choice(LANES), size


class Burst:
    """Every application sends on a thread of its own until it has sent what this round is to have."""

    def __init__(self, world, letters=LETTERS):
        self._threads = []
        for application in world.applications.values():
            dice = random.Random(world.dice.getrandbits(64))
            count = dice.randint(*letters)
            self._threads.append(threading.Thread(target=self._send, args=(application, dice, count), daemon=True))
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _send(application, dice, count):
        try:
            for _ in range(count):
                application.send(*draw_letter(dice, application))
                time.sleep(dice.uniform(*GAP_SECONDS))
        except Exception as error:  # a thread's error is nobody's otherwise
            application.fault = f"sending for {application.agency} failed: {error!r}"

    def join(self):
        for thread in self._threads:
            thread.join(120)
            if thread.is_alive():
                raise AssertionError("an application still waits for an answer to its send")


def probe(world):
    """Proof that traffic goes on: each application writes to each other once more, and may."""
    for agency, application in world.applications.items():
        soon(f"the agent of {agency} answers", application.status)
        for other in application.others:
            if (how := application.send([other], world.dice.choice(LANES))) != "ok":
                raise AssertionError(f"{agency} is back, and its next message is not taken: {how}")


def play(world, fault, number):
    """One round; AssertionError says what went wrong in it. Returns what was done, in words."""
    before = world.judged
    burst = Burst(world)
    try:
        words = fault(world, world.dice)
    finally:
        burst.join()
    try:
        world.check_running()
        probe(world)
        report = world.judge_quiet(may_say=MAY_SAY.get(fault, ()))
    except AssertionError as failure:
        raise AssertionError(f"round {number} ({words}): {failure}") from None
    # Nothing lost of nothing is no proof: each round brings its own deliveries.
    least = len(world.agencies) * (len(world.agencies) - 1)
    if before is not None and report.deliveries < before.deliveries + least:
        raise AssertionError(f"round {number} ({words}): barely run: {report.deliveries - before.deliveries} deliveries")
    return words
