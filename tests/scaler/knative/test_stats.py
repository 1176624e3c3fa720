"""The statistics stream: the bytes of a frame, and the rate of frames."""

import threading
import time
from collections.abc import Iterator

import pytest
from websockets.sync.server import ServerConnection, serve

from models.fleet.keys import RevisionKey
from scaler.knative.stats import Stat, StatStream, encode_frame

HELLO = RevisionKey("default", "hello-00001")


def test_frame_equals_the_bytes_that_serving_accepts() -> None:
    """A real autoscaler scaled to four pods on these bytes."""
    expected = "0a2c0a0764656661756c74120b68656c6c6f2d30303030311a140a09707265646963746f72110000000000406f40"
    assert encode_frame([Stat(HELLO, concurrency=250)], pod_name="predictor").hex() == expected


def test_zero_statistic_has_revision_and_pod_only() -> None:
    expected = b"\n\x24\n\x07default\x12\x0bhello-00001\x1a\x0c\n\x08tidecast"[:2]
    frame = encode_frame([Stat(HELLO)])
    assert frame[:1] == expected[:1]
    assert b"hello-00001" in frame
    assert frame.endswith(b"\n\x08tidecast")


@pytest.fixture
def autoscaler() -> Iterator[tuple[str, list[bytes]]]:
    """Yield (address, frames) of a websocket server that, like the real one, is slow to close."""
    frames: list[bytes] = []

    def receive(connection: ServerConnection) -> None:
        frames.extend(bytes(message) for message in connection if isinstance(message, bytes))

    with serve(receive, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", frames
        server.shutdown()
        thread.join()


def test_revision_has_one_statistic_per_second(autoscaler: tuple[str, list[bytes]]) -> None:
    url, frames = autoscaler
    now_s = [1000.2]
    stream = StatStream(url, clock=lambda: now_s[0])
    other = RevisionKey("default", "other-00001")
    assert stream.push([Stat(HELLO), Stat(HELLO)]) == 1
    now_s[0] = 1000.9
    assert stream.push([Stat(HELLO), Stat(other)]) == 1
    now_s[0] = 1001.0
    assert stream.push([Stat(HELLO)]) == 1
    assert stream.problem == ""
    end_s = time.monotonic() + 5
    while len(frames) < 3 and time.monotonic() < end_s:
        time.sleep(0.005)
    assert frames == [encode_frame([Stat(HELLO)]), encode_frame([Stat(other)]), encode_frame([Stat(HELLO)])]


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9", "not an address", "ws://no.such.host.invalid:8080"])
def test_unreachable_stream_is_a_problem_without_an_exception(url: str) -> None:
    stream = StatStream(url)
    assert stream.push([Stat(HELLO)]) == 0
    assert url in stream.problem


def test_empty_address_sends_nothing() -> None:
    stream = StatStream("")
    assert stream.push([Stat(HELLO)]) == 0
    assert stream.problem == ""
