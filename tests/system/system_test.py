#!/usr/bin/env python3
"""Real processes on loopback: what officers, machines and administrators rely on."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import sys
import unittest

from exchange import Exchange, until

BORDER, CUSTOMS, PROSECUTOR = "kz.border-guard", "kz.customs", "kz.prosecutor"
SOURCE = pathlib.Path(__file__).resolve().parents[2]
# A sanitizer keeps books of its own in the memory it watches.
MEMORY_FACTOR = int(os.environ.get("KERUEN_MEMORY_FACTOR", "1"))


class Notice(unittest.TestCase):
    """A notice, its photograph, its receipts."""

    def test_travels_and_every_step_is_told(self):
        with Exchange([BORDER, CUSTOMS, PROSECUTOR]) as exchange:
            exchange.start_all()
            picture = random.Random(1).randbytes(300_000)
            exchange.path("photo.jpg").write_bytes(picture)
            exchange.path("notice.json").write_text(exchange.keruen("send", "notice", "--example", check=True).out)
            message = exchange.agent(BORDER, "send", "notice", "--to", CUSTOMS, "--to", PROSECUTOR, "--file",
                                     "notice.json", "--attach", "photo.jpg", "--priority", "urgent").out.strip()
            exchange.wait_arrived(CUSTOMS, message)
            exchange.wait_arrived(PROSECUTOR, message)
            exchange.wait_state(BORDER, message, CUSTOMS, "delivered")
            shown = exchange.agent(CUSTOMS, "read", message[-8:]).out
            self.assertIn("Korday", shown)
            self.assertIn("photo.jpg", shown)
            exchange.wait_state(BORDER, message, CUSTOMS, "read")
            exchange.agent(CUSTOMS, "process", message, "--result", "done", "--note", "stopped")
            exchange.wait_state(BORDER, message, CUSTOMS, "processed")
            told = exchange.recipient(BORDER, message, CUSTOMS)
            self.assertEqual((told["result"], told["note"]), ("done", "stopped"))
            exchange.wait_state(BORDER, message, PROSECUTOR, "delivered")

            def fetched():
                out = exchange.path("got.jpg")
                out.unlink(missing_ok=True)
                run = exchange.agent(PROSECUTOR, "attachment", message, "photo.jpg", "--out", out, check=False)
                return run.code == 0 and out.read_bytes() == picture
            until("the photograph is whole", fetched)

            reply = exchange.agent(PROSECUTOR, "reply", message[-8:], "--text", "File opened").out.strip()
            exchange.wait_arrived(BORDER, reply)
            thread = exchange.agent(BORDER, "--json", "show", reply).json["thread"]
            self.assertIn(message, thread)

    def test_the_largest_attachment_is_streamed(self):
        """64 MiB from disk to disk; no process ever holds as much."""
        def memory(process):
            lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
            return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) * 1024
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            film = exchange.path("film.mp4")
            film.write_bytes(random.Random(2).randbytes(64 * 1024 * 1024))
            before = {name: memory(process) for name, process in exchange.processes.items()}
            message = exchange.send(BORDER, CUSTOMS, "a film", "--attach", film)
            until("the film is whole", lambda: exchange.has_file(CUSTOMS, message), 240)
            out = exchange.path("got.mp4")
            exchange.agent(CUSTOMS, "attachment", message, "film.mp4", "--out", out)
            self.assertEqual(hashlib.sha256(out.read_bytes()).digest(), hashlib.sha256(film.read_bytes()).digest())
            for name in (BORDER, CUSTOMS):
                self.assertLess(memory(exchange.processes[name]) - before[name],
                                MEMORY_FACTOR * 64 * 1024 * 1024, name)
            film.write_bytes(film.read_bytes() + b"1")
            run = exchange.agent(BORDER, "send", "notice", "--to", CUSTOMS, "--type", "information", "--text", "x",
                                 "--handling", "H0", "--attach", film, check=False)
            self.assertEqual(run.code, 2)
            self.assertIn("67108865 bytes", run.err)

    def test_content_never_reaches_the_brokers_disk(self):
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            message = exchange.send(BORDER, CUSTOMS, "zebra crossing at midnight")
            exchange.wait_arrived(CUSTOMS, message)
            exchange.stop("broker")
            for path in exchange.path("broker").rglob("*"):
                if path.is_file():
                    self.assertNotIn(b"zebra", path.read_bytes(), path)
            self.assertNotIn(b"zebra", exchange.path("broker.journal").read_bytes())


class Refusals(unittest.TestCase):
    """What is not allowed is refused in words, with the code and exit status scripts rely on."""

    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER, CUSTOMS], kinds=("schedule",)))
        cls.exchange.start_all()

    def test_no_rule_allows_it(self):
        run = self.exchange.agent(BORDER, "send", "notice", "--to", CUSTOMS, "--type", "information", "--text", "x",
                                  "--handling", "H0", check=False)
        self.assertEqual(run.code, 7, run.err)
        self.assertIn(CUSTOMS, run.err)
        self.assertIn("denied", run.err)

    def test_unknown_recipient(self):
        run = self.exchange.agent(BORDER, "send", "notice", "--to", "kz.nobody", "--type", "information", "--text",
                                  "x", "--handling", "H0", check=False)
        self.assertEqual(run.code, 7, run.err)
        self.assertIn("kz.nobody", run.err)

    def test_unknown_field_of_a_notice_is_named_with_its_place(self):
        notice = json.loads(self.exchange.keruen("send", "notice", "--example", check=True).out)
        notice["goods"][0]["wieght"] = 12
        self.exchange.path("wrong.json").write_text(json.dumps(notice))
        run = self.exchange.agent(BORDER, "send", "notice", "--to", CUSTOMS, "--file", "wrong.json", check=False)
        self.assertEqual(run.code, 2)
        self.assertIn("goods[0].wieght", run.err)

    def test_unknown_message(self):
        run = self.exchange.agent(BORDER, "show", "ffffffff", check=False)
        self.assertEqual(run.code, 4, run.err)

    def test_no_agent_answers(self):
        run = self.exchange.keruen("--agent", self.exchange.path("nowhere"), "inbox")
        self.assertEqual(run.code, 4, run.err)

    def test_usage(self):
        self.assertEqual(self.exchange.keruen("inbx").code, 2)
        self.assertEqual(self.exchange.keruen("--help").code, 0)

    def test_check_config_names_key_and_line(self):
        text = self.exchange.path("broker/broker.toml").read_text()
        wrong = self.exchange.path("broker/wrong.toml")
        wrong.write_text(text + "\n[lgo]\ndirectory = \"x\"\n")
        from exchange import BIN
        import subprocess
        run = subprocess.run([BIN / "keruen-broker", "--config", wrong, "--check-config"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("wrong.toml:", run.stderr)
        self.assertIn("lgo", run.stderr)


class Outages(unittest.TestCase):
    """Power and radio fail; nothing accepted is lost, nothing arrives twice."""

    def test_written_while_the_broker_is_away(self):
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            exchange.stop("broker")
            message = exchange.send(BORDER, CUSTOMS, "later")
            exchange.start_broker()
            exchange.wait_arrived(CUSTOMS, message)

    def test_written_while_the_recipient_is_away(self):
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            exchange.stop(CUSTOMS)
            messages = [exchange.send(BORDER, CUSTOMS, f"away {i}") for i in range(5)]
            exchange.wait_state(BORDER, messages[-1], CUSTOMS, "accepted")
            waiting = exchange.keruen("--json", "admin", "waiting", "--broker", exchange.path("admin.toml"), check=True)
            row = next(row for row in waiting.json["agencies"] if row["agency"] == CUSTOMS)
            self.assertEqual(sum(lane["messages"] for lane in row["lanes"].values()), 5)
            exchange.start_agent(CUSTOMS)
            for message in messages:
                exchange.wait_arrived(CUSTOMS, message)
            until("the administrator sees that nothing waits any more",
                  lambda: not exchange.keruen("--json", "admin", "waiting", "--broker", exchange.path("admin.toml"),
                                              check=True).json["agencies"])

    def test_killed_while_sending(self):
        """kill -9 of broker, sender and recipient in turn while messages flow."""
        seed = int(os.environ.get("KERUEN_SEED", random.randrange(2**32)))
        print("seed", seed)
        dice = random.Random(seed)
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            stored = {}
            for round_number in range(12):
                for i in range(3):
                    text = f"message {round_number}-{i}"
                    run = exchange.agent(BORDER, "send", "notice", "--to", CUSTOMS, "--type", "information",
                                         "--subject", text, "--text", text, "--handling", "H0", check=False)
                    if run.code == 0:
                        stored[run.out.strip()] = text
                victim = dice.choice(["broker", BORDER, CUSTOMS])
                exchange.kill(victim)
                if victim == "broker":
                    exchange.start_broker()
                else:
                    exchange.start_agent(victim)
            self.assertGreater(len(stored), 20)
            for message in stored:
                exchange.wait_arrived(CUSTOMS, message)
            arrived = [each["id"] for each in exchange.inbox(CUSTOMS)]
            self.assertEqual(len(arrived), len(set(arrived)), "a message arrived twice")
            subjects = [each["subject"] for each in exchange.inbox(CUSTOMS)]
            for message, text in stored.items():
                self.assertEqual(subjects.count(text), 1)
                exchange.wait_state(BORDER, message, CUSTOMS, "delivered")

    def test_index_deleted(self):
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            exchange.stop(CUSTOMS)
            message = exchange.send(BORDER, CUSTOMS, "kept in the log")
            exchange.wait_state(BORDER, message, CUSTOMS, "accepted")
            exchange.stop("broker")
            removed = [path.unlink() for path in exchange.path("broker").rglob("*") if path.name.startswith("index.")]
            self.assertTrue(removed, "no index file found to delete")
            exchange.start_broker()
            exchange.start_agent(CUSTOMS)
            exchange.wait_arrived(CUSTOMS, message)

    def test_store_restored_from_yesterday(self):
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            first = exchange.send(BORDER, CUSTOMS, "before the backup")
            exchange.wait_state(BORDER, first, CUSTOMS, "delivered")
            exchange.stop(BORDER)
            shutil.copytree(exchange.dir_of(BORDER), exchange.path("yesterday"))
            exchange.start_agent(BORDER)
            second = exchange.send(BORDER, CUSTOMS, "after the backup")
            exchange.wait_state(BORDER, second, CUSTOMS, "delivered")
            exchange.stop(BORDER)
            shutil.rmtree(exchange.dir_of(BORDER))
            shutil.copytree(exchange.path("yesterday"), exchange.dir_of(BORDER))
            exchange.start_agent(BORDER)
            until("the agent names the restored store",
                  lambda: any("restored" in warning for warning in
                              exchange.agent(BORDER, "--json", "status", check=False).json["warnings"]))
            third = exchange.send(BORDER, CUSTOMS, "after the restore")
            exchange.wait_state(BORDER, third, CUSTOMS, "delivered")
            subjects = [each["subject"] for each in exchange.inbox(CUSTOMS)]
            self.assertEqual(sorted(subjects), ["after the backup", "after the restore", "before the backup"])

    def test_clean_stop(self):
        with Exchange([BORDER, CUSTOMS]) as exchange:
            exchange.start_all()
            self.assertEqual(exchange.stop(CUSTOMS), 0)
            self.assertEqual(exchange.stop("broker"), 0)


class Schedules(unittest.TestCase):
    """The hot folder: whatever a trainer exports arrives where calendars look."""

    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER, CUSTOMS]))
        cls.exchange.start_all()
        cls.outgoing = cls.exchange.dir_of(BORDER) / "outgoing/schedules"
        cls.incoming = cls.exchange.dir_of(CUSTOMS) / f"incoming/schedules/{BORDER}"

    def drop(self, name, content, to=CUSTOMS):
        folder = self.outgoing / to
        until("the outgoing folder is there", folder.is_dir)
        part = self.exchange.path("drop.part")
        part.write_bytes(content)
        os.replace(part, folder / name)
        return folder

    def test_course_arrives_with_its_zone(self):
        course = (SOURCE / "deploy/example/bomca-course.ics").read_bytes()
        folder = self.drop("course.ics", course, to="kz.all")
        until("done", (folder / "done/course.ics").exists)
        until("both events are at customs", lambda: len(list(self.incoming.glob("bomca*.ics"))) == 2)
        text = b"".join(path.read_bytes() for path in self.incoming.glob("bomca*.ics"))
        self.assertIn(b"BEGIN:VTIMEZONE", text)
        self.assertIn(b"Asia/Almaty", text)

    def test_broken_file_is_refused_in_words(self):
        for name, content in [("empty.ics", b""), ("broken.ics", b"BEGIN:VCALENDAR\r\nnonsense"),
                              ("zone.ics", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:z1\r\n"
                                           b"DTSTAMP:20270101T000000Z\r\nSUMMARY:Z\r\n"
                                           b"DTSTART;TZID=Mars/Olympus:20270101T090000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"),
                              ("large.ics", b"x" * (10 * 1024 * 1024))]:
            with self.subTest(name):
                folder = self.drop(name, content)
                reason = folder / f"refused/{name}.reason.txt"
                until(f"{name} is refused", reason.exists)
                self.assertGreater(len(reason.read_text()), 20)
                if name == "zone.ics":
                    self.assertIn("Mars/Olympus", reason.read_text())

    def test_same_file_again_is_no_second_message(self):
        event = (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:once@example\r\nDTSTAMP:%s\r\n"
                 b"SUMMARY:%s\r\nDTSTART:20270101T090000Z\r\nDTEND:20270101T100000Z\r\nSEQUENCE:%d\r\nEND:VEVENT\r\n"
                 b"END:VCALENDAR\r\n")
        sent = lambda: [each for each in self.exchange.agent(BORDER, "--json", "sent", "--most", 500).json["messages"]
                        if "once" in each["subject"]]
        folder = self.drop("one.ics", event % (b"20270101T000000Z", b"once", 0))
        until("sent", lambda: (folder / "done/one.ics").exists())
        self.assertEqual(len(sent()), 1)
        folder = self.drop("two.ics", event % (b"20270102T000000Z", b"once", 0))
        until("taken", lambda: (folder / "done/two.ics").exists())
        self.assertEqual(len(sent()), 1)
        folder = self.drop("three.ics", event % (b"20270103T000000Z", b"once, moved", 1))
        until("taken", lambda: (folder / "done/three.ics").exists())
        self.assertEqual(len(sent()), 2)
        folder = self.drop("four.ics", event % (b"20270104T000000Z", b"once, older", 0))
        until("refused", lambda: (folder / "refused/four.ics.reason.txt").exists())
        self.assertEqual(len(sent()), 2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
