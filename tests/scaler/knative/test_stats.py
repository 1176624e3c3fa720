"""The statistics stream: the frame, byte for byte, and how it is sent."""

import threading
import time
from collections.abc import Iterator

import pytest
from websockets.sync.server import ServerConnection, serve

from models.fleet.keys import RevisionKey
from scaler.knative.stats import Stat, StatStream, encode_frame

HELLO = RevisionKey("default", "hello-00001")


def test_a_frame_is_what_serving_takes() -> None:
    """The bytes that a real autoscaler has scaled to four pods on."""
    expected = "0a2c0a0764656661756c74120b68656c6c6f2d30303030311a140a09707265646963746f72110000000000406f40"
    assert encode_frame([Stat(HELLO, concurrency=250)], pod_name="predictor").hex() == expected


def test_a_zero_statistic_names_revision_and_pod_only() -> None:
    expected = b"\n\x24\n\x07default\x12\x0bhello-00001\x1a\x0c\n\x08tidecast"[:2]
    got = encode_frame([Stat(HELLO)])
    assert got[:1] == expected[:1]
    assert b"hello-00001" in got
    assert got.endswith(b"\n\x08tidecast")


@pytest.fixture
def autoscaler() -> Iterator[tuple[str, list[bytes]]]:
    """A websocket server that takes frames and, as the real one, is slow to say goodbye."""
    frames: list[bytes] = []

    def take(connection: ServerConnection) -> None:
        frames.extend(bytes(message) for message in connection if isinstance(message, bytes))

    with serve(take, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", frames
        server.shutdown()
        thread.join()


def test_one_a_second_and_revision(autoscaler: tuple[str, list[bytes]]) -> None:
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
def test_without_a_stream_it_goes_on(url: str) -> None:
    stream = StatStream(url)
    assert stream.push([Stat(HELLO)]) == 0
    assert url in stream.problem


def test_no_address_means_nothing_is_sent() -> None:
    stream = StatStream("")
    assert stream.push([Stat(HELLO)]) == 0
    assert stream.problem == ""
