#!/usr/bin/env python3
"""Other people's calendars read the same instances from what Keruen writes as from what was dropped.

python3-icalendar reads the files, khal works out the instances; nothing here knows how Keruen does.
"""
import datetime
import os
import pathlib
import subprocess
import tempfile
import unittest

import icalendar

REWRITE = os.environ["KERUEN_REWRITE"]
EXAMPLES = pathlib.Path(os.environ["KERUEN_EXAMPLES"])
UTC = datetime.timezone.utc

VIENNA = """BEGIN:VTIMEZONE
TZID:%s
BEGIN:STANDARD
DTSTART:16011028T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010325T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
END:DAYLIGHT
END:VTIMEZONE
"""


def event(lines, uid="u1"):
    return f"BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261120T060000Z\nSUMMARY:Course\n{lines}\nEND:VEVENT\n"


def calendar(body):
    text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n" + body + "END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


class Instances(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="keruen-")
        self.addCleanup(scratch.cleanup)
        self.home = pathlib.Path(scratch.name)

    def rewritten(self, source):
        """The files Keruen writes for a dropped one."""
        dropped = self.home / "dropped.ics"
        dropped.write_bytes(source)
        out = self.home / "rewritten"
        out.mkdir(exist_ok=True)
        run = subprocess.run([REWRITE, dropped, out], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return sorted(out.glob("*.ics"))

    def split(self, source):
        """One file per UID, as khal wants them; by python3-icalendar, not by Keruen."""
        whole = icalendar.Calendar.from_ical(source)
        out = self.home / "original"
        out.mkdir(exist_ok=True)
        for uid in {str(one["UID"]) for one in whole.walk("VEVENT")}:
            part = icalendar.Calendar()
            part["VERSION"], part["PRODID"] = "2.0", "-//test//EN"
            for one in whole.subcomponents:
                if one.name == "VTIMEZONE" or one.get("UID") == uid:
                    part.add_component(one)
            (out / f"{abs(hash(uid))}.ics").write_bytes(part.to_ical())
        return sorted(out.glob("*.ics"))

    def khal(self, files, start="2027-01-01", days="365d"):
        """Every instance khal shows: uid, start, end, title."""
        folder = self.home / f"khal-{files[0].parent.name}"
        vdir = folder / "calendar"
        vdir.mkdir(parents=True)
        for number, path in enumerate(files):
            (vdir / f"{number}.ics").write_bytes(path.read_bytes())
        config = folder / "config"
        config.write_text(f"""[calendars]
[[test]]
path = {vdir}
[sqlite]
path = {folder}/khal.db
[locale]
timeformat = %H:%M:%S
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M:%S
longdatetimeformat = %Y-%m-%d %H:%M:%S
local_timezone = UTC
default_timezone = UTC
""")
        environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                       "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        run = subprocess.run(["khal", "-c", config, "list", "--day-format", "", "--format",
                              "{uid}|{start-long-full}|{end-long-full}|{title}", start, days],
                             capture_output=True, text=True, env=environment)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertNotIn("rror", run.stderr)
        return sorted({line for line in run.stdout.splitlines() if line})  # a long one is shown each day

    def assert_same(self, source, count):
        written = self.rewritten(source)
        for path in written:
            icalendar.Calendar.from_ical(path.read_bytes())
        ours = self.khal(written)
        self.assertEqual(len(ours), count, ours)
        self.assertEqual(ours, self.khal(self.split(source)))
        return ours

    def test_course_of_the_example(self):
        ours = self.assert_same((EXAMPLES / "bomca-course.ics").read_bytes(), 6)
        # 09:30 in Almaty, five hours ahead since 2024; one day is an exercise at 07:00.
        self.assertEqual(sum("|2027-03-15 04:30:00|" in line for line in ours), 1)
        self.assertEqual(sum("|2027-03-17 02:00:00|" in line for line in ours), 1)

    def test_python_reads_almatys_time(self):
        source = (EXAMPLES / "bomca-course.ics").read_bytes()
        for path in self.rewritten(source):
            for one in icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT"):
                start = one.decoded("DTSTART")
                self.assertEqual(start.utcoffset(), datetime.timedelta(hours=5))
        may = calendar(event("DTSTART;TZID=Asia/Almaty:20260514T140000"))
        [path] = self.rewritten(may)[-1:]
        [one] = icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT")
        self.assertEqual(one.decoded("DTSTART").astimezone(UTC), datetime.datetime(2026, 5, 14, 9, tzinfo=UTC))

    def test_weekly_series_over_the_change_of_clocks(self):
        ours = self.assert_same(calendar(VIENNA % "Europe/Vienna" + event(
            "DTSTART;TZID=Europe/Vienna:20270308T100000\nDTEND;TZID=Europe/Vienna:20270308T120000\n"
            "RRULE:FREQ=WEEKLY;COUNT=6;BYDAY=MO\nEXDATE;TZID=Europe/Vienna:20270315T100000")), 5)
        self.assertIn("u1|2027-03-08 09:00:00|2027-03-08 11:00:00|Course", ours)
        self.assertIn("u1|2027-04-05 08:00:00|2027-04-05 10:00:00|Course", ours)

    def test_zone_only_its_own_file_explains(self):
        self.assert_same(calendar(VIENNA % "(UTC+01:00) Vienna" + event(
            "DTSTART;TZID=\"(UTC+01:00) Vienna\":20270308T100000\nDURATION:PT90M\nRRULE:FREQ=MONTHLY;COUNT=9")), 9)

    def test_whole_days(self):
        self.assert_same(calendar(event(
            "DTSTART;VALUE=DATE:20270308\nDTEND;VALUE=DATE:20270311\nRRULE:FREQ=YEARLY;COUNT=1") +
            event("DTSTART;VALUE=DATE:20270401", "u2")), 2)

    def test_times_of_utc_and_of_the_reader(self):
        self.assert_same(calendar(event("DTSTART:20270308T100000Z\nDTEND:20270308T110000Z") +
                                  event("DTSTART:20270309T100000\nDTEND:20270309T110000", "u2")), 2)

    def test_added_dates(self):
        self.assert_same(calendar(event(
            "DTSTART:20270308T100000Z\nDTEND:20270308T110000Z\nRRULE:FREQ=DAILY;COUNT=2\n"
            "RDATE:20270401T100000Z,20270403T100000Z")), 4)

    def test_instance_in_another_zone(self):
        bishkek = ("BEGIN:VTIMEZONE\nTZID:Asia/Bishkek\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
                   "TZOFFSETFROM:+0600\nTZOFFSETTO:+0600\nTZNAME:+06\nEND:STANDARD\nEND:VTIMEZONE\n")
        ours = self.assert_same(calendar(bishkek + event(
            "DTSTART:20270308T040000Z\nDTEND:20270308T050000Z\nRRULE:FREQ=DAILY;COUNT=3") + event(
            "RECURRENCE-ID:20270309T040000Z\nDTSTART;TZID=Asia/Bishkek:20270309T130000\n"
            "DTEND;TZID=Asia/Bishkek:20270309T140000")), 3)
        self.assertIn("u1|2027-03-09 07:00:00|2027-03-09 08:00:00|Course", ours)

    def test_windows_zone_without_description(self):
        ours = self.khal(self.rewritten(calendar(event(
            "DTSTART;TZID=West Asia Standard Time:20270308T100000\n"
            "DTEND;TZID=West Asia Standard Time:20270308T110000"))))
        self.assertEqual(ours, ["u1|2027-03-08 05:00:00|2027-03-08 06:00:00|Course"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
