"""What can happen to a machine. A fault strikes while messages flow, takes everything back, and
returns in words what it did; choices come from the dice alone.
"""
import shutil
import signal
import time

import broker_log
import tracer
from world import BROKER, soon  # and where proxy and exchange are found

import proxy

# A body of this size is nearly the largest the product takes.
LARGE_LETTER = 60_000


def pause(dice, most):
    """The random moment is part of the fault."""
    time.sleep(dice.uniform(0, most))


def with_impatient(world, victims):
    """Agents that would wait for seconds to come back to this broker fall with it."""
    return victims + [agency for agency in world.impatient() if BROKER in victims and agency not in victims]


def draw_victims(world, dice):
    return world.machines if dice.random() < 0.08 else with_impatient(world, [dice.choice(world.machines)])


def kill(world, dice):
    """kill -9 of one machine at a random moment, or of all at once."""
    victims = draw_victims(world, dice)
    pause(dice, 0.2)
    for victim in victims:
        world.kill(victim)
    pause(dice, 0.1)
    dice.shuffle(victims)
    for victim in victims:
        world.start_machine(victim)
    return "killed " + ", ".join(victims)


def stop(world, dice):
    """SIGSTOP of one machine for some hundred milliseconds to seconds, then it goes on."""
    victim = dice.choice(world.machines)
    seconds = dice.choice((0.2, 0.5, 1.0, 2.5))
    pause(dice, 0.2)
    world.signal(victim, signal.SIGSTOP)
    time.sleep(seconds)
    world.resume(victim)
    return f"stopped {victim} for {seconds} s"


def torn(world, dice):
    """kill -9 of the broker, and behind its last record what an unanswered write may leave there. It
    was never promised: the broker cuts it, says so in its journal, and goes on."""
    victims = with_impatient(world, [BROKER])
    pause(dice, 0.2)
    for victim in victims:
        world.kill(victim)
    segment = broker_log.newest_segment(world.path(BROKER))
    end = broker_log.end_of(segment)
    written = broker_log.append_torn(segment, dice)
    place = world.journal_size(BROKER)
    for victim in victims:
        world.start_machine(victim)
    if written is None:
        return "killed the broker; no room for a torn tail"

    def cut():
        world.check_running()
        words = world.words_since(BROKER, place)
        return "log_tail_cut" in words and f"{segment.name} at byte {end} " in words
    soon(f"the broker says it cut {written} of {segment.name}", cut)
    return f"tore the log's tail: {written}"


def refused(world, dice):
    """A full disk as strace tells it: room is asked for and not given."""
    return failing(world, dice, (("pwrite64", "ENOSPC"),))


# A program makes so many calls in a second or two; a fault that strikes nobody is no round.
CALLS_MAX = {"fdatasync": 12, "pwrite64": 60}
STRIKE_SECONDS = 20
# Where a program goes on: a move of SQLite's log that failed ends it at its next commit, which may not
# come; whether the folder of its files was synced SQLite does not ask.
SQLITE_GOES_ON = (".sqlite", "/store", "/index")
MADE_AGAIN = ("/log/next", "/guard/checkpoint.new")  # when there is room
FAILURES = (("fdatasync", "EIO"), ("fdatasync", "EIO"), ("fdatasync", "ENOSPC"), ("pwrite64", "EIO"),
            ("pwrite64", "ENOSPC"))


