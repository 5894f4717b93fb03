"""A virtual machine that boots an image as the runtime does, and runs commands in it."""

import json
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

# No request of the tests takes longer on an emulated processor.
ANSWER_S_MOST = 180
BOOT_S_MOST = 120
VOLUMES = ("/golem/in", "/golem/out")


class MachineLost(Exception):
    """The VM no longer answers."""


class Unreported(Exception):
    """A command has ended and the guest's init has missed that: the runtime's agent would
    wait without end. The machine goes on."""


class Finished(NamedTuple):
    """How a command ended, and its output."""

    status: int
    stdout: bytes
    stderr: bytes
    nanoseconds: int


class Machine:
    """One VM, from power-on to power-off. `folder` holds its volumes and its console;
    existing volumes are used as they are."""

    def __init__(self, kernel: Path, initrd: Path, image: Path, folder: Path,
                 memory_mib: int, processors: int):
        self._folder = folder
        for volume in VOLUMES:
            self.volume(volume).mkdir(parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        path = folder / "port"
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen()
        begun = time.monotonic()
        self._qemu = subprocess.Popen(
            _command_line(kernel, initrd, image, folder, memory_mib, processors),
            stdin=subprocess.DEVNULL, stdout=(folder / "qemu").open("wb"), stderr=subprocess.STDOUT)
        listener.settimeout(BOOT_S_MOST)
        try:
            self._port, _ = listener.accept()
        except TimeoutError:
            raise self._lost("QEMU has not begun") from None
        finally:
            listener.close()
        self._port.settimeout(BOOT_S_MOST)
        self._expect(b"r")
        self.boot_s = time.monotonic() - begun
        self._port.settimeout(ANSWER_S_MOST)

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def volume(self, path: str) -> Path:
        """The host's directory for a volume of the guest."""
        return self._folder / Path(path).name

    def run(self, *words: str) -> Finished:
        """Runs a program of the image, with arguments, to its end."""
        return self._ask("run", *words)

    def begin(self, *words: str) -> None:
        """Starts a program without waiting for its end."""
        self._send(["run", *words])

    def do(self, *words: str) -> None:
        """Lets the guest itself change files: fill, remove, copy."""
        self._ask(*words)

    def power_off(self) -> None:
        """Ends the VM as the runtime does: without a signal to the programs in it."""
        self._send(["off"])
        try:
            self._qemu.wait(ANSWER_S_MOST)
        except subprocess.TimeoutExpired:
            raise self._lost("it does not power off") from None
        self.kill()

    def kill(self) -> None:
        """Ends the VM at once."""
        self._qemu.kill()
        self._qemu.wait()
        self._port.close()

    def _ask(self, *request: str) -> Finished:
        self._send(list(request))
        said = {b"o": bytearray(), b"e": bytearray()}
        while True:
            kind, data = self._frame()
            if kind == b"d":
                break
            said[kind] += data
            self._port.sendall(b"\n")
        if data == b"unreported":
            raise Unreported(f"{request}: its end was not reported")
        try:
            status, nanoseconds = map(int, data.split())
        except ValueError:
            raise MachineLost(f"{request}: {data.decode()}") from None
        return Finished(status, bytes(said[b"o"]), bytes(said[b"e"]), nanoseconds)

    def _send(self, request: list[str]) -> None:
        self._port.sendall(json.dumps(request).encode() + b"\n")

    def _expect(self, wanted: bytes) -> None:
        kind, data = self._frame()
        if kind != wanted:
            raise self._lost(f"it said {kind!r} {data!r}")

    def _frame(self) -> tuple[bytes, bytes]:
        kind, length = struct.unpack("<cI", self._exactly(5))
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            try:
                part = self._port.recv(length - len(data))
            except TimeoutError:
                raise self._lost("it has not answered in time") from None
            except OSError as error:
                raise self._lost(str(error)) from None
            if not part:
                raise self._lost("it has gone")
            data += part
        return bytes(data)

    def _lost(self, why: str) -> MachineLost:
        self._qemu.kill()
        self._qemu.wait()
        console = "".join(
            (self._folder / name).read_text(errors="replace")[-3000:]
            for name in ("qemu", "console") if (self._folder / name).exists())
        return MachineLost(f"{why}; its console ends:\n{console}")


def _command_line(kernel: Path, initrd: Path, image: Path, folder: Path,
                  memory_mib: int, processors: int) -> list[str]:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        raise FileNotFoundError("no qemu-system-x86_64; image/boot-test --install gets it")
    command = [
        qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "pc", "-accel", "tcg",
        # Without instructions that a processor does fast, but an emulator byte by byte.
        "-cpu", "max,-erms,-fsrm",
        "-m", f"{memory_mib}M", "-smp", str(processors),
        "-serial", f"file:{folder / 'console'}",
        "-kernel", str(kernel), "-initrd", str(initrd),
        # On a busy host the emulated timer may tick too late for the kernel's check of it,
        # which then panics.
        "-append", "console=ttyS0 quiet panic=-1 no_timer_check",
        "-drive", f"file={image},readonly=on,format=raw,id=rootfs,if=none",
        "-device", "virtio-blk-pci,drive=rootfs",
        "-device", "virtio-rng-pci", "-device", "virtio-serial",
        "-chardev", f"socket,path={folder / 'port'},id=port",
        "-device", "virtserialport,chardev=port",
    ]
    for number, volume in enumerate(VOLUMES):
        tag = f"mnt{number}"
        path = folder / Path(volume).name
        command += ["-virtfs", f"local,id={tag},path={path},security_model=none,mount_tag={tag}"]
    return command
