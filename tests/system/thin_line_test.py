#!/usr/bin/env python3
"""A post at the end of a radio or satellite line: what people there rely on."""
import random
import sys
import unittest

from exchange import Exchange, until
from proxy import Weather

BORDER, CUSTOMS = "kz.border-guard", "kz.customs"


class ThinLine(unittest.TestCase):
    def setUp(self):
        self.exchange = self.enterContext(Exchange([BORDER, CUSTOMS]))
        self.line = self.exchange.lay_line(CUSTOMS)
        self.addCleanup(self.line.close)

    def test_connects_where_each_answer_takes_seconds(self):
        self.line.change(Weather(delay_seconds=1.2))
        self.exchange.start_all()
        message = self.exchange.send(BORDER, CUSTOMS, "by satellite")
        self.exchange.wait_arrived(CUSTOMS, message)
        self.exchange.wait_state(BORDER, message, CUSTOMS, "delivered")

    def test_flash_passes_what_is_under_way(self):
        """Half a minute of mail is at the broker for the post; what is most urgent is there long before."""
        self.exchange.start_all()
        self.line.change(Weather(trickle_bytes=64))
        film = self.exchange.path("film.mp4")
        film.write_bytes(random.Random(3).randbytes(1_500_000))
        large = self.exchange.send(BORDER, CUSTOMS, "a film", "--attach", film, "--priority", "bulk")

        def accepted():
            waiting = self.exchange.agent(BORDER, "--json", "status", check=False).json["waiting"]
            return waiting["messages"] + waiting["parts"] + waiting["unaccepted_batches"] == 0
        until("the broker has the film", accepted)
        flash = self.exchange.send(BORDER, CUSTOMS, "a child is missing", "--priority", "flash")
        self.exchange.wait_arrived(CUSTOMS, flash)
        self.assertFalse(self.exchange.has_file(CUSTOMS, large), "the film was there first")
        self.line.change(Weather())
        until("the film is whole", lambda: self.exchange.has_file(CUSTOMS, large))

    def test_flash_passes_what_the_post_itself_has_under_way(self):
        self.exchange.start_all()
        self.line.change(Weather(trickle_bytes=64))
        film = self.exchange.path("film.mp4")
        film.write_bytes(random.Random(3).randbytes(1_500_000))
        large = self.exchange.send(CUSTOMS, BORDER, "a film", "--attach", film, "--priority", "bulk")

        def is_under_way():
            waiting = self.exchange.agent(CUSTOMS, "--json", "status", check=False).json["waiting"]
            return waiting["unaccepted_batches"] > 0
        until("the film is under way", is_under_way)
        flash = self.exchange.send(CUSTOMS, BORDER, "a child is missing", "--priority", "flash")
        self.exchange.wait_arrived(BORDER, flash)
        self.assertFalse(self.exchange.has_file(BORDER, large), "the film was there first")
        self.line.change(Weather())
        until("the film is whole", lambda: self.exchange.has_file(BORDER, large))


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
