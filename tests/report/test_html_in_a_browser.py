"""A report in a real browser: it can be clicked through by mouse and keyboard, and nothing breaks out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_kit import HOSTILE, board, report_of, run

from sandbox.budget import Budget
from sandbox.tournament import Run

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is in the extra `test`")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip(
        "no chromium here: `apt-get install chromium chromium-driver` brings it", allow_module_level=True
    )
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """Chromium with one page open."""

    def __init__(self, profile: Path, *, javascript: bool = True) -> None:
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        if not javascript:
            block = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", block)
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_page_load_timeout(60)

    def open(self, page: Path, width: int = 1280, fragment: str = "", **media: Any) -> None:
        """Load a page at this width; `media` as "prefers-color-scheme" or media="print"."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        kind = media.pop("media", "")
        features = [{"name": key.replace("_", "-"), "value": value} for key, value in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})
        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + fragment)
        self.wait(f"location.href.startsWith({page.as_uri()!r}) && document.readyState === 'complete'")

    def wait(self, condition: str, seconds: float = 30.0) -> None:
        """Wait until a condition holds in the page."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, seconds).until(lambda _: self.js(f"return Boolean({condition})"))

    def js(self, script: str, *args: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *args)

    def find(self, selector: str) -> Any:
        """The first element."""
        return self.driver.find_element("css selector", selector)

    def shown(self, selector: str) -> list[Any]:
        """All elements that can be seen."""
        found = self.driver.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def click(self, selector: str) -> None:
        """Click the first element that can be seen, wherever on the page."""
        self.wait(f"document.querySelector({selector!r})?.checkVisibility()")
        (element, *_) = self.shown(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def pick(self, selector: str, place: int) -> None:
        """Choose an option of a select, counted from 0, or from the end by a negative number."""
        from selenium.webdriver.support.ui import Select

        chooser = Select(self.find(selector))
        chooser.select_by_index(range(len(chooser.options))[place])

    def keys(self, *names: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        for name in names:
            ActionChains(self.driver).send_keys(getattr(Keys, name)).perform()

    def complaints(self) -> list[str]:
        """What the console has to say, which should be nothing."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tournaments of honest agents, with a failed run."""
    rng = np.random.default_rng(5)
    means = {"good": 0.9, "fair": 0.7, "a-much-longer-agent-name": 0.7, "poor": 0.4}
    runs: list[Run] = []
    for scenario, budget in (("first", Budget(evaluations=100)), ("second", Budget(usd=10**12))):
        for problem in ("p", "q", "a_problem_with_a_long_name"):
            scores = {name: (mean + rng.normal(0, 0.03, 6)).tolist() for name, mean in means.items()}
            scores["broken"] = [0.5, None]
            texts = [f"Step {i}: be {'very ' * i}brief." for i in range(5)]
            runs += board(scores, scenario=scenario, budget=budget, problem=problem, texts=texts, calls=14)
    folder = tmp_path_factory.mktemp("page")
    target = folder / "report.html"
    target.write_text(report_of(folder / "s.db", runs), encoding="utf-8")
    return target


