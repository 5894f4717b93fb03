"""The observations of an instance that were fetched so far."""

from pathlib import Path
from typing import BinaryIO, Optional

from collected import values_of_dump

END = b"]\n"


class Dump:
    """A file that is a complete JSON array after each append, in the order of arrival."""

    def __init__(self, path: Path):
        self.path = path
        self.size = 0
        """How many observations it holds. This is the sequence number of the next one."""
        self._begun = False

    def append(self, text: Optional[str], known: int) -> None:
        """Appends the output of `--dump --from SIZE`. With it there must be at least `known`
        observations.

        Raises ValueError if it is incomplete, or OSError; then the file is as before.
        """
        size = self.size + len(values_of_dump(text))
        if size < known:
            raise ValueError(f"{size} observations, where --stats had counted {known}")
        rows = text.strip()[1:-1].encode()
        head = b"[" if not self._begun else b", " if self.size and rows else b""
        # Nothing is buffered: a full disk is met here, and not when the file is closed.
        with self.path.open("r+b" if self._begun else "wb", buffering=0) as file:
            end = file.seek(-len(END), 2) if self._begun else 0
            try:
                _write(file, head + rows + END)
            except OSError:
                if self._begun:
                    # These bytes have room already.
                    file.truncate(end + len(END))
                    file.seek(end)
                    _write(file, END)
                else:
                    self.path.unlink()
                raise
        self._begun = True
        self.size = size


def _write(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest):]
