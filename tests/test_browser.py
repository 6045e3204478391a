"""The suite as a person meets it: started by its own command, on sample and bundled models, in a real browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
START_S, ANSWER_S, PAGE_S = 600, 180, 60
SAMPLE_S = 1200  # until the monitor has read its month of sample news, behind everything else
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--lang=en-US", "--window-size=1280,1000",
)  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.bundled,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER) and not os.environ.get("CI"),
        reason="needs chromium and chromedriver (on Debian: apt-get install chromium chromium-driver)",
    ),
]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of the running suite: ``page`` and ``api``. It has a home of its own and ends with the tests."""
    folder = tmp_path_factory.mktemp("suite")
    page, api = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIFOLIUM_")}
    own = {"HOME": str(folder / "home"), "SERVER__PORT": str(api), "SERVER__UI_PORT": str(page)}
    (folder / "empty.toml").touch()
    own["CONFIG"] = str(folder / "empty.toml")
    log = (folder / "log.txt").open("w", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "apps", "run", "--no-browser"],
        cwd=ROOT,
        env=kept | {f"TRIFOLIUM_{name}": value for name, value in own.items()},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    addresses = {"page": f"http://127.0.0.1:{page}", "api": f"http://127.0.0.1:{api}"}
    try:
        for address in (f"{addresses['page']}/_stcore/health", f"{addresses['api']}/health"):
            wait_for_address(address, process, folder / "log.txt")
        yield addresses
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):  # nothing of it may outlive the tests
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


def wait_for_address(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"the suite ended with {process.returncode}:\n{log.read_text(encoding='utf-8')[-3000:]}")
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                if reply.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"{address} did not answer within {START_S} s:\n{log.read_text(encoding='utf-8')[-3000:]}")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER or "chromedriver"))
    yield driver
    driver.quit()


def until(browser: Any, found: Callable[[], Any], what: str, seconds: float = PAGE_S) -> Any:
    """What ``found`` gives once it gives something; elements redrawn meanwhile are looked up again."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if result := found():
                return result
        except (NoSuchElementException, StaleElementReferenceException):
            pass
        time.sleep(0.2)
    pytest.fail(f"{what} did not appear within {seconds:.0f} s; the page shows:\n{text_of(browser)}")


def all_of(browser: Any, css: str) -> list[Any]:
    return list(browser.find_elements("css selector", css))


def text_of(browser: Any) -> str:
    return str(browser.execute_script("return document.body ? document.body.innerText : ''"))


def nothing_broke(browser: Any) -> None:
    assert all_of(browser, '[data-testid="stException"]') == []
    assert all_of(browser, '[data-testid="stAlertContentError"]') == []
    assert "Traceback" not in text_of(browser)


def ask(browser: Any, question: str) -> Any:
    """The finished answer's chat message, with its thumbs below it."""
    before = len(all_of(browser, THUMBS))
    box = until(browser, lambda: enabled(browser, '[data-testid="stChatInputTextArea"]'), "the question box")
    box.send_keys(question + "\n")
    until(browser, lambda: len(all_of(browser, THUMBS)) > before, f"an answer to '{question}'", ANSWER_S)
    until(browser, lambda: settled(browser), "the page drawn to its end")
    return all_of(browser, '[data-testid="stChatMessage"]')[-1]


THUMBS = '[class*="st-key-thumb-"] button'
SOURCES = '[data-testid="stChatMessage"] [data-testid="stPopover"] button'


def enabled(browser: Any, css: str) -> Any:
    return next((one for one in all_of(browser, css) if one.is_displayed() and one.is_enabled()), None)


def click(browser: Any, css: str, words: str = "") -> None:
    def found() -> Any:
        return next((one for one in all_of(browser, css) if words in one.text and one.is_displayed()), None)

    button = until(browser, found, f"{css} {words}")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", button)


