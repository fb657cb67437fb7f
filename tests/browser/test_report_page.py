"""The report's page in a browser: by file, by keyboard, on a telephone, in the dark, and for screen readers."""

import pytest
from axe_playwright_python.sync_playwright import Axe

LENGTH = """new Promise((done) => {
  const of = document.querySelector("audio");
  of.onloadedmetadata = () => done(of.duration);
  of.onerror = () => done(-1);
  of.load();
  of.play().catch(() => {});
})"""
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}


def test_the_page_opens_by_file_and_loads_nothing(opened):
    page = opened()
    assert page.title() == "A <small> run"
    assert "accuracy on spoken questions went from" in page.locator("h1").inner_text()
    assert page.locator("img").count() == 0, "texts are no markup"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_screen_readers_find_no_fault(size, scheme, opened):
    page = opened(size, scheme)
    page.evaluate("for (const of of document.querySelectorAll('details')) of.open = true")
    found = Axe().run(page).response["violations"]
    assert [(of["id"], of["nodes"][0]["html"]) for of in found] == []


@pytest.mark.parametrize("width", [320, 360, 414, 768, 1280])
def test_no_width_scrolls_sideways(width, opened):
    page = opened({"width": width, "height": 700})
    page.evaluate("for (const of of document.querySelectorAll('details')) of.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_colours_follow_the_reader(opened):
    shades = [
        opened(scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(map(int, shade.removeprefix("rgb(").removesuffix(")").split(","))) for shade in shades)
    assert light > 700 and dark < 100


def shown(page):
    return page.locator("#lost tbody tr:visible")


def test_the_filters_of_lost_questions(opened):
    page = opened()
    section = page.locator("#lost")
    counted = {}
    for model in ("Stage I", "Uniform", "Active"):
        section.get_by_label("Model").select_option(label=model)
        counted[model] = shown(page).count()
    assert counted == {"Stage I": 4, "Uniform": 3, "Active": 1}  # HEARD of written_run
    section.get_by_label("Model").select_option(label="Stage I")
    section.get_by_label("Subject").select_option("organs")
    assert shown(page).count() == 3
    section.get_by_label("Words").fill("NUMBER 2")
    assert shown(page).count() == 1 and section.locator("output").inner_text() == "1 question"
    assert "organs number 2" in shown(page).inner_text()
    section.get_by_label("Words").fill("nothing like this")
    assert shown(page).count() == 0 and section.locator("output").inner_text() == "0 questions"


def test_filters_and_map_work_by_the_keyboard_alone(opened):
    page = opened()
    page.locator("#lost").get_by_label("Model").focus()
    page.keyboard.press("ArrowUp")
    assert shown(page).count() == 3
    for _ in range(12):
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
        page.locator("#map select").last.focus() if _ == 0 else page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "CANVAS", "the map is reached by Tab"
    said = page.locator("#map-text")
    page.keyboard.press("ArrowRight")
    first = said.inner_text()
    page.keyboard.press("ArrowRight")
    second = said.inner_text()
    page.keyboard.press("ArrowLeft")
    assert first != second and said.inner_text() == first
    assert "chosen by chosen-active: active, draw 1" in first and "(pool-1-0)" in first


def test_the_map_tells_of_the_text_under_the_pointer(opened):
    page = opened(SIZES["phone"])
    canvas = page.locator("#map canvas")
    canvas.scroll_into_view_if_needed()
    page.locator("#map select[name=selection]").select_option("")
    box = canvas.bounding_box()
    texts = set()
    for place in range(100):
        page.mouse.move(
            box["x"] + box["width"] * (place % 10 + 0.5) / 10, box["y"] + box["height"] * (place // 10 + 0.5) / 10
        )
        page.evaluate("new Promise(requestAnimationFrame)")
        texts.add(page.locator("#map-text").inner_text())
    told = [text for text in texts if "“\u2068Text " in text]
    assert len(told) > 2 and all("<b>& more\u2069” (pool-" in text and "region " in text for text in told)


def test_the_map_is_drawn_again_by_another_figure(opened):
    page = opened()
    pixels = "document.querySelector('#map canvas').toDataURL()"
    colour, drawn = page.locator("#map select[name=colour]"), set()
    for kind in ("gap", "distance", "none"):
        colour.select_option(kind)
        drawn.add(page.evaluate(pixels))
    assert len(drawn) == 3


def test_recordings_can_be_played(opened):
    page = opened()
    seconds = page.evaluate(LENGTH)
    assert seconds == pytest.approx(0.05, abs=0.01)


def test_a_script_that_is_not_the_pages_own_does_not_run(browser, page_file, tmp_path):
    harmed = tmp_path / "harmed.html"
    harmed.write_text(page_file.read_text().replace("</main>", "<script>document.title = 'harmed'</script></main>"))
    window = browser.new_context()
    page, said = window.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(harmed.as_uri())
    assert page.title() != "harmed" and any("Content Security Policy" in text for text in said)
    window.close()