def failing(world, dice, failures=FAILURES):
    """Writes or syncs of one machine fail at the n-th call. What is broken ends and says why; it
    starts again and nothing is missing. A full disk is no reason to end, but may be one at a start."""
    victim = dice.choice(world.machines)
    victims = with_impatient(world, [victim])
    call, error = dice.choice(failures)
    when = f"{dice.randint(1, CALLS_MAX[call])}{dice.choice(('', '+'))}"
    trace = world.path("trace")
    trace.unlink(missing_ok=True)
    for each in victims:
        world.kill(each)
    place = world.journal_size(victim)
    world.start_machine(victim, tracer.failing(call, error, when, trace))
    for each in victims[1:]:
        world.start_machine(each)
    done = f"{call} of {victim} failed with {error} at {when}"
    process = world.processes[victim]
    end = time.monotonic() + STRIKE_SECONDS

    def hits():
        return [path for path in tracer.injected(trace) if not path.endswith("/lock")]  # what it holds is for people

    while process.poll() is None and not hits() and time.monotonic() < end:
        for application in world.applications.values():
            application.send([dice.choice(application.others)], "routine", 2000)
    hit = hits()  # of a program that ended, all: strace lets go of it last
    if not hit and process.poll() is None:
        raise AssertionError(f"{call} of {victim} was to fail at {when}, and did not in {STRIKE_SECONDS} s")
    goes_on = SQLITE_GOES_ON + (MADE_AGAIN if error == "ENOSPC" else ())
    fatal = [path for path in hit if not path.endswith(goes_on)]
    if process.poll() is None and fatal and (error == "EIO" or call == "fdatasync"):
        soon(f"{victim} ends: {done}, on {fatal[0]}", lambda: process.poll() is not None, 20)
    if process.poll() is None:
        world.kill(victim)
        world.start_machine(victim)
        return f"{done}, and it went on"
    status, words = world.wait_ended(victim), world.words_since(victim, place)
    if not hit:
        raise AssertionError(f"{victim} ended with {status} before a call failed: {words[-400:]}")
    if status != 1 or '"level":"error"' not in words:
        raise AssertionError(f"{done}, on {hit[0]}: {victim} ended with {status}, and not in words: {words[-400:]}")
    world.start_machine(victim)
    return f"{done}, on {hit[0].rsplit('/', 1)[1]}: it ended"


def short(world, dice):
    """Writes of one machine take less than was asked for, at random: the rest is written after."""
    victims = with_impatient(world, [dice.choice(world.machines)])
    for victim in victims:
        world.kill(victim)
    for victim in victims[1:]:
        world.start_machine(victim)
    witness = world.path(f"{victims[0]}.shortened")
    witness.unlink(missing_ok=True)
    world.start_machine(victims[0], tracer.short_writing(dice.choice((5, 30)), witness))

    def shortened():
        world.check_running()
        for application in world.applications.values():
            application.send([application.others[0]], "routine", 2000)
        return witness.exists()
    soon(f"a write of {victims[0]} takes less than asked for", shortened)
    return f"short writes of {victims[0]}"


def fill_disk(world, machine, dice):
    """Fills it while the machine stands still: what the machine then gives up for itself stays its own."""
    world.signal(machine, signal.SIGSTOP)
    world.wait_stopped(machine)
    world.grounds[machine].fill(leave=dice.choice((0, 4096, 100_000)))
    world.resume(machine)


def full_agent(world, dice):
    """The disks of some agents are full. What they refuse they refuse as no_space, nothing taken is
    lost, and with room they go on: within half a minute, which is how long they wait to try again."""
    victims = dice.sample(world.agencies, dice.randint(1, len(world.agencies)))
    before = {victim: world.applications[victim].refusals["no_space"] for victim in victims}

    def refused(victim):
        world.check_running()
        application = world.applications[victim]
        application.send([application.others[0]], "bulk", LARGE_LETTER)
        return application.refusals["no_space"] > before[victim]
    try:
        for victim in victims:
            fill_disk(world, victim, dice)
        for victim in victims:
            soon(f"{victim} refuses with no_space on a full disk", lambda victim=victim: refused(victim))
    finally:
        for victim in victims:
            world.grounds[victim].empty()
    return f"filled the disks of {', '.join(victims)}"


def full_broker(world, dice):
    """The broker's disk is full: new messages wait at their senders, what was taken passes, and with
    room all goes on."""
    place = world.journal_size(BROKER)

    def told():
        world.check_running()
        for sender in world.applications.values():
            sender.send([sender.others[0]], "bulk", LARGE_LETTER)
        return "no_space" in world.words_since(BROKER, place)
    try:
        fill_disk(world, BROKER, dice)
        soon("the broker says its disk is full", told)
        for application in world.applications.values():
            if (how := application.send([application.others[0]], "flash")) != "ok":
                raise AssertionError(f"{application.agency} takes nothing while the broker's disk is full: {how}")
    finally:
        world.grounds[BROKER].empty()
    return "filled the disk of the broker"


def power(world, dice):
    """The power of one machine, or of all, is cut: only what its disk was given is there again."""
    victims = world.machines if dice.random() < 0.3 else with_impatient(world, [dice.choice(world.machines)])
    pause(dice, 0.3)
    for victim in victims:
        world.signal(victim, signal.SIGSTOP)
    for victim in victims:
        world.wait_stopped(victim)
    old = {victim: world.grounds[victim].copy() for victim in victims}
    for victim in victims:
        world.kill(victim)
        world.grounds[victim].put_back(old[victim])
    for victim in victims:
        world.start_machine(victim)
    return "cut the power of " + ", ".join(victims)