def test_nothing_hostile_runs_and_nobody_complains(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runs = [
        run(name.replace("\ud800", ""), seed, 0.5 + 0.1 * (i % 4), scenario=HOSTILE[3], problem=HOSTILE[1],
            texts=[HOSTILE[i], *HOSTILE], calls=14, key=f"{i}-{seed}", error=HOSTILE[2] if i == 4 else None,
            caveat=HOSTILE[0], note=HOSTILE[5])
        for i, name in enumerate(HOSTILE)
        for seed in range(3)
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("hostile")
    target = folder / "report.html"
    target.write_text(report_of(folder / "s.db", runs), encoding="utf-8")
    browser.open(target)
    browser.js("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    agents = browser.find("#run-agent")
    for value in [option.get_attribute("value") for option in agents.find_elements("css selector", "option")]:
        browser.js(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))",
            agents,
            value,
        )
        for row in range(14):
            browser.js("document.querySelectorAll('.calls tbody tr')[arguments[0]].click()", row)
    for element in browser.js("return [...document.querySelectorAll('[data-tip]')].slice(0, 80)"):
        browser.js("arguments[0].dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))", element)
    assert browser.js("return window.hacked === undefined")
    assert browser.js("return document.querySelectorAll('img, iframe, object, embed, base').length") == 0
    assert browser.js("return document.scripts.length") == 3
    assert "<script>window.hacked=1</script>" in browser.js("return document.body.innerText")
    assert browser.complaints() == []


def test_a_click_filters_agents_everywhere(browser: Browser, page: Path) -> None:
    browser.open(page)
    row = "//table[contains(@class, 'board')]//th[normalize-space()='poor']"

    def rows() -> list[bool]:
        return [found.is_displayed() for found in browser.driver.find_elements("xpath", row)]

    assert all(rows())
    lines = len(browser.shown("#t0-curves path.line"))
    browser.click(".agents > summary")
    browser.driver.find_element("xpath", "//label[contains(@class, 'chip')][contains(., 'poor')]").click()
    assert not any(rows())
    assert len(browser.shown("#t0-curves path.line")) == lines - 1
    assert browser.find("#shown-count").text == "4 of 5"
    assert "poor" not in [option.text for option in browser.shown("#run-agent option")]
    browser.click("#everybody")
    assert all(rows())
    assert browser.complaints() == []


def test_the_axis_is_switched_for_one_tournament(browser: Browser, page: Path) -> None:
    browser.open(page)

    def label(n: int) -> str:
        return str(browser.shown(f"#t{n}-curves svg.figure")[0].get_attribute("data-label"))

    before = label(0), label(1)
    browser.click(".tournament[data-tournament='0'] .axis-switch input[value='seconds']")
    assert (label(0), label(1)) == ("seconds spent", before[1])
    assert len(browser.shown("#t0-curves svg.figure")) == 1
    assert len(browser.shown("#t0-scores svg.figure")) == 1


def test_a_tournament_can_be_looked_at_alone(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert len(browser.shown(".tournament")) == 2
    browser.pick("#which", 2)
    assert [part.get_attribute("data-tournament") for part in browser.shown(".tournament")] == ["1"]
    assert browser.find("#run-tournament").get_attribute("value") == "1"
    browser.pick("#which", 0)
    assert len(browser.shown(".tournament")) == 2


@pytest.mark.parametrize("system", ["light", "dark"])
def test_light_and_dark_follow_the_system_until_one_chooses(
    browser: Browser, page: Path, system: str
) -> None:
    browser.open(page, prefers_color_scheme=system)
    browser.js("try { localStorage.clear() } catch { }")
    browser.open(page, prefers_color_scheme=system)

    def brightness() -> int:
        colour = browser.find("body").value_of_css_property("background-color")
        return int(colour.split("(")[1].split(",")[0])

    assert (brightness() > 128) == (system == "light")
    browser.click("#theme")
    assert (brightness() > 128) == (system == "dark")
    browser.click("#theme")
    assert (brightness() > 128) == (system == "light")
    browser.js("try { localStorage.clear() } catch { }")


CONTRAST = """
const root = getComputedStyle(document.documentElement);
const light = (name) => {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = root.getPropertyValue(name).trim();
  paint.fillRect(0, 0, 1, 1);
  const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map(part);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
return arguments[0].map(([front, back]) => {
  const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
  return [front, back, (a + 0.05) / (b + 0.05)];
});
"""


@pytest.mark.parametrize("system", ["light", "dark"])
def test_texts_and_lines_stand_out(browser: Browser, page: Path, system: str) -> None:
    browser.open(page, prefers_color_scheme=system)
    texts = [[f, b] for f in ("--ink", "--soft", "--accent", "--bad") for b in ("--page", "--sheet")]
    for front, back, ratio in browser.js(CONTRAST, texts):
        assert ratio >= 4.5, (front, back, ratio)
    for front, back, ratio in browser.js(CONTRAST, [[f"--k{i}", "--sheet"] for i in range(8)]):
        assert ratio >= 2.4, (front, back, ratio)  # lines have patterns, marks and names besides
    near = [["--heat-ink", f"--h{i}"] for i in range(7)] + [
        ["--heat-ink-far", f"--h{i}"] for i in range(7, 10)
    ]
    near += [["--heat-ink-far", f"--w{i}"] for i in (0, 9, 10)] + [["--warm-ink", f"--w{i}"] for i in (1, 2)]
    near += [["--heat-ink", f"--w{i}"] for i in range(3, 9)]
    for front, back, ratio in browser.js(CONTRAST, near):
        assert ratio >= 3.5, (front, back, ratio)


def test_a_run_is_opened_and_read_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.pick("#run-problem", -1)
    browser.pick("#run-agent", 1)
    assert browser.find("#run-agent").get_attribute("value") == "1"
    assert len(browser.shown(".timeline rect.call")) == 14
    assert len(browser.shown(".timeline rect.call.x")) == 1
    steps = browser.shown(".evolution li")
    assert len(steps) == 5
    assert [part.text.strip() for part in steps[-1].find_elements("css selector", "ins")] == ["4:", "very"]
    calls = browser.find(".calls")
    browser.js("arguments[0].focus()", calls)
    browser.keys("ARROW_DOWN", "ARROW_DOWN")
    assert browser.find(".calls tr[aria-selected='true']").text.startswith("3")
    assert "Request 3: evaluation" in browser.find(".detail").text
    assert "failed" in browser.find(".detail").text
    browser.keys("END")
    assert browser.find(".calls tr[aria-selected='true']").text.startswith("14")
    browser.keys("HOME", "ARROW_DOWN")
    assert "Written, 1" in browser.find(".detail").text
    assert browser.complaints() == []


def test_a_link_leads_to_a_run(browser: Browser, page: Path) -> None:
    browser.open(page)
    keys = browser.js("return JSON.parse(document.getElementById('runs').textContent).runs.map((r) => r.k)")
    browser.pick("#run-agent", -1)
    link = browser.js("return location.hash")
    browser.open(page, fragment=link)
    assert browser.js("return location.hash") == link
    assert link.removeprefix("#run=") in keys


def test_a_cell_leads_to_a_run(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.click("#t1-map td.heat")
    assert browser.find("#run-tournament").get_attribute("value") == "1"


def test_the_keyboard_reads_values_off_a_curve(browser: Browser, page: Path) -> None:
    browser.open(page)
    chart = browser.shown("#t0-curves svg.figure")[0]
    browser.js("arguments[0].scrollIntoView({block: 'center'})", chart)
    browser.js("arguments[0].focus()", chart)
    browser.keys("ARROW_RIGHT", "ARROW_RIGHT")
    first = browser.find("#tip").text
    assert "evaluations spent: 5" in first
    assert "good" in first
    assert "%" in first
    for _ in range(60):
        browser.keys("ARROW_RIGHT")
    last = browser.find("#tip").text
    assert "evaluations spent: 100" in last
    board_gap = browser.find(".board tbody tr td:nth-of-type(5)").text
    best = next(line for line in last.splitlines() if line.startswith("good"))
    assert 100 - float(best.split()[-2]) == pytest.approx(float(board_gap.split()[0]), abs=0.6)
    browser.keys("ESCAPE")
    assert not browser.find("#tip").is_displayed()


def test_every_control_is_reached_by_tab(browser: Browser, page: Path) -> None:
    browser.open(page)
    seen = []
    for _ in range(12):
        browser.keys("TAB")
        seen.append(browser.js("const e = document.activeElement; return e.id || e.className || e.tagName"))
    assert "skip" in seen[0]
    assert {"which", "theme"} <= set(seen)


def test_a_table_is_sorted_by_a_click(browser: Browser, page: Path) -> None:
    browser.open(page)

    def names() -> list[str]:
        return [
            found.text
            for found in browser.shown(".tournament[data-tournament='0'] .board:first-of-type .agent")
        ][:4]

    before = names()
    browser.click(".board thead th:nth-child(3) .sorter")
    browser.click(".board thead th:nth-child(3) .sorter")
    assert names() == before[::-1]


LAID_OUT = """
const bad = [];
for (const svg of document.querySelectorAll("svg.figure")) {
  if (!svg.getClientRects().length) continue;
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const boxes = [...svg.querySelectorAll("text")].filter((t) => t.getClientRects().length)
    .map((t) => [t.textContent, t.getBBox()]);
  for (const [text, box] of boxes)
    if (box.x < -6 || box.y < -6 || box.x + box.width > width + 8 || box.y + box.height > height + 6)
      bad.push("off: " + text);
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
    const [a, b] = [boxes[i][1], boxes[j][1]];
    const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
    const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
    if (across > 1.5 && down > 4) bad.push(`${boxes[i][0]} on ${boxes[j][0]}`);
  }
}
return bad;
"""


@pytest.mark.parametrize("width", [1280, 360])
def test_no_label_lies_on_another_or_leaves_its_figure(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.js(LAID_OUT) == []


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_a_page_never_scrolls_sideways(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.js("return document.documentElement.scrollWidth") <= width
    assert browser.js("return getComputedStyle(document.body).fontSize") in ("15px", "16px")


def test_on_paper_there_are_no_controls_and_the_page_is_white(browser: Browser, page: Path) -> None:
    browser.open(page, media="print", prefers_color_scheme="dark")
    assert browser.find("body").value_of_css_property("background-color").replace(" ", "") in (
        "rgb(255,255,255)",
        "rgba(255,255,255,1)",
    )
    assert browser.shown("button:not(.sorter)") == []
    assert browser.shown(".axis-switch") == []
    assert browser.shown(".board")


def test_a_figure_can_be_saved(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.js(
        "window.saved = []; URL.createObjectURL = (blob) => { blob.text().then((t) => window.saved.push(t)); "
        "return '#'; }"
    )
    browser.click("#t0-curves .save")
    browser.click("#t0-map .save")
    picture, table = browser.driver.execute_async_script(
        "const done = arguments[0]; "
        "const look = () => saved.length > 1 ? done(saved) : setTimeout(look, 20); look()"
    )
    assert picture.startswith("<svg")
    assert "stroke=" in picture
    assert "class=" not in picture
    assert table.splitlines()[0].startswith("Problem,Optimum,good")


def test_without_javascript_tables_and_figures_are_there(
    page: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain = Browser(tmp_path_factory.mktemp("plain"), javascript=False)
    try:
        plain.open(page)
        assert len(plain.shown(".tournament")) == 2
        assert len(plain.shown(".board tbody tr")) > 8
        assert len(plain.shown("#t0-curves svg.figure")) == 1
        assert plain.shown(".tools, .axis-switch, #run-browser") == []
        assert "needs JavaScript" in plain.find("noscript").text
    finally:
        plain.driver.quit()
