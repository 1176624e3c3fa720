"""What the client makes of answers that are not as they should be, and how it shows its credentials."""

import base64
import datetime
import ipaddress
import json
import math
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from config.sources import Sources
from forecaster.presets.detect import choose
from forecaster.prometheus.client import Client
from forecaster.prometheus.errors import Malformed, NoData, Overtaxed, ReadError, Refused, Unreachable
from forecaster.read import PrometheusSource

NOW_S = 1_800_000_000
EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}
SECRET = "s3cr3t-t0k3n"


def matrix(*series: Mapping[str, object], **beside: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **beside}


def one(*samples: tuple[float, str], revision: str = "a-00001") -> dict[str, object]:
    metric = {"namespace": "shop", "revision": revision}
    return {"metric": metric, "values": [[at, value] for at, value in samples]}


def ask(sources: Sources) -> object:
    with Client(sources) as client:
        return client.range("up", first_s=NOW_S, last_s=NOW_S + 60, step_s=60)


def custom(server: HTTPServer, **more: object) -> PrometheusSource:
    told = {"preset": "custom", "arrivals_query": "mine", "scrape_interval_s": 15.0, "rate_window_s": 60.0}
    return PrometheusSource(Sources(prometheus_url=server.url_for(""), **{**told, **more}))  # type: ignore[arg-type]


@pytest.fixture
def answers(httpserver: HTTPServer) -> Callable[..., str]:
    """A server that gives these answers, one after the other, then the last of them again."""

    def given(*responses: Response) -> str:
        rest = list(responses)
        httpserver.expect_request("/api/v1/query_range").respond_with_handler(
            lambda _: rest.pop(0) if len(rest) > 1 else rest[0]
        )
        return httpserver.url_for("")

    return given


def refusal(status: int, kind: str, message: str) -> Response:
    told = {"status": "error", "errorType": kind, "error": message}
    return Response(json.dumps(told), status, content_type="application/json")


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=rf"^{url}: .*Connection refused"):
        ask(Sources(prometheus_url=url))


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(Unreachable, match=r"http://prometheus\.invalid:9090: "):
        ask(Sources(prometheus_url="http://prometheus.invalid:9090"))


def test_no_answer_in_time(httpserver: HTTPServer) -> None:
    over = threading.Event()

    def never(_: Request) -> Response:
        over.wait(10)
        return Response("")

    httpserver.expect_request("/api/v1/query_range").respond_with_handler(never)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
        ask(Sources(prometheus_url=httpserver.url_for(""), prometheus_timeout_s=0.3))
    over.set()
    assert time.monotonic() - began < 5


