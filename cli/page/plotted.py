"""What pages show that `gaugelog plot` makes of small stores."""

import subprocess

from page import GAP, PROGRAM, START, Page, fill


def check(browser, folder):
    check_narrow_runs(browser, folder)
    check_finest(browser, folder)
    check_labels(browser, folder)
    check_saved_words(browser, folder)
    check_usual_distance(browser, folder)
    check_largest_values(browser, folder)
    check_repeated_hour(browser, folder)
    check_texts(browser)


def ink_at(page, time, value):
    """What the first store has within three pixels of a point of the first chart."""
    found = page.browser.evaluate(f"""(() => {{
      const [plot] = plots;
      const place = [plot.valToPos({time}, "x", true), plot.valToPos({value}, "y", true)];
      const {{ data }} = plot.ctx.getImageData(...place.map((it) => Math.round(it) - 3), 7, 7);
      return [...data];
    }})()""")
    pixels = [found[at:at + 4] for at in range(0, len(found), 4)]
    opacities = [opacity for red, _, blue, opacity in pixels if blue - red > 100]
    return {"line": max(opacities, default=0) > 250, "band": any(50 < it < 120 for it in opacities)}


def opened(browser, folder, name, *options, stores=()):
    """Opens the page that `gaugelog plot` makes of these stores, which have rows by name."""
    for store, rows in stores:
        fill(folder / store, rows)
    file = folder / f"{name}.html"
    paths = [folder / store for store, _ in stores]
    subprocess.run([PROGRAM, "plot", *paths, "-o", file, *options], check=True)
    page = Page(browser, None)
    page.open(f"file://{file}")
    return page


def check_narrow_runs(browser, folder):
    """Ten minutes a month are less than a pixel, and can be seen all the same."""
    starts = [START + month * 2_592_000 for month in range(3)]
    rows = [(start + s, s % 7) for start in starts for s in range(600)]
    page = opened(browser, folder, "bursts", stores=[("bursts", rows)])
    for start in starts:
        assert ink_at(page, start + 300, 3)["line"], f"the mean of {start}"
        assert ink_at(page, start + 300, 5)["band"], f"the band of {start}"


