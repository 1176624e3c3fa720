"""List the objects of a resource and watch them, in one thread for each resource.

The thread lists the objects in pages, then watches from the resource version of the list; bookmarks advance
it.  It continues a watch that ends from its last version.  After 410 (Gone) the server no longer has that
version, and the thread lists again.  The pause after an error doubles each time.
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
from scaler.knative.objects import Struct, decode, trim

PAGE = "500"
"""Objects in one page of a list; the default of client-go."""
WATCH_S = "290"
"""Seconds after which the server should end a watch; client-go asks for 5 to 10 minutes."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Pause after the first error, and the longest one; client-go waits 0.8 to 30 s."""


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
    """A bookmark: an object that has only a version."""

    metadata: _ListMetadata = _ListMetadata()


def list_all(
    connection: Connection, path: str, kind: type[Any], selector: Mapping[str, str] | None = None
) -> tuple[list[Any], str]:
    """Return every object at a path, read in pages, and the resource version of the list.

    Raises:
        ApiError: as in `scaler.knative.errors`; Gone where reading all pages took too long.
    """
    objects: list[Any] = []
    query = {**(selector or {}), "limit": PAGE}
    while True:
        page: _Page = decode(connection.get(path, **query), _Page)
        objects += [trim(decode(item, kind)) for item in page.items or ()]
        if not page.metadata.continue_:
            return objects, page.metadata.resource_version
        query["continue"] = page.metadata.continue_


@dataclass(frozen=True)
class EventHandler:
    """The functions that a watch calls, from its own thread.

    on_list     with every object of a list
    on_update   with an object that is new or has changed
    on_delete   with the last state of a deleted object
    """

    on_list: Callable[[list[Any]], None]
    on_update: Callable[[Any], None]
    on_delete: Callable[[Any], None]


class Watch:
    """A list and a watch of the objects at one path."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        kind: type[Any],
        handler: EventHandler,
        *,
        selector: Mapping[str, str] | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._connection, self._path, self._handler = connection, path, handler
        self._selector = dict(selector or {})
        self._first_pause_s = first_pause_s
        self._kind = kind
        self._ending = threading.Event()
        self._synced = threading.Event()
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)
        self.problem: ApiError | None = None
        """The reason why the watch does not work now; None where it does."""

    @property
    def synced(self) -> bool:
        """Whether all objects were listed once."""
        return self._synced.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wait(self, limit_s: float) -> bool:
        """Wait until all objects were listed once; return False where that takes longer."""
        return self._synced.wait(limit_s)

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
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
                # A pause protects a server that ends every watch at once.
                wait_s = 0.0 if time.monotonic() - began_s > 1 else self._first_pause_s
                pause_s = self._first_pause_s
            except Gone:
                # List again at once, but with a pause for a server that answers 410 repeatedly.
                version, wait_s = "", 0.0 if began_s - gone_s > 1 else pause_s
                pause_s = self._first_pause_s if wait_s == 0 else min(pause_s * 2, LONGEST_PAUSE_S)
                gone_s = time.monotonic()
            except _InterruptedError as e:
                self.problem, version = e.cause, e.version
                # The watch worked until then: a server that restarts is back soon.
                pause_s = self._first_pause_s if e.had_events else min(pause_s * 2, LONGEST_PAUSE_S)
                wait_s = pause_s
            except ApiError as e:
                self.problem, wait_s = e, e.retry_after_s if isinstance(e, Throttled) else pause_s
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self._ending.wait(wait_s)

    def _list(self) -> str:
        """Deliver all objects; return the resource version of the list."""
        objects, version = list_all(self._connection, self._path, self._kind, self._selector)
        if not self._ending.is_set():
            self._handler.on_list(objects)
            self._synced.set()
            self.problem = None
        return version

    def _follow(self, version: str) -> str:
        """Deliver changes until the server ends the watch; return the last resource version."""
        query = {
            **self._selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": WATCH_S,
        }
        had_events = False
        try:
            stream = self._stream = self._connection.stream(self._path, query)
            self.problem = None
            if self._ending.is_set():
                # `stop` was called before the stream existed.
                stream.stop()
            for line in stream.lines():
                if self._ending.is_set():
                    break
                version = self._deliver(line) or version
                had_events = True
        except Gone:
            raise
        except ApiError as e:
            raise _InterruptedError(e, version, had_events=had_events) from e
        return version

    def _deliver(self, line: bytes) -> str:
        """Deliver one event; return its resource version."""
        event = decode(line, _Event)
        if event.type == "ERROR":
            raise from_watch(f"WATCH {self._path}", msgspec.json.decode(event.object))
        if event.type == "BOOKMARK":
            bookmark = decode(event.object, _Versioned)
            return str(bookmark.metadata.resource_version)
        obj = trim(decode(event.object, self._kind))
        (self._handler.on_delete if event.type == "DELETED" else self._handler.on_update)(obj)
        return str(obj.metadata.resource_version)


class _InterruptedError(ApiError):
    """A watch ended with an error; it can continue from `version`."""

    def __init__(self, cause: ApiError, version: str, *, had_events: bool) -> None:
        super().__init__(str(cause))
        self.cause, self.version, self.had_events = cause, version, had_events
