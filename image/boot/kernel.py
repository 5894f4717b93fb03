"""The kernel and the first files of the VM: the distribution's unchanged kernel package,
the modules that the guest needs, and the guest's first process."""

import lzma
import stat
from pathlib import Path

# The modules that the guest loads, each after those that it depends on.
MODULES = [
    "virtio_pci", "virtio_blk", "virtio_console", "virtio-rng", "squashfs", "overlay", "9p",
    "9pnet_virtio",
]


class Kernel:
    """A kernel package unpacked below `folder`, which has `boot` and `lib/modules`."""

    def __init__(self, folder: Path):
        images = sorted(folder.glob("boot/vmlinuz-*"))
        if not images:
            raise FileNotFoundError(f"{folder}: no kernel; image/boot-test --install gets one")
        self.image = images[-1]
        self.release = self.image.name.removeprefix("vmlinuz-")
        # In newer packages they are below usr.
        self._modules = next(folder.glob(f"**/lib/modules/{self.release}"))

    def modules(self) -> list[tuple[str, bytes]]:
        """The modules by name, in the order of loading."""
        depends = self._dependencies()
        order: list[str] = []
        for path in depends:
            if _name(path) in {_name(wanted) for wanted in MODULES}:
                # A module's line names what it needs; what must be loaded first is at its end.
                for needed in [*reversed(depends[path]), path]:
                    if needed not in order:
                        order.append(needed)
        return [(_name(path) + ".ko", self._read(path)) for path in order]

    def _dependencies(self) -> dict[str, list[str]]:
        listed = self._modules / "modules.dep"
        lines = [line.partition(":") for line in listed.read_text().splitlines()]
        return {path: needs.split() for path, _, needs in lines}

    def _read(self, path: str) -> bytes:
        bytes_ = (self._modules / path).read_bytes()
        return lzma.decompress(bytes_) if path.endswith(".xz") else bytes_


def _name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def initramfs(kernel: Kernel, init: Path, empty: Path) -> bytes:
    """An archive for the kernel's `-initrd`: cpio's format `newc`, not compressed."""
    modules = kernel.modules()
    order = "".join(f"{name}\n" for name, _ in modules).encode()
    files = [("init", init.read_bytes()), ("guest-empty", empty.read_bytes())]
    files += [("modules/order", order), *((f"modules/{name}", data) for name, data in modules)]
    archive = b"".join(_entry(name, stat.S_IFDIR | 0o755, b"") for name in ["dev", "mnt", "modules"])
    archive += b"".join(_entry(name, stat.S_IFREG | 0o755, data) for name, data in files)
    return archive + _entry("TRAILER!!!", 0, b"")


def _entry(name: str, mode: int, data: bytes) -> bytes:
    """One file of the archive: kernel's Documentation/driver-api/early-userspace/buffer-format.rst."""
    path = name.encode() + b"\0"
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
