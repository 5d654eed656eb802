"""What can happen to a machine. A fault strikes while messages flow, takes everything back, and
returns in words what it did; choices come from the dice alone.
"""
import signal
import time

from world import BROKER


def pause(dice, most):
    """The random moment is part of the fault."""
    time.sleep(dice.uniform(0, most))


def kill(world, dice):
    """kill -9 of one machine at a random moment, or of all at once."""
    if dice.random() < 0.15:
        victims = world.machines
    else:
        victims = [dice.choice(world.machines)]
        if victims == [BROKER]:
            victims += world.impatient()
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


FAULTS = {"kill": kill, "stop": stop}
