"""What lies under a machine's folder when that is to be hurt: a small disk, or one whose power can be cut.

Both are mounted, in a mount namespace of the test's own: nothing stays, however the test ends.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

MIB = 1024 * 1024
INSIDE = "KERUEN_CRASH_MOUNTS"  # set where mounts are the test's own


def enter_namespace():
    """Starts this program again where it may mount. False: this machine does not allow that."""
    if INSIDE in os.environ:
        return True
    # Who is not root may still mount a tmpfs as the root of a user namespace.
    enter = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    if not shutil.which("unshare") or subprocess.run([*enter, "true"], capture_output=True).returncode != 0:
        return False
    os.environ[INSIDE] = "1"
    sys.stdout.flush()
    os.execvp(enter[0], [*enter, sys.executable, "-B", *sys.argv])


def can_mount(kind):
    """Tried out, inside the namespace: root in a container may be refused a loop device. Twice: once
    may be a busy machine."""
    return _mounts(kind) or _mounts(kind)


def _mounts(kind):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keruen-test-", dir="/tmp"))
    try:
        disk = kind(8)
        disk.lay(folder / "disk")
        disk.clear()
        return True
    except AssertionError as refused:
        print(refused)
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}: {done.stderr.strip()}")


class SmallDisk:
    """A tmpfs of a few MiB that can be filled and emptied."""

    def __init__(self, mebibytes):
        self.mebibytes = mebibytes

    def lay(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o700)
        command("mount", "-t", "tmpfs", "-o", f"size={self.mebibytes}m,mode=700", "tmpfs", folder)
        self.ballast = folder / "ballast"

    def free_bytes(self):
        room = os.statvfs(self.folder)
        return room.f_bavail * room.f_frsize

    def fill(self, leave=0):
        """Takes all room but `leave` bytes; nobody else writes meanwhile."""
        if (size := self.free_bytes() - leave) > 0:
            with open(self.ballast, "ab") as ballast:
                os.posix_fallocate(ballast.fileno(), ballast.tell(), size)

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def clear(self):
        if os.path.ismount(self.folder):
            command("umount", self.folder)


class DiskImage:
    """ext4 in a file. Cutting the power copies the file as it is: what the file system had not yet
    given to the device is gone, as after a real cut. Each time something is written that nobody syncs:
    were it there again, no power was cut."""

    NEVER_SYNCED = b"never synced" * 1000

    def __init__(self, mebibytes):
        self.mebibytes, self.number = mebibytes, 0

    def lay(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o700)
        image = self._image()
        with open(image, "wb") as file:
            file.truncate(self.mebibytes * MIB)
        command("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        self._mount(image)
        (folder / "lost+found").rmdir()

    def _image(self):
        return pathlib.Path(f"{self.folder}.image-{self.number}")

    def _mount(self, image):
        # The file system commits by itself every five seconds otherwise; then less would be lost.
        command("mount", "-o", "loop,commit=300", image, self.folder)
        self.folder.chmod(0o700)

    def copy(self):
        """As the device is at this moment; nothing may write while it is copied."""
        old = self._image()
        self.number += 1
        self._canary().write_bytes(self.NEVER_SYNCED)
        command("cp", "--sparse=always", old, self._image())
        return old

    def put_back(self, old):
        """The machine, its processes ended, comes back with the copy."""
        command("umount", self.folder)
        old.unlink()
        self._mount(self._image())
        canary = self._canary()  # of which the name alone may be there
        if canary.exists() and canary.read_bytes() == self.NEVER_SYNCED:
            raise AssertionError(f"{canary} was never synced, and is there after a power cut")
        canary.unlink(missing_ok=True)

    def _canary(self):
        # A name of its own: ext4 syncs what replaces a file's content.
        return self.folder / f"canary-{self.number}"

    def clear(self):
        if os.path.ismount(self.folder):
            command("umount", self.folder)
        self._image().unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
