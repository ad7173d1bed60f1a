"""The report in a real browser: plots, sorting, the slider, at two widths, without errors."""

import itertools
import json
import shutil

import pytest
from chromium import NAMES, Chromium, find_chromium

from pqmim_jax.evaluation.html import write_report

pytestmark = pytest.mark.skipif(
    find_chromium() is None, reason=f"no browser found: none of {', '.join(NAMES)} is on PATH"
)
LAPTOP, PHONE = 1280, 390
READY = "document.documentElement.dataset.ready === 'true'"
MARKS = "document.querySelectorAll('[data-metric=psnr] .mark').length"
SPLIT = "parseFloat(document.querySelector('.stage').style.getPropertyValue('--split'))"
FIRST_ROWS = "[...document.querySelectorAll('#picture-table tbody tr')].map(r => r.cells[{}].{})"
BOX = "e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; }"
PSNR = "[data-metric=psnr]"
TIP = (
    "(() => { const t = document.querySelector('[data-metric=psnr] .tip');"
    "return t.hidden ? null : t.innerText; })()"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


def show(browser, path, width=LAPTOP, **options):
    browser.open(path, width, **options)
    browser.wait_for(READY)
    browser.wait_for(f"{MARKS} > 0")


def assert_sound(browser):
    assert browser.run("document.documentElement.dataset.error") is None
    assert browser.run("document.documentElement.scrollWidth") <= browser.run("innerWidth")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_the_page_fits_and_nothing_fails(sample, browser, width, dark):
    show(browser, sample.report, width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert_sound(browser)
    assert browser.run("innerWidth") == width
    background = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(19, 20, 23)") is dark
    # The hostile file name would have opened a dialog, or made an element.
    assert browser.run("document.querySelectorAll('img[src=x]').length") == 0


def test_plots_show_every_metric_and_published_curves_dashed(sample, browser):
    show(browser, sample.report)
    metrics = browser.run("[...document.querySelectorAll('.chart')].map(c => c.dataset.metric)")
    assert metrics == ["psnr", "ms_ssim", "lpips"]
    browser.click("#curve-controls .choice:first-child button:last-child")  # all rates
    assert browser.run(MARKS) == sum(len(c["settings"]) for c in sample.document["codecs"])
    dashed = browser.run(
        "[...document.querySelectorAll('[data-metric=psnr] g[data-curve]')]"
        ".filter(g => g.querySelector('[stroke-dasharray]')).map(g => g.dataset.curve)"
    )
    assert dashed == [curve["name"] for curve in sample.document["published"]]


def test_names_of_curves_that_end_together_are_not_written_over(folder, sample, rewrite, browser):
    def make_twins(document):
        document["published"] = []
        first, *others = document["codecs"]
        for other in others:
            other["settings"] = [{**s, "means": dict(s["means"])} for s in first["settings"]]

    rewrite(make_twins)
    show(browser, write_report(folder, sample.pictures))
    boxes = browser.run(f"[...document.querySelectorAll('{PSNR} text.end')].map({BOX})")
    assert len(boxes) == 3
    for above, below in itertools.pairwise(sorted(boxes, key=lambda box: box[1])):
        assert above[3] <= below[1] + 4  # a line's height has room to spare


def test_axes_switch_between_log_and_linear_and_decibels(sample, browser):
    show(browser, sample.report)
    path = "document.querySelector('[data-metric={}] [data-curve=WebP] path').getAttribute('d')"
    before = {metric: browser.run(path.format(metric)) for metric in ("psnr", "ms_ssim")}
    browser.click("#curve-controls .choice:nth-child(3) button:last-child")
    assert browser.run(path.format("psnr")) == before["psnr"]
    assert browser.run(path.format("ms_ssim")) != before["ms_ssim"]
    browser.click("#curve-controls .choice:nth-child(2) button:last-child")
    assert browser.run(path.format("psnr")) != before["psnr"]
    assert_sound(browser)


def test_legend_toggles_curves(sample, browser):
    show(browser, sample.report)
    count = "document.querySelectorAll('[data-metric=psnr] [data-curve=WebP]').length"
    key = "#legend .key:nth-child(3)"
    assert browser.run(f"document.querySelector('{key}').innerText") == "WebP"
    browser.click(key)
    assert browser.run(count) == 0
    assert browser.run(f"document.querySelector('{key}').ariaPressed") == "false"
    browser.click(key)
    assert browser.run(count) == 1


def test_pointer_finds_the_nearest_point_and_keys_walk_on(sample, browser):
    show(browser, sample.report)
    mark = "[data-metric=psnr] [data-curve='PQ-MIM small'] .mark:nth-of-type(2)"
    x, y = browser.centre(mark)
    browser.move(x + 5, y - 5)
    setting = sample.document["codecs"][0]["settings"][1]
    tip = browser.run(TIP)
    assert tip.startswith(f"PQ-MIM small, {setting['setting']}")
    assert f"{setting['means']['psnr']:.2f}" in tip
    assert f"{setting['means']['bpp']:.4f}" in tip
    left, top, right, bottom = browser.run(f"({BOX})(document.querySelector('{PSNR} .tip'))")
    assert left <= x <= right
    assert min(abs(top - y), abs(bottom - y)) < 25
    browser.move(2, 2)
    assert browser.run(TIP) is None
    browser.run("document.querySelector('[data-metric=psnr] svg').focus()")
    browser.key("ArrowRight", 39)
    browser.key("ArrowRight", 39)
    assert browser.run(TIP) == tip
    assert browser.run("document.querySelector('[data-metric=psnr] [role=status]').textContent")
    browser.key("ArrowDown", 40)
    assert browser.run(TIP).startswith("JPEG")
    browser.key("Escape", 27)
    assert browser.run(TIP) is None


def test_a_touch_shows_a_point(sample, browser):
    show(browser, sample.report, PHONE)
    place = browser.centre("[data-metric=psnr] [data-curve='PQ-MIM small'] .mark")
    browser.touch("touchStart", place)
    browser.touch("touchEnd")
    assert browser.run(TIP).startswith("PQ-MIM small")


def test_pictures_are_worst_first_and_sort_by_their_headings(sample, browser):
    show(browser, sample.report)
    values = FIRST_ROWS.format(1, "dataset.sort")
    keys = [float(value) for value in browser.run(values) if value is not None]
    assert keys == sorted(keys)
    assert keys
    browser.click("#picture-table thead th:nth-child(3) button")
    rising = [float(value) for value in browser.run(FIRST_ROWS.format(2, "dataset.sort"))]
    assert rising == sorted(rising)
    browser.click("#picture-table thead th:nth-child(3) button")
    falling = [float(value) for value in browser.run(FIRST_ROWS.format(2, "dataset.sort"))]
    assert falling == rising[::-1]
    head = "document.querySelector('#picture-table thead th:nth-child(3)').ariaSort"
    assert browser.run(head) == "descending"


def test_the_table_follows_codec_and_setting(sample, browser):
    show(browser, sample.report)
    browser.choose("#picture-table .choice:nth-child(1) select", "jpeg")
    browser.choose("#picture-table .choice:nth-child(2) select", "q40")
    rows = [r for r in sample.document["images"] if (r["codec"], r["setting"]) == ("jpeg", "q40")]
    shown = browser.run(FIRST_ROWS.format(2, "dataset.sort"))
    assert sorted(map(float, shown)) == pytest.approx(sorted(r["psnr"] for r in rows))
    names = browser.run(FIRST_ROWS.format(0, "innerText"))
    assert sorted(names) == sorted(r["file"] for r in rows)


def test_the_slider_moves_by_mouse_and_keys(sample, browser):
    show(browser, sample.report)
    assert browser.run(SPLIT) == 50
    left, right = browser.centre(".stage", 0.5), browser.centre(".stage", 0.8)
    browser.move(*left)
    browser.move(*left, "mousePressed", button="left", clickCount=1)
    browser.move(*right, button="left", buttons=1)
    browser.move(*right, "mouseReleased", button="left", clickCount=1)
    assert browser.run(SPLIT) == pytest.approx(80, abs=1)
    browser.key("ArrowLeft", 37)
    browser.key("ArrowLeft", 37)
    assert browser.run(SPLIT) == pytest.approx(78, abs=1)
    clip = browser.run("getComputedStyle(document.querySelector('.stage .left')).clipPath")
    assert "22%" in clip or "78" in clip


def test_the_slider_moves_by_touch(sample, browser):
    show(browser, sample.report, PHONE)
    start, end = browser.centre(".stage", 0.5), browser.centre(".stage", 0.2)
    browser.touch("touchStart", start)
    for share in (0.4, 0.3, 0.2):
        browser.touch("touchMove", browser.centre(".stage", share))
    browser.touch("touchEnd")
    assert end[0] < start[0]
    assert browser.run(SPLIT) == pytest.approx(20, abs=2)


def test_dropdowns_choose_picture_and_codecs(sample, browser):
    show(browser, sample.report)
    data = json.loads(browser.run("document.getElementById('report-data').textContent"))
    crops = data["crops"]
    picture = crops["pictures"][1]
    browser.choose("#compare .choice:nth-child(1) select", "1")
    browser.choose("#compare .choice:nth-child(2) select", "webp")
    browser.choose("#compare .choice:nth-child(3) select", "\0original")
    (entry,) = (e for e in picture["levels"][-1] if data["records"][e["record"]]["codec"] == "webp")
    src = "document.querySelector('.stage .{}').src"
    assert browser.run(src.format("left")) == crops["uris"][entry["crop"]]
    assert browser.run(src.format("right")) == crops["uris"][picture["original"]]
    loaded = "document.querySelector('.stage .left').decode().then(() => true)"
    assert browser.run(loaded)
    card = browser.run("document.querySelector('#compare .side').innerText")
    assert f"{data['records'][entry['record']]['psnr']:.2f}" in card


def test_a_picture_of_the_table_opens_its_crops(sample, browser):
    show(browser, sample.report)
    file = browser.run(FIRST_ROWS.format(0, "innerText"))[-1]
    browser.click("#picture-table tbody tr:last-child button")
    chosen = (
        "document.querySelector('#compare .choice:nth-child(1) select').selectedOptions[0].text"
    )
    assert browser.run(chosen) == file


def test_maps_of_bits_for_every_stage(sample, browser):
    show(browser, sample.report)
    (stages,) = {len(r["stage_bits"]) for r in sample.document["images"] if "stage_bits" in r}
    assert browser.run("document.querySelectorAll('.maps .map').length") == stages
    assert browser.run("document.querySelectorAll('.stage-bars .fill').length") == stages
    loaded = (
        "Promise.all([...document.querySelectorAll('.map .over')].map(i => i.decode()))"
        ".then(() => true)"
    )
    assert browser.run(loaded)


def test_a_report_without_most_of_its_data_still_works(folder, sample, rewrite, browser):
    def strip(document):
        document["published"], document["bd"] = [], []
        document["codecs"] = document["codecs"][1:2]
        document["images"] = [r for r in document["images"] if r["codec"] == "jpeg"]

    rewrite(strip)
    shutil.rmtree(folder / "decoded")
    show(browser, write_report(folder, sample.pictures))
    assert_sound(browser)
    assert browser.run(FIRST_ROWS.format(0, "innerText"))
    assert browser.run("document.querySelector('#compare').children.length") == 0
