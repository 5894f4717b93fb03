"""What the image's file system states. The kernels that are booted here support more
compressions than the runtime's kernel, so booting does not prove that it can read them."""

import struct
from pathlib import Path

# By their numbers in Linux fs/squashfs/squashfs_fs.h.
COMPRESSIONS = {1: "gzip", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd"}
# Supported by Alpine's linux-virt, which is the runtime's kernel.
RUNTIME_READS = {"gzip", "lzo", "xz", "lz4"}


def described(image: Path) -> str:
    """Compression and block size; ValueError if the runtime's kernel cannot read it."""
    with image.open("rb") as file:
        magic, _, _, block_bytes, _, number = struct.unpack("<4sIIIIH", file.read(22))
    compression = COMPRESSIONS.get(number, f"number {number}")
    if magic != b"hsqs" or compression not in RUNTIME_READS:
        raise ValueError(f"{image}: the runtime's kernel cannot read it: {magic!r}, {compression}")
    return f"{compression}, blocks of {block_bytes // 1024} KiB"