def test_an_answer_that_stops_in_the_middle() -> None:
    """The head comes, and a part of the body."""
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
        with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
            ask(Sources(prometheus_url=f"http://127.0.0.1:{port}", prometheus_timeout_s=0.3))
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("response", "error", "says"),
    [
        (refusal(400, "bad_data", "parse error"), Refused, "HTTP 400: parse error"),
        (refusal(422, "execution", "many-to-many"), Refused, "HTTP 422: many-to-many"),
        (refusal(422, "execution", "query processing would load too many samples"), Overtaxed, "too many"),
        (refusal(503, "timeout", "query timed out in expression evaluation"), Overtaxed, "timed out"),
        (refusal(503, "unavailable", "starting up"), Unreachable, "HTTP 503: starting up"),
        (refusal(500, "internal", "disk"), Unreachable, "HTTP 500: disk"),
        (Response("Unauthorized\n", 401), Refused, "HTTP 401: Unauthorized"),
        (Response("", 403), Refused, "HTTP 403: FORBIDDEN"),
        (Response("slow down", 429), Unreachable, "HTTP 429: slow down"),
        (Response("<html>Sign in</html>", 200), Malformed, "not an answer of Prometheus: <html>Sign in"),
        (Response("<html>no such page</html>", 404), Refused, "HTTP 404: <html>no such page</html>"),
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
def test_each_bad_answer_is_a_clear_error(
    answers: Callable[..., str], response: Response, error: type[ReadError], says: str
) -> None:
    url = answers(response)
    with pytest.raises(error) as caught:
        ask(Sources(prometheus_url=url))
    assert type(caught.value) is error
    assert says in str(caught.value)
    assert str(caught.value).startswith(url.rstrip("/"))
    assert caught.value.exit_code == 3


def test_samples_that_are_no_numbers(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range").respond_with_json(matrix(one((NOW_S + 60, "many"))))
    with pytest.raises(Malformed, match="no numbers"):
        custom(httpserver).read(NOW_S, NOW_S + 60, 60)


def test_a_long_refusal_is_cut(answers: Callable[..., str]) -> None:
    with pytest.raises(Refused) as caught:
        ask(Sources(prometheus_url=answers(refusal(400, "bad_data", "x" * 5000))))
    assert str(caught.value).count("x") == 256


def test_a_server_that_is_back_after_two_refusals_is_not_given_up(answers: Callable[..., str]) -> None:
    away = refusal(503, "unavailable", "starting up")
    ask(Sources(prometheus_url=answers(away, away, Response(json.dumps(EMPTY)))))


def test_a_proxy_that_lets_only_reading_pass_is_asked_by_get(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range", method="POST").respond_with_data("no", 405)
    httpserver.expect_request("/api/v1/query_range", method="GET").respond_with_json(EMPTY)
    ask(Sources(prometheus_url=httpserver.url_for("")))


def test_what_is_said_beside_the_data_is_kept(httpserver: HTTPServer) -> None:
    partial = "1 of 3 stores did not answer"
    httpserver.expect_request("/api/v1/query_range").respond_with_json(
        matrix(one((NOW_S + 60, "2")), warnings=[partial], infos=["metric might not be a counter"])
    )
    demand = custom(httpserver).read(NOW_S, NOW_S + 60, 60)
    assert demand.warnings == (partial, "metric might not be a counter")
    assert demand.arrivals.tolist() == [[2.0]]


def test_infinite_negative_and_nan_are_not_observed(httpserver: HTTPServer) -> None:
    values = ["1", "+Inf", "-Inf", "NaN", "-3", "0"]
    samples = [(NOW_S + 60 * k, value) for k, value in enumerate(values, start=1)]
    httpserver.expect_request("/api/v1/query_range").respond_with_json(matrix(one(*samples)))
    demand = custom(httpserver).read(NOW_S, NOW_S + 360, 60)
    row = demand.arrivals[0].tolist()
    assert (row[0], row[5]) == (1.0, 0.0)
    assert [math.isnan(value) for value in row] == [False, True, True, True, True, False]
    assert demand.warnings == ("3 samples were infinite or negative; they count as not observed",)


def test_no_series_at_all(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query_range").respond_with_json(EMPTY)
    with pytest.raises(NoData, match="no series of preset custom"):
        custom(httpserver).read(NOW_S, NOW_S + 60, 60)


def test_a_custom_answer_without_its_labels(httpserver: HTTPServer) -> None:
    series = {"metric": {"namespace": "shop"}, "values": [[NOW_S + 60, "1"]]}
    httpserver.expect_request("/api/v1/query_range").respond_with_json(matrix(series))
    with pytest.raises(Malformed, match="needs the labels namespace and revision"):
        custom(httpserver).read(NOW_S, NOW_S + 60, 60)


def test_custom_without_a_query() -> None:
    sources = Sources(preset="custom")
    with Client(sources) as client, pytest.raises(Refused, match="arrivals-query is not set"):
        choose(client, sources, NOW_S)


@pytest.fixture
def heard(httpserver: HTTPServer) -> tuple[str, list[Request]]:
    """A server's address, and what it was asked."""
    asked: list[Request] = []

    def hear(request: Request) -> Response:
        asked.append(request)
        return Response(json.dumps(EMPTY))

    httpserver.expect_request("/tenant/api/v1/query_range").respond_with_handler(hear)
    return httpserver.url_for("/tenant/"), asked


def test_headers_and_plain_bytes_are_asked_for(heard: tuple[str, list[Request]]) -> None:
    url, asked = heard
    ask(Sources(prometheus_url=url, prometheus_headers={"X-Scope-OrgID": "team-a"}))
    assert asked[0].headers["X-Scope-OrgID"] == "team-a"
    assert asked[0].headers["Accept-Encoding"] == "identity"
    assert asked[0].form["query"] == "up"
    assert asked[0].query_string == b""


def test_a_token_is_read_again_for_each_question(heard: tuple[str, list[Request]], tmp_path: Path) -> None:
    url, asked = heard
    token = tmp_path / "token"
    token.write_text("first\n")
    with Client(Sources(prometheus_url=url, prometheus_token_file=str(token))) as client:
        client.range("up", first_s=NOW_S, last_s=NOW_S, step_s=60)
        token.write_text("second\n")
        client.range("up", first_s=NOW_S, last_s=NOW_S, step_s=60)
    assert [request.headers["Authorization"] for request in asked] == ["Bearer first", "Bearer second"]


def test_a_name_and_a_password_file(heard: tuple[str, list[Request]], tmp_path: Path) -> None:
    url, asked = heard
    password = tmp_path / "password"
    password.write_text("pässword\n")
    ask(Sources(prometheus_url=url, prometheus_username="me", prometheus_password_file=str(password)))
    told = asked[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(told).decode() == "me:pässword"


def test_a_name_and_a_password_in_the_address(heard: tuple[str, list[Request]]) -> None:
    url, asked = heard
    ask(Sources(prometheus_url=url.replace("http://", "http://me:p%40ss@")))
    assert base64.b64decode(asked[0].headers["Authorization"].removeprefix("Basic ")) == b"me:p@ss"


def test_a_token_that_is_not_there(heard: tuple[str, list[Request]]) -> None:
    url, asked = heard
    with pytest.raises(Unreachable, match="token file /nowhere/token: No such file"):
        ask(Sources(prometheus_url=url, prometheus_token_file="/nowhere/token"))
    assert asked == []


@pytest.mark.parametrize("status", [0, 200, 401, 503])
def test_no_message_has_a_secret_in_it(httpserver: HTTPServer, tmp_path: Path, status: int) -> None:
    token = tmp_path / "token"
    token.write_text(SECRET)
    httpserver.expect_request("/api/v1/query_range").respond_with_data("<html>", status or 200)
    url = httpserver.url_for("") if status else "http://127.0.0.1:1"
    for sources in (
        Sources(prometheus_url=url, prometheus_token_file=str(token)),
        Sources(prometheus_url=url.replace("http://", f"http://me:{SECRET}@")),
        Sources(prometheus_url=url, prometheus_username="me", prometheus_password_file=str(token)),
    ):
        with pytest.raises(ReadError) as caught:
            ask(sources)
        assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with cert.pem and key.pem, for server and client both, signed by itself."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return directory


@pytest.fixture
def behind_tls(certificates: Path) -> Iterator[HTTPServer]:
    """A server that wants a certificate of its client's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        server.expect_request("/api/v1/query_range").respond_with_json(EMPTY)
        yield server


def test_certificates_on_both_sides(behind_tls: HTTPServer, certificates: Path) -> None:
    cert, key = str(certificates / "cert.pem"), str(certificates / "key.pem")
    ask(
        Sources(
            prometheus_url=behind_tls.url_for(""),
            prometheus_ca_file=cert,
            prometheus_client_cert_file=cert,
            prometheus_client_key_file=key,
        )
    )


def test_a_server_whose_certificate_is_not_trusted(behind_tls: HTTPServer) -> None:
    with pytest.raises(Unreachable, match=r"TLS: .*certificate"):
        ask(Sources(prometheus_url=behind_tls.url_for("")))


def test_a_ca_file_that_is_not_there(behind_tls: HTTPServer) -> None:
    with pytest.raises(Unreachable, match=r"/nowhere/ca\.pem"):
        ask(Sources(prometheus_url=behind_tls.url_for(""), prometheus_ca_file="/nowhere/ca.pem"))
