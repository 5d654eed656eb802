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
        self.flash_passes_a_film(BORDER, CUSTOMS, "the broker has the film",
                                 lambda waiting: waiting["messages"] + waiting["parts"]
                                 + waiting["unaccepted_batches"] == 0)

    def test_flash_passes_what_the_post_itself_has_under_way(self):
        self.flash_passes_a_film(CUSTOMS, BORDER, "the film is under way",
                                 lambda waiting: waiting["unaccepted_batches"] > 0)

    def flash_passes_a_film(self, sender, recipient, what, is_so_far):
        self.exchange.start_all()
        self.line.change(Weather(trickle_bytes=64))
        film = self.exchange.path("film.mp4")
        film.write_bytes(random.Random(3).randbytes(1_500_000))
        large = self.exchange.send(sender, recipient, "a film", "--attach", film, "--priority", "bulk")
        until(what, lambda: is_so_far(self.exchange.agent(sender, "--json", "status", check=False).json["waiting"]))
        flash = self.exchange.send(sender, recipient, "a child is missing", "--priority", "flash")
        self.exchange.wait_arrived(recipient, flash)
        self.assertFalse(self.exchange.has_file(recipient, large), "the film was there first")
        self.line.change(Weather())
        until("the film is whole", lambda: self.exchange.has_file(recipient, large))


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