def network(world, dice):
    """One agent's line to the broker is bad for a while."""
    agency = dice.choice(world.agencies)
    line = world.lines[agency]
    kind = dice.choice(("delay", "trickle", "cut", "cut", "half open", "one way", "replay"))
    if kind not in ("delay", "trickle", "replay") and agency in world.impatient():
        world.kill(agency)
        world.start_machine(agency)
        soon(f"{agency} is connected", lambda: (status := world.applications[agency].status())
             and status["link"]["connected"])
    if kind == "replay":
        return replay(world, agency)
    if kind == "delay":
        line.change(proxy.Weather(delay_seconds=dice.uniform(0.01, 0.2)))
    elif kind == "trickle":
        line.change(proxy.Weather(trickle_bytes=dice.randint(1, 100)))
    elif kind == "cut":
        line.change(proxy.Weather(cut_after_bytes=dice.randint(1, 6000)))
    elif kind == "half open":
        line.change(proxy.Weather(held=(proxy.UP, proxy.DOWN)))
        line.reset_all()
    else:
        line.change(proxy.Weather(held=(dice.choice((proxy.UP, proxy.DOWN)),)))
    pause(dice, 0.8)
    line.change(proxy.Weather())
    if kind in ("half open", "one way"):
        line.reset_all()
    if kind not in ("delay", "trickle"):
        world.links_lost[agency] += 1
    return f"{kind} between {agency} and the broker"


def replay(world, agency):
    """A listener on the line plays back what the agent once sent: the broker refuses it, and serves
    everybody as before."""
    places = {each: world.journal_size(each) for each in world.machines}
    # CURVE's greeting and welcome come to 234 bytes; what comes behind would be an admitted peer's.
    if (answer := proxy.replay(world.port, world.lines[agency].recorded)) > 234 + 200:
        raise AssertionError(f"the broker answered a replayed connection of {agency} with {answer} bytes")
    if "agency_connected" in (words := world.words_since(BROKER, places[BROKER])):
        raise AssertionError(f"the broker took a replayed connection for {agency}: {words[-300:]}")
    for each in world.agencies:
        if "link_down" in (words := world.words_since(each, places[each])):
            raise AssertionError(f"a replayed connection of {agency} disturbed {each}: {words[-300:]}")
    return f"replay of {agency} to the broker"


# Each opens new streams, and an agent opens only so many a day; then it waits, without a word.
RESTORES_MAX = 5


def restore(world, dice):
    """An agent's folder is copied while it is stopped; it goes on, and later gets the copy back."""
    seldom = [each for each in world.agencies if world.restored[each] < RESTORES_MAX]
    if not seldom:
        return kill(world, dice)
    agency = dice.choice(seldom)
    application = world.applications[agency]
    folder, copy = world.dir_of(agency), world.path(f"{agency}.copy")
    world.stop(agency)
    application.wait_away()
    memory = application.remember()
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.socket"))
    world.start_machine(agency)
    for _ in range(dice.randint(1, 4)):
        soon(f"the agent of {agency} answers", application.status)
        application.send([dice.choice(application.others)], "routine")
        pause(dice, 0.3)
    world.kill(agency)
    application.wait_away()
    shutil.rmtree(folder)
    copy.rename(folder)
    application.forget(memory)
    world.restored[agency] += 1
    world.start_machine(agency)
    return f"restored {agency} to {memory['records']} records"


FAULTS = {"kill": kill, "stop": stop, "torn": torn, "failing": failing, "refused": refused, "short": short,
          "full-agent": full_agent, "full-broker": full_broker, "power": power, "network": network,
          "restore": restore}

# What the journals say of a fault at level warning or error, see world.complaint. Whatever else they say
# is a finding; of a fault that does not stand here, everything is.
TAIL_CUT = "log_tail_cut "  # what kill -9 or a power cut left of a write nobody was answered for
DISK_FULL = ("[a-z_]+ no_space", "alert The disk is full: ")
DISK_FAILS = ("[a-z_]+ io_failed", *DISK_FULL, TAIL_CUT)
MAY_SAY = {
    kill: (TAIL_CUT,), torn: (TAIL_CUT,), short: (TAIL_CUT,), power: (TAIL_CUT,),
    failing: DISK_FAILS, refused: DISK_FAILS,
    full_agent: DISK_FULL, full_broker: DISK_FULL,
    restore: ("alert The broker has batches of ours that this store never made: ", TAIL_CUT),
}
