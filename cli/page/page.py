"""The page in a browser, and stores to show on it."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("GAUGELOG", str(ROOT / "target/debug/gaugelog"))
START = 1_780_315_200
# Nothing was measured in this part.
GAP = range(40_000, 55_000)


def fill(store, rows):
    text = "time,value\n" + "".join(f"{time},{value!r}\n" for time, value in rows)
    command = [PROGRAM, "import", store, "-", "--time-unit", "s"]
    subprocess.run(command, input=text.encode(), check=True, capture_output=True)


class Page:
    """The page in a browser, and where pictures of it go."""

    def __init__(self, browser, pictures):
        self.browser = browser
        self.pictures = pictures

    def open(self, address):
        self.browser.open(address)
        self.browser.wait("document.body?.dataset.loaded")

    def picture(self, name):
        if self.pictures:
            self.browser.screenshot(self.pictures / f"{name}.png")

    def window(self):
        return tuple(self.browser.evaluate("[page.window.from, page.window.to]"))

    def settled(self):
        """Until what is shown is drawn from data of its own time."""
        self.browser.wait("document.body.dataset.loaded === `${page.window.from} ${page.window.to}`")

    def middle(self, chart=0, part=0.5):
        box = f"document.querySelectorAll('.u-over')[{chart}].getBoundingClientRect()"
        place = f"(({{x, y, width, height}}) => [x + width * {part}, y + height / 2])({box})"
        return self.browser.evaluate(place)

    def hover(self, chart=0, part=0.5):
        """What stands beside the pointer: a list of cells for each store."""
        self.browser.mouse("mouseMoved", *self.middle(chart, part))
        self.browser.wait("!document.getElementById('hover').hidden")
        rows = "[...document.querySelectorAll('#hover tr')]"
        return self.browser.evaluate(f"{rows}.map((row) => [...row.cells].map((it) => it.textContent))")

    def key(self, key):
        self.browser.key(key, key if len(key) == 1 else None)
        self.settled()

    def charts(self):
        return self.browser.evaluate("document.querySelectorAll('.uplot').length")

    def check_asks_only(self, origin):
        for address in self.browser.requested():
            assert address.startswith((origin, "data:")), f"{address} was asked for"
        assert not self.browser.complaints(), self.browser.complaints()