def test_a_customer_asks_in_english_and_chinese_and_gives_feedback(suite: dict[str, str], browser: Any) -> None:
    browser.get(f"{suite['page']}/chatbot-chat")
    english = ask(browser, "how long does standard delivery take within singapore")
    assert "working days" in english.text
    chinese = ask(browser, "新加坡本地标准配送要几天")
    assert "个工作日" in chinese.text

    all_of(browser, SOURCES)[0].click()
    source = until(browser, lambda: enabled(browser, '[data-testid="stPopoverBody"]'), "the opened source")
    until(browser, lambda: "working days" in source.text, "the text of the source")
    browser.find_element("css selector", "body").send_keys("\ue00c")  # Escape closes it

    browser.execute_script("arguments[0].click()", all_of(browser, THUMBS)[-1])  # the Chinese answer, thumb down
    click(browser, '[class*="st-key-reason-"] button')
    click(browser, '[data-testid="stFormSubmitButton"] button')
    until(browser, lambda: not all_of(browser, '[class*="st-key-reason-"] button'), "the form's end")
    nothing_broke(browser)

    asked = browser.current_url
    browser.refresh()
    until(browser, lambda: len(all_of(browser, SOURCES)) >= 2, "both answers with their sources after a reload")
    assert browser.current_url == asked
    nothing_broke(browser)


def test_a_risk_officer_opens_an_alert_and_leaves_a_note_that_stays(suite: dict[str, str], browser: Any) -> None:
    browser.get(f"{suite['page']}/monitor-overview")
    until(browser, lambda: "Norvane" in text_of(browser), "a company of the sample on the overview", SAMPLE_S)
    browser.get(f"{suite['page']}/monitor-alerts")
    click(browser, '[data-testid="stMain"] button', "All")
    until(browser, lambda: enabled(browser, ALERT), "an alert, whichever comes first", SAMPLE_S)
    until(browser, lambda: opened(browser), "the field for a note", ANSWER_S).send_keys("spoken with the desk")
    click(browser, '[class*="st-key-note-"] button')
    audit = f"{suite['api']}/v1/monitor/transitions"  # the page draws its history on a canvas
    until(browser, lambda: "spoken with the desk" in whole(audit), "the note in the audit", ANSWER_S)
    nothing_broke(browser)


def test_words_typed_for_an_alert_stay_while_others_fire(browser: Any, tmp_path: Path) -> None:
    with served(ROOT / "tests" / "monitor" / "ui" / "moving_alerts.py", tmp_path / "log.txt") as page:
        browser.get(page)
        field = until(browser, lambda: opened(browser), "the field for a note")
        field.send_keys("spoken with")
        until(browser, lambda: "2 newer, held back" in text_of(browser), "the live page's second look")
        browser.switch_to.active_element.send_keys(" the desk")  # where she types has not been taken away
        click(browser, '[class*="st-key-note-"] button')
        until(browser, lambda: "spoken with the desk" in text_of(browser), "the note, told below the page")
        nothing_broke(browser)


FILE_FIELD = """
import streamlit as st
from apps.home import look
st.html(f"<style>{look(st.query_params['lang'])}</style>")
st.file_uploader("文件", ["csv"])
"""
WORDS_OF_FIELD = """
const words = (css) => { const one = document.querySelector(css), after = getComputedStyle(one, '::after');
    return parseFloat(getComputedStyle(one).fontSize) ? one.innerText : after.content; };
return ['[data-testid="stFileUploaderDropzone"] > span > button p',
        '[data-testid="stFileUploaderDropzoneInstructions"] span'].map(words);
"""


def test_the_file_field_speaks_the_language_of_the_page(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "file_field.py").write_text(FILE_FIELD, encoding="utf-8")
    with served(tmp_path / "file_field.py", tmp_path / "log.txt") as page:
        for language, words in (("zh", ["选择文件", "单个文件不超过 "]), ("en", ["Upload", "per file"])):
            browser.get(f"{page}/?lang={language}")
            until(browser, lambda: all_of(browser, '[data-testid="stFileUploaderDropzone"]'), "the file field")
            shown = browser.execute_script(WORDS_OF_FIELD)
            assert all(word in one for word, one in zip(words, shown, strict=True)), shown


ONE_PAGE = """
import streamlit as st
from apps.home import look
st.html(f"<style>{look('zh')}</style>")
st.navigation([st.Page(lambda: st.write("完"), title="首页", url_path="start", default=True)]).run()
"""
TITLE_OF_DIALOG = """
const title = document.querySelector('section[role="dialog"] > h2');
return title && getComputedStyle(title, '::after').content.replaceAll('"', '');
"""


