"""Errors of the client for answers that are late, invalid or missing."""

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from config.sources import Sources
from forecaster.sources.presets.detect import choose_preset
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import (
    Malformed,
    NoData,
    PrometheusUnreachable,
    QueryRejected,
    QueryTooLarge,
    ReadError,
)
from forecaster.sources.prometheus_source import PrometheusSource

NOW_S = 1_800_000_000
EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


def matrix(*series: Mapping[str, object], **messages: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **messages}


def a_series(*samples: tuple[float, str], revision: str = "a-00001") -> dict[str, object]:
    metric = {"namespace": "shop", "revision": revision}
    return {"metric": metric, "values": [[time_s, value] for time_s, value in samples]}


def query(sources: Sources) -> object:
    with Client(sources) as client:
        return client.range("up", first_s=NOW_S, last_s=NOW_S + 60, step_s=60)


def custom(server: HTTPServer, **more: object) -> PrometheusSource:
    options = {"preset": "custom", "arrivals_query": "mine", "scrape_interval_s": 15.0, "rate_window_s": 60.0}
    return PrometheusSource(Sources(prometheus_url=server.url_for(""), **{**options, **more}))  # type: ignore[arg-type]


@pytest.fixture
def answers(httpserver: HTTPServer) -> Callable[..., str]:
    """A server that returns these answers in order, and then repeats the last one."""

    def serve(*responses: Response) -> str:
        rest = list(responses)
        httpserver.expect_request("/api/v1/query_range").respond_with_handler(
            lambda _: rest.pop(0) if len(rest) > 1 else rest[0]
        )
        return httpserver.url_for("")

    return serve


def error_answer(status: int, kind: str, message: str) -> Response:
    body = {"status": "error", "errorType": kind, "error": message}
    return Response(json.dumps(body), status, content_type="application/json")


def test_closed_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(PrometheusUnreachable, match=rf"^{url}: .*Connection refused"):
        query(Sources(prometheus_url=url))


def test_unknown_host_is_unreachable() -> None:
    with pytest.raises(PrometheusUnreachable, match=r"http://prometheus\.invalid:9090: "):
        query(Sources(prometheus_url="http://prometheus.invalid:9090"))


def test_late_answer_is_unreachable(httpserver: HTTPServer) -> None:
    over = threading.Event()

    def never(_: Request) -> Response:
        over.wait(10)
        return Response("")

    httpserver.expect_request("/api/v1/query_range").respond_with_handler(never)
    began = time.monotonic()
    with pytest.raises(PrometheusUnreachable, match=r"no answer within 0\.3 s"):
        query(Sources(prometheus_url=httpserver.url_for(""), prometheus_timeout_s=0.3))
    over.set()
    assert time.monotonic() - began < 5


