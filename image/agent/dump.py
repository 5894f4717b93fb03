"""The observations of an instance that were fetched so far."""

from pathlib import Path
from typing import Optional

from collected import values_of_dump

END = b"]\n"


class Dump:
    """A file that is a complete JSON array after each append, in the order of arrival."""

    def __init__(self, path: Path):
        self.path = path
        self.size = 0
        """How many observations it holds. This is the sequence number of the next one."""

    def append(self, text: Optional[str], known: int) -> None:
        """Appends the output of `--dump --from SIZE`. With it there must be at least `known`
        observations.

        Raises ValueError if it is incomplete, or OSError; then the file is as before.
        """
        size = self.size + len(values_of_dump(text))
        if size < known:
            raise ValueError(f"{size} observations, where --stats had counted {known}")
        rows = text.strip()[1:-1].encode()
        if not self.path.exists():
            self.path.write_bytes(b"[" + rows + END)
        elif rows:
            self._insert(rows)
        self.size = size

    def _insert(self, rows: bytes) -> None:
        with self.path.open("r+b") as file:
            end = file.seek(-len(END), 2)
            try:
                file.write((b", " if self.size else b"") + rows + END)
                file.flush()
            except OSError:
                # Such as a full disk.
                file.truncate(end)
                file.seek(end)
                file.write(END)
                raise