def test_a_lost_connection_is_not_told_as_a_page_that_does_not_exist(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "one_page.py").write_text(ONE_PAGE, encoding="utf-8")
    with served(tmp_path / "one_page.py", tmp_path / "log.txt") as page:
        browser.get(f"{page}/nowhere")
        until(browser, lambda: browser.execute_script(TITLE_OF_DIALOG) == "没有这个页面", "the missing page")
        browser.get(page)
        until(browser, lambda: settled(browser), "the page")
    until(browser, lambda: browser.execute_script(TITLE_OF_DIALOG) == "连接已断开", "the lost connection")


ALERT, OPEN = '[class*="st-key-alert-"] summary', '[class*="st-key-alert-"] details[open]'


def opened(browser: Any) -> Any:
    """The note field of an open alert; while none is open, the first is clicked, as a person would again."""
    if not all_of(browser, OPEN):
        click(browser, ALERT)
    return enabled(browser, '[class*="st-key-words-"] input')


def whole(address: str) -> str:
    """All of a numbered list over HTTP, page by page."""
    found, after = "", 0
    while rows := json.load(urllib.request.urlopen(f"{address}?limit=1000&after={after}", timeout=60)):
        found, after = found + json.dumps(rows, ensure_ascii=False), rows[-1]["number"]
    return found


@contextmanager
def served(script: Path, log: Path) -> Iterator[str]:
    """The address of one page served alone."""
    port = free_port()
    options = {"address": "127.0.0.1", "port": port, "headless": "true", "fileWatcherType": "none"}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--browser.gatherUsageStats=false"]
    with log.open("w", encoding="utf-8") as words:
        process = subprocess.Popen(
            command + [f"--server.{name}={value}" for name, value in options.items()],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=words, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for_address(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_a_shopper_clicks_and_the_next_list_has_reasons_that_follow_from_it(
    suite: dict[str, str], browser: Any
) -> None:
    cards = '[class*="st-key-card-"]'
    browser.get(f"{suite['page']}/recommender-for-you")
    until(browser, lambda: len(all_of(browser, cards)) >= 6, "a list of cards", ANSWER_S)
    until(browser, lambda: settled(browser), "the page drawn to its end", ANSWER_S)
    click(browser, '[class*="st-key-newcomer"] button')
    until(browser, lambda: settled(browser), "a newcomer's list", ANSWER_S)
    before = [one.text for one in all_of(browser, cards)]
    click(browser, '[class*="st-key-like-1-"] button')
    until(browser, lambda: [one.text for one in all_of(browser, cards)] != before, "another list", ANSWER_S)
    nothing_broke(browser)


def test_every_page_opens_in_both_languages(suite: dict[str, str], browser: Any) -> None:
    links = '[data-testid="stSidebarNavLink"]'
    for language in ("en", "zh"):
        browser.get(f"{suite['page']}/?lang={language}")
        until(browser, lambda: len(all_of(browser, links)) > 1, "the navigation")
        addresses = [link.get_attribute("href") for link in all_of(browser, links)]
        assert all(any(leaf in address for address in addresses) for leaf in ("chatbot", "monitor", "recommender"))
        for address in addresses:
            browser.get(f"{address}?lang={language}")
            until(browser, lambda: settled(browser), f"{address} drawn to its end", ANSWER_S)
            nothing_broke(browser)
            assert len(text_of(browser)) > 100


def settled(browser: Any) -> bool:
    """Whether Streamlit says that the script has run to its end and something stands on the page."""
    ended = all_of(browser, '[data-testid="stApp"][data-test-script-state="notRunning"]')
    return bool(ended) and not all_of(browser, '[data-testid="stSkeleton"], [data-testid="stSpinner"]')


def test_the_chat_page_fits_a_phone(suite: dict[str, str], browser: Any) -> None:
    browser.set_window_size(390, 844)
    browser.get(f"{suite['page']}/chatbot-chat")
    until(browser, lambda: enabled(browser, '[data-testid="stChatInputTextArea"]'), "the question box", ANSWER_S)
    width = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]
    nothing_broke(browser)


def test_the_same_question_over_http_has_the_same_outcome(suite: dict[str, str]) -> None:
    said = {
        "model": "trifolium-chatbot",
        "messages": [{"role": "user", "content": "how long does standard delivery take within singapore"}],
    }
    request = urllib.request.Request(
        f"{suite['api']}/v1/chat/completions", json.dumps(said).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=ANSWER_S) as reply:
        answer = json.load(reply)
    assert "working days" in answer["choices"][0]["message"]["content"]
    assert answer["trifolium"]["decision"]["outcome"] == "answer"
