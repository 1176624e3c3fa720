"""A list and a watch on it, kept up for as long as it is wanted: one thread a kind.

List (in pages), then follow from its resource version; bookmarks move that on.  What ends is taken up where
it ended; 410 means that this place is no longer kept: list anew.  Errors wait twice as long each time.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from scaler.knative.connection import Connection, Stream
from scaler.knative.errors import ApiError, Gone, Throttled, from_watch
from scaler.knative.objects import Struct, decode, slim

PAGE = "500"
WATCH_S = "290"
"""After which the server is to end a watch, so that none grows old."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class _ListMetadata(Struct, frozen=True):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Page(Struct, frozen=True):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


class _Event(Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Versioned(Struct, frozen=True):
    """A bookmark: it has a version and not even a name."""

    metadata: _ListMetadata = _ListMetadata()


def list_all(
    connection: Connection, path: str, kind: type[Any], selector: Mapping[str, str] | None = None
) -> tuple[list[Any], str]:
    """Every object at that address, read in pages, and the resource version they were read at.

    Raises:
        ApiError: as the tree in `scaler.knative.errors` says; Gone where reading took too long.
    """
    things: list[Any] = []
    query = {**(selector or {}), "limit": PAGE}
    while True:
        page: _Page = decode(connection.get(path, **query), _Page)
        things += [slim(decode(item, kind)) for item in page.items or ()]
        if not page.metadata.continue_:
            return things, page.metadata.resource_version
        query["continue"] = page.metadata.continue_


@dataclass(frozen=True)
class Receiver:
    """Who is told.  Called from the watch's own thread.

    listed   every object there is.
    changed  an object that is new or another.
    gone     an object as it last was.
    """

    listed: Callable[[list[Any]], None]
    changed: Callable[[Any], None]
    gone: Callable[[Any], None]


class Watch:
    """Keeps a receiver told of the objects at one address."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        kind: type[Any],
        receiver: Receiver,
        *,
        selector: Mapping[str, str] | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._connection, self._path, self._receiver = connection, path, receiver
        self._selector = dict(selector or {})
        self._first_pause_s = first_pause_s
        self._kind = kind
        self._ending = threading.Event()
        self._synced = threading.Event()
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)
        self.problem: ApiError | None = None
        """Why it does not get on at the moment; None where it does."""

    @property
    def synced(self) -> bool:
        """Has everything been listed once?"""
        return self._synced.is_set()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def wait(self, limit_s: float) -> bool:
        """Wait until everything has been listed once; False where that took too long."""
        return self._synced.wait(limit_s)

    def stop(self) -> None:
        """End soon; `join` waits for it."""
        self._ending.set()
        if self._stream is not None:
            self._stream.stop()

    def join(self, limit_s: float = 5.0) -> None:
        """Wait until the thread has ended."""
        if self._thread.is_alive():
            self._thread.join(limit_s)

    def _run(self) -> None:
        version, pause_s, gone_s = "", self._first_pause_s, -math.inf
        while not self._ending.is_set():
            began_s = time.monotonic()
            try:
                if not version:
                    version = self._list()
                version = self._follow(version)
                # A server that ends every watch at once must not be asked without pause.
                wait_s = 0.0 if time.monotonic() - began_s > 1 else self._first_pause_s
                pause_s = self._first_pause_s
            except Gone:
                # List anew at once; but a server that says so again and again is given time.
                version, wait_s = "", 0.0 if began_s - gone_s > 1 else pause_s
                pause_s = self._first_pause_s if wait_s == 0 else min(pause_s * 2, LONGEST_PAUSE_S)
                gone_s = time.monotonic()
            except _BrokenOffError as e:
                self.problem, version = e.cause, e.version
                # It worked until then: a server that was restarted is back soon.
                pause_s = self._first_pause_s if e.heard else min(pause_s * 2, LONGEST_PAUSE_S)
                wait_s = pause_s
            except ApiError as e:
                self.problem, wait_s = e, e.retry_after_s if isinstance(e, Throttled) else pause_s
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self._ending.wait(wait_s)

    def _list(self) -> str:
        """Tell all there is; the resource version it was read at."""
        things, version = list_all(self._connection, self._path, self._kind, self._selector)
        if not self._ending.is_set():
            self._receiver.listed(things)
            self._synced.set()
            self.problem = None
        return version

    def _follow(self, version: str) -> str:
        """Tell changes until the server ends the watch; the resource version reached."""
        query = {
            **self._selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": WATCH_S,
        }
        heard = False
        try:
            stream = self._stream = self._connection.stream(self._path, query)
            self.problem = None
            if self._ending.is_set():
                # `stop` came before there was a stream to stop.
                stream.stop()
            for line in stream.lines():
                if self._ending.is_set():
                    break
                version = self._tell(line) or version
                heard = True
        except Gone:
            raise
        except ApiError as e:
            raise _BrokenOffError(e, version, heard=heard) from e
        return version

    def _tell(self, line: bytes) -> str:
        """Pass one event on; the resource version it brings."""
        event = decode(line, _Event)
        if event.type == "ERROR":
            raise from_watch(f"WATCH {self._path}", msgspec.json.decode(event.object))
        if event.type == "BOOKMARK":
            seen = decode(event.object, _Versioned)
            return str(seen.metadata.resource_version)
        thing = slim(decode(event.object, self._kind))
        (self._receiver.gone if event.type == "DELETED" else self._receiver.changed)(thing)
        return str(thing.metadata.resource_version)


class _BrokenOffError(ApiError):
    """A watch ended with an error; it can go on from `version`."""

    def __init__(self, cause: ApiError, version: str, *, heard: bool) -> None:
        super().__init__(str(cause))
        self.cause, self.version, self.heard = cause, version, heard
