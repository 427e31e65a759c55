"""Events that nobody listens to, too many from one address, and sessions that nobody comes back to: a small app, and
what it does about them."""

import asyncio
import threading
import time

import gradio as gr
import httpx
import pytest
from gradio import queueing

from tests.ui.server.calls import last_event
from ui.hosting import event_queue


@pytest.fixture(scope="module")
def app():
    """One whose endpoint /count takes so many seconds, with what has come of each call in ``ended``."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"UNHEARD": 2.0, "FORGOTTEN": 3.0, "INTERVAL": 0.1, "OF_ONE": 3}.items():
            patch.setattr(event_queue, name, value)
        for name in ("Queue", "AsyncQueue", "traceback"):
            patch.setattr(queueing, name, getattr(queueing, name))  # as it was, afterwards
        patch.setenv("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")  # as the app has it
        event_queue.use_event_queue()
        ended: dict[str, str] = {}

        async def count(name, seconds):
            ended[name] = "stopped"
            for _ in range(round(seconds * 20)):
                await asyncio.sleep(0.05)
                yield "not yet"
            ended[name] = "finished"
            yield name

        def fail(name):
            raise RuntimeError(name)

        with gr.Blocks() as blocks:
            gr.Button().click(fail, gr.Textbox(), None, api_name="fail")
            inputs = [gr.Textbox(), gr.Number()]
            gr.Button().click(lambda length: "x" * int(length), gr.Number(), gr.Textbox(), api_name="large")
            gr.Button().click(count, inputs, gr.Textbox(), api_name="count")
        blocks.queue(default_concurrency_limit=None)
        blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
        yield blocks, ended
        blocks.close()


def call(app, name: str, seconds: float, **more) -> httpx.Response:
    body = {"data": [name, seconds], **more}
    return httpx.post(f"{app[0].local_url}gradio_api/call/count", json=body, timeout=30)


def listen(app, joined: httpx.Response):
    event = joined.raise_for_status().json()["event_id"]
    return last_event(httpx.get(f"{app[0].local_url}gradio_api/call/count/{event}", timeout=30).text)


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_listens_has_all_of_it_however_long_it_takes(app):
    assert listen(app, call(app, "long", 3)) == ("complete", ["long"])


def test_who_comes_a_little_later_has_it_too(app):
    for seconds in (0.1, 2.5):  # over by then, and not yet
        joined = call(app, "later", seconds)
        time.sleep(0.3)
        assert listen(app, joined) == ("complete", ["later"])


def test_what_nobody_listens_to_ends_and_says_so(app):
    joined = call(app, "unheard", 60)
    until(lambda: not app[0]._queue.event_ids_to_events)
    assert app[1]["unheard"] == "stopped"
    event, refused = listen(app, joined)
    assert event == "error"
    assert "Nobody has listened to the results for 2 seconds" in refused["error"]


def test_what_a_listener_leaves_ends(app):
    joined = call(app, "left", 60)
    event = joined.json()["event_id"]
    with httpx.stream("GET", f"{app[0].local_url}gradio_api/call/count/{event}", timeout=30) as stream:
        next(stream.iter_lines())
    until(lambda: not app[0]._queue.event_ids_to_events)
    assert app[1]["left"] == "stopped"


def test_nothing_is_remembered_of_sessions_that_nobody_comes_back_to(app):
    for name in "abc":
        call(app, name, 0.1, session_hash=f"session-{name}")
    queue = app[0]._queue
    assert queue.pending_messages_per_session
    until(lambda: not queue.pending_messages_per_session and not queue.pending_event_ids_session)


def test_new_sessions_never_end_what_others_listen_to(app):
    heard = threading.Thread(target=lambda: done.append(listen(app, call(app, "heard", 1))))
    done: list = []
    heard.start()
    until(lambda: "heard" in app[1])
    more = {f"another {i}": event_queue.Messages() for i in range(5000)}
    app[0]._queue.pending_messages_per_session.update(more)
    heard.join(30)
    assert done == [("complete", ["heard"])]


def test_one_address_has_some_events_under_way_and_others_have_theirs(app):
    until(lambda: not app[0]._queue.event_ids_to_events)
    for name in "abc":
        assert call(app, name, 60).status_code == 200
    refused = call(app, "d", 60)
    assert refused.status_code == 503
    assert "At most 3 requests of one address" in refused.json()["detail"]
    page = httpx.post(f"{app[0].local_url}gradio_api/call/count", json={"data": [{"language": "zh"}, 1]}, timeout=30)
    assert (page.status_code, page.json()["detail"]) == (400, "同一地址最多同时进行 3 个请求：请过一分钟再试。")
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as other:
        answer = other.post(f"{app[0].local_url}gradio_api/call/count", json={"data": ["e", 0.1]}, timeout=30)
    assert answer.status_code == 200
    until(lambda: not app[0]._queue.event_ids_to_events)


def test_a_full_queue_says_so(app, monkeypatch):
    monkeypatch.setattr(app[0]._queue, "max_size", 0)
    for values, status, words in (
        (["a", 0.1], 503, "Too many people are sampling"),
        ([{"language": "en"}, 1], 400, "Too many people are sampling"),
        ([{"language": "zh"}, 1], 400, "现在使用的人太多"),
    ):
        refused = httpx.post(f"{app[0].local_url}gradio_api/call/count", json={"data": values}, timeout=30)
        assert refused.status_code == status
        assert words in refused.json()["detail"]


@pytest.mark.parametrize("name", ["", "a" * 101, "a b", "<gradio-sep>", "\n"])
def test_a_session_has_a_short_plain_name(app, name):
    refused = call(app, "a", 0.1, session_hash=name)
    assert refused.status_code == 400
    assert "1 to 100 letters" in refused.json()["detail"]


def test_what_has_failed_is_said_by_a_logger(app, caplog, capfd):
    address = f"{app[0].local_url}gradio_api/call/fail"
    joined = httpx.post(address, json={"data": ["failed"]}, timeout=30).json()
    assert "event: error" in httpx.get(f"{address}/{joined['event_id']}", timeout=30).text
    assert [str(record.exc_info[1]) for record in caplog.records if record.name == event_queue.__name__] == ["failed"]
    assert "Traceback" not in capfd.readouterr().err


def test_messages_that_are_read_slowly_do_not_fill_the_memory(app, monkeypatch):
    """A session that is sent more than it reads is forgotten, though it listens now and then; others are not."""
    monkeypatch.setattr(event_queue, "UNREAD", 5_000_000)
    monkeypatch.setattr(event_queue, "UNHEARD", 60.0)
    waiting = app[0]._queue.pending_messages_per_session

    def send(session: str, length: int) -> httpx.Response:
        body = {"data": [length], "session_hash": session}
        return httpx.post(f"{app[0].local_url}gradio_api/call/large", json=body, timeout=30).raise_for_status()

    small = send("little", 1000).json()["event_id"]
    until(lambda: waiting["little"].size >= 1000)
    send("much", 4_000_000)
    until(lambda: waiting["much"].size >= 4_000_000)
    messages = waiting["much"]
    send("much", 2_000_000)
    until(lambda: "much" not in waiting)
    assert messages.size == messages.qsize() == 0
    text = httpx.get(f"{app[0].local_url}gradio_api/call/large/{small}", timeout=30).text
    assert last_event(text) == ("complete", ["x" * 1000])