def check_finest(browser, folder):
    """Within a saved column there is the line from one to the next, and in a gap none."""
    rows = [(START + s, 3) for s in range(100_000) if s not in GAP]
    page = opened(browser, folder, "fine", stores=[("fine", rows)])
    page.browser.evaluate(f"page.show({START + 20_000}, {START + 30_000})")
    for _ in range(25):
        page.key("+")
        first, last = page.window()
        values = page.browser.evaluate("plots[0].data")
        for part in (0.2, 0.8):
            assert ink_at(page, first + (last - first) * part, 3)["line"], (last - first, part, values)
    assert last - first < 0.01, (first, last)
    for edge in (START, START + 99_998):
        page.browser.evaluate(f"page.show({edge + 0.2}, {edge + 0.8})")
        page.settled()
        assert ink_at(page, edge + 0.5, 3)["line"], f"no line at {edge}"
    gap = START + GAP[len(GAP) // 2]
    page.browser.evaluate(f"page.show({gap}, {gap + 1})")
    page.settled()
    assert page.browser.evaluate("plots[0].data[3].includes(null)"), "the line goes over the gap"


def check_labels(browser, folder):
    """No label is cut off: nothing is drawn at the left and right edges of a chart."""
    midnight = START + 43_200
    page = opened(browser, folder, "day", stores=[("day", [(midnight + s, s % 3) for s in range(0, 86_401, 60)])])
    edge = "[...plots[0].ctx.getImageData({x}, 0, 2, plots[0].ctx.canvas.height).data].some((it) => it > 0)"
    for start, span in [(midnight, 86_400), (midnight + 60, 86_280), (midnight, 0.01), (midnight - 0.01, 0.01)]:
        page.browser.evaluate(f"page.show({start}, {start + span})")
        page.settled()
        for x in ["0", "plots[0].ctx.canvas.width - 2"]:
            assert not page.browser.evaluate(edge.format(x=x)), (start, span, x)


def check_saved_words(browser, folder):
    """A saved page shows all of its stores, names no key that it has not, and no time of nothing."""
    stores = [(f"room{number}", [(START, number)]) for number in range(8)]
    page = opened(browser, folder, "rooms", stores=stores)
    assert page.charts() == 8, page.charts()
    keys = page.browser.evaluate("document.querySelector('.keys').innerText")
    assert "U: UTC" in keys and "live" not in keys, keys
    fill(folder / "none", [])
    subprocess.run([PROGRAM, "plot", folder / "none", "-o", folder / "none.html"], check=True)
    browser.open(f"file://{folder}/none.html")
    browser.wait("document.getElementById('window').textContent === 'No observations'")
    browser.key("+", "+")
    assert page.charts() == 0


def check_usual_distance(browser, folder):
    """The rule for gaps is that of the pictures: each case is a test of theirs, too."""
    page = opened(browser, folder, "one", stores=[("one", [(START, 1)])])
    months = [(0, 1_000), (2_592_000, 1_000), (5_184_000, 1_000)]
    bursts_and_days = [(0, 600)] + [(day * 86_400, 1) for day in range(1, 4)]
    for columns, expected in [
        (months, [1, 1, 1]),
        ([(0, 5), (1_000, 1)], [1, 1]),
        ([(0, 1), (86_400, 1)], [2]),
        ([(0, 1)], [1]),
        (bursts_and_days, [4]),
    ]:
        first, count = map(list, zip(*columns))
        last = [start + number - 1 for start, number in columns]
        found = page.browser.evaluate(f"""(() => {{
          const columns = {{ first: {first}, last: {last}, count: {count} }};
          return runs({{ ...columns, usual: usualDistance(columns) }}).map(([from, to]) => to - from);
        }})()""")
        assert found == expected, (columns, found)


def check_largest_values(browser, folder):
    """Of values that no axis can span the page says so; others are drawn."""
    for name, values, expected in [
        ("apart", [-1e308, 1e308], "values too far apart to draw"),
        ("largest", [1.7976931348623157e308] * 2, None),
        ("large", [1e34, 4e34], None),
        ("neighbours", [20, 20.000000000000004], None),
        ("large_neighbours", [1e16, 1e16 + 2], None),
    ]:
        rows = [(START + s, values[s % 2]) for s in range(20)]
        page = opened(browser, folder, name, stores=[(name, rows)])
        found = page.browser.evaluate("document.querySelector('.empty')?.textContent")
        assert found == expected, (name, found)
        labels = page.browser.evaluate("plots[0]?.axes[1]._values") or []
        assert expected or len(set(labels)) > 1, (name, labels)
        assert not any("0e" in label for label in labels), (name, labels)


def check_repeated_hour(browser, folder):
    """Times that the clock shows twice have labels of their own."""
    start = 1_792_885_200  # 2026-10-25T01:40+02:00
    rows = [(start + minute * 60, minute) for minute in range(160)]
    page = opened(browser, folder, "night", "--tz", "Europe/Berlin", stores=[("night", rows)])
    labels = [label for label in page.browser.evaluate("plots[0].axes[0]._values") if label]
    assert len(set(labels)) == len(labels), labels
    assert any("02:30\nGMT+2" in label for label in labels), labels
    assert any("02:30\nGMT+1" in label for label in labels), labels


def check_texts(browser):
    """Times to the last digit, labels of small steps, and hours beside a change of the clock."""
    wrong = browser.evaluate("""[...Array(1000).keys()].filter((ms) =>
        !timeText(1780315200 + ms / 1000, "UTC", 3).endsWith(`.${String(ms).padStart(3, "0")}`))""")
    assert wrong == [], wrong
    labels = browser.evaluate("[0, 1e-6, 1.25e-6, 1.5e-6].map((it) => roundedText(it, 2.5e-7))")
    assert labels == ["0", "1e−6", "1.25e−6", "1.5e−6"], labels
    browser.zone("Europe/Berlin")
    hours = browser.evaluate("""[0, 1, 2, 3].map((hour) => {
        const date = shownAt(Date.UTC(2026, 9, 25, hour, 30) / 1000, { zone: "UTC", ownZone: "Europe/Berlin" });
        return [date.getDate(), date.getHours(), date.getMinutes()].join(" ");
    })""")
    assert hours == ["25 0 30", "25 1 30", "25 2 30", "25 3 30"], hours