def test_answer_that_stops_in_the_middle_is_unreachable() -> None:
    """The server sends the header and a part of the body."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def half() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b'{"status":')
                over.wait(10)

        thread = threading.Thread(target=half)
        thread.start()
        with pytest.raises(PrometheusUnreachable, match=r"no answer within 0\.3 s"):
            query(Sources(prometheus_url=f"http://127.0.0.1:{port}", prometheus_timeout_s=0.3))
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("response", "error", "message"),
    [
        (error_answer(400, "bad_data", "parse error"), QueryRejected, "HTTP 400: parse error"),
        (error_answer(422, "execution", "many-to-many"), QueryRejected, "HTTP 422: many-to-many"),
        (
            error_answer(422, "execution", "query processing would load too many samples"),
            QueryTooLarge,
            "too many",
        ),
        (
            error_answer(503, "timeout", "query timed out in expression evaluation"),
            QueryTooLarge,
            "timed out",
        ),
        (error_answer(503, "unavailable", "starting up"), PrometheusUnreachable, "HTTP 503: starting up"),
        (error_answer(500, "internal", "disk"), PrometheusUnreachable, "HTTP 500: disk"),
        (Response("Unauthorized\n", 401), QueryRejected, "HTTP 401: Unauthorized"),
        (Response("", 403), QueryRejected, "HTTP 403: FORBIDDEN"),
        (Response("slow down", 429), PrometheusUnreachable, "HTTP 429: slow down"),
        (Response("<html>Sign in</html>", 200), Malformed, "not an answer of Prometheus: <html>Sign in"),
        (Response("<html>no such page</html>", 404), QueryRejected, "HTTP 404: <html>no such page</html>"),
        (Response("", 200), Malformed, "not an answer"),
        (Response("[]", 200), Malformed, "not an answer"),
        (Response('{"status":"error","error":"x"}', 200), Malformed, "status 'error'"),
        (
            Response('{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', 200),
            Malformed,
            "a scalar",
        ),
    ],
)
def test_invalid_answer_raises_error_with_address_and_cause(
    answers: Callable[..., str], response: Response, error: type[ReadError], message: str
) -> None:
    url = answers(response)
    with pytest.raises(error) as caught:
        query(Sources(prometheus_url=url))
    assert type(caught.value) is error
    assert message in str(caught.value)
    assert str(caught.value).startswith(url.rstrip("/"))
    assert caught.value.exit_code == 3


def test_samples_that_are_not_numbers_are_malformed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range").respond_with_json(matrix(a_series((NOW_S + 60, "many"))))
    with pytest.raises(Malformed, match="not numbers"):
        custom(httpserver).read(NOW_S, NOW_S + 60, 60)


def test_long_error_message_is_cut(answers: Callable[..., str]) -> None:
    with pytest.raises(QueryRejected) as caught:
        query(Sources(prometheus_url=answers(error_answer(400, "bad_data", "x" * 5000))))
    assert str(caught.value).count("x") == 256


def test_query_is_retried_until_server_is_available(
    answers: Callable[..., str], httpserver: HTTPServer
) -> None:
    unavailable = error_answer(503, "unavailable", "starting up")
    query(Sources(prometheus_url=answers(unavailable, unavailable, Response(json.dumps(EMPTY)))))
    assert [status for _, status in queries(httpserver)] == [503, 503, 200]


def queries(httpserver: HTTPServer) -> list[tuple[str, int]]:
    """Methods and status codes of the queries; Prometheus of another test may still scrape the server."""
    log = [(request.path, request.method, answer.status_code) for request, answer in httpserver.log]
    return [(method, status) for path, method, status in log if path == "/api/v1/query_range"]


def test_proxy_that_rejects_post_is_queried_with_get(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range", method="POST").respond_with_data("no", 405)
    httpserver.expect_request("/api/v1/query_range", method="GET").respond_with_json(EMPTY)
    query(Sources(prometheus_url=httpserver.url_for("")))
    assert queries(httpserver) == [("POST", 405), ("GET", 200)]


def test_warnings_of_answer_are_in_demand(httpserver: HTTPServer) -> None:
    partial = "1 of 3 stores did not answer"
    httpserver.expect_request("/api/v1/query_range").respond_with_json(
        matrix(a_series((NOW_S + 60, "2")), warnings=[partial], infos=["metric might not be a counter"])
    )
    demand = custom(httpserver).read(NOW_S, NOW_S + 60, 60)
    assert demand.warnings == (partial, "metric might not be a counter")
    assert demand.arrivals.tolist() == [[2.0]]


def test_infinite_negative_and_too_large_samples_are_unobserved(httpserver: HTTPServer) -> None:
    values = ["1", "+Inf", "-Inf", "NaN", "-3", "1e39", "1e12", "0"]
    samples = [(NOW_S + 60 * k, value) for k, value in enumerate(values, start=1)]
    httpserver.expect_request("/api/v1/query_range").respond_with_json(matrix(a_series(*samples)))
    demand = custom(httpserver).read(NOW_S, NOW_S + 480, 60)
    row = demand.arrivals[0].tolist()
    assert (row[0], row[7]) == (1.0, 0.0)
    assert [math.isnan(value) for value in row] == [False, *[True] * 6, False]
    assert demand.warnings == ("5 samples were infinite, negative or too large; they count as not observed",)


def test_answer_without_series_is_no_data(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range").respond_with_json(EMPTY)
    with pytest.raises(NoData, match="no series of preset custom"):
        custom(httpserver).read(NOW_S, NOW_S + 60, 60)


def test_custom_series_without_labels_are_malformed(httpserver: HTTPServer) -> None:
    series = {"metric": {"namespace": "shop"}, "values": [[NOW_S + 60, "1"]]}
    httpserver.expect_request("/api/v1/query_range").respond_with_json(matrix(series))
    with pytest.raises(Malformed, match="needs the labels namespace and revision"):
        custom(httpserver).read(NOW_S, NOW_S + 60, 60)


def test_preset_custom_without_query_is_rejected() -> None:
    sources = Sources(preset="custom")
    with Client(sources) as client, pytest.raises(QueryRejected, match="arrivals-query is empty"):
        choose_preset(client, sources, NOW_S)
