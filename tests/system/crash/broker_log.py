"""The broker's newest log segment as a file to be damaged, the broker being down.

broker/log/segment.h and record_format.h say how it lies; only lengths and indexes are read here.
"""
import pathlib

HEAD_BYTES = 4096
ALIGNMENT = 64
RECORD_HEAD_BYTES = 80


def newest_segment(broker_folder):
    return max(pathlib.Path(broker_folder, "log").glob("*.batches"))


def records(segment):
    """(offset, padded size) of each record, in order."""
    found = []
    with open(segment, "rb") as file:
        size = file.seek(0, 2)
        at = HEAD_BYTES
        while at + RECORD_HEAD_BYTES <= size:
            file.seek(at)
            head = file.read(RECORD_HEAD_BYTES)
            length = int.from_bytes(head[8:12], "big")
            if length == 0:
                break
            padded = -(-length // ALIGNMENT) * ALIGNMENT
            found.append((at, padded))
            at += padded
    return found


def end_index(segment):
    """The log's number of the record that comes next: a segment is named after its first."""
    return int(segment.stem) + len(records(segment))


def end_of(segment):
    last = records(segment)
    return sum(last[-1]) if last else HEAD_BYTES


def write_at(segment, offset, content):
    with open(segment, "r+b") as file:
        file.seek(offset)
        file.write(content)


def read_at(segment, offset, size):
    with open(segment, "rb") as file:
        file.seek(offset)
        return file.read(size)


def flip_bit(segment, offset, bit):
    write_at(segment, offset, bytes([read_at(segment, offset, 1)[0] ^ (1 << bit)]))


def append_torn(segment, dice):
    """What a write nobody was answered for may leave behind the last record. Returns in words what
    was written, or nothing where the segment has no room for it."""
    whole = records(segment)
    end = sum(whole[-1]) if whole else HEAD_BYTES
    last = read_at(segment, *whole[-1]) if whole else dice.randbytes(RECORD_HEAD_BYTES)
    cut = dice.randrange(1, len(last)) if len(last) > 1 else 1
    flipped = bytearray(last)
    flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
    torn = {
        "noise": dice.randbytes(dice.randrange(1, 4096)),
        "half a record": last[:cut],
        "a record with a flipped bit": bytes(flipped),
        "a record without its first sector": bytes(min(512, len(last) - 1)) + last[min(512, len(last) - 1):],
        "noise behind a hole": bytes(ALIGNMENT * dice.randrange(1, 20)) + dice.randbytes(200),
    }
    name = dice.choice(sorted(torn))
    if end + len(torn[name]) > segment.stat().st_size or not any(torn[name]):
        return None
    write_at(segment, end, torn[name])
    return f"{name} at byte {end}"
