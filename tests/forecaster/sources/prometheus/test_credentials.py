"""Headers, tokens, passwords and certificates; no message contains any of them."""

import base64
import datetime
import ipaddress
import json
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from config.sources import Sources
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import PrometheusUnreachable, ReadError

NOW_S = 1_800_000_000
EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}
SECRET = "s3cr3t-t0k3n"


def query(sources: Sources) -> object:
    with Client(sources) as client:
        return client.range("up", first_s=NOW_S, last_s=NOW_S + 60, step_s=60)


@pytest.fixture
def server(httpserver: HTTPServer) -> tuple[str, list[Request]]:
    """The address of a server, and the requests that it received."""
    requests: list[Request] = []

    def respond(request: Request) -> Response:
        requests.append(request)
        return Response(json.dumps(EMPTY))

    httpserver.expect_request("/tenant/api/v1/query_range").respond_with_handler(respond)
    return httpserver.url_for("/tenant/"), requests


def test_query_has_configured_headers_and_no_compression(server: tuple[str, list[Request]]) -> None:
    url, requests = server
    query(Sources(prometheus_url=url, prometheus_headers={"X-Scope-OrgID": "team-a"}))
    assert requests[0].headers["X-Scope-OrgID"] == "team-a"
    assert requests[0].headers["Accept-Encoding"] == "identity"
    assert requests[0].form["query"] == "up"
    assert requests[0].query_string == b""


def test_token_file_is_read_for_each_query(server: tuple[str, list[Request]], tmp_path: Path) -> None:
    url, requests = server
    token = tmp_path / "token"
    token.write_text("first\n")
    with Client(Sources(prometheus_url=url, prometheus_token_file=str(token))) as client:
        client.range("up", first_s=NOW_S, last_s=NOW_S, step_s=60)
        token.write_text("second\n")
        client.range("up", first_s=NOW_S, last_s=NOW_S, step_s=60)
    assert [request.headers["Authorization"] for request in requests] == ["Bearer first", "Bearer second"]


def test_username_and_password_file_are_sent(server: tuple[str, list[Request]], tmp_path: Path) -> None:
    url, requests = server
    password = tmp_path / "password"
    password.write_text("pässword\n")
    query(Sources(prometheus_url=url, prometheus_username="me", prometheus_password_file=str(password)))
    encoded = requests[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(encoded).decode() == "me:pässword"


def test_username_and_password_in_address_are_sent(server: tuple[str, list[Request]]) -> None:
    url, requests = server
    query(Sources(prometheus_url=url.replace("http://", "http://me:p%40ss@")))
    assert base64.b64decode(requests[0].headers["Authorization"].removeprefix("Basic ")) == b"me:p@ss"


def test_missing_token_file_is_unreachable(server: tuple[str, list[Request]]) -> None:
    url, requests = server
    with pytest.raises(PrometheusUnreachable, match="token file /nowhere/token: No such file"):
        query(Sources(prometheus_url=url, prometheus_token_file="/nowhere/token"))
    assert requests == []


@pytest.mark.parametrize("status", [0, 200, 401, 503])
def test_message_never_contains_secret(httpserver: HTTPServer, tmp_path: Path, status: int) -> None:
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
            query(sources)
        assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with cert.pem and key.pem, self-signed, for both server and client."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(hours=1))
        .not_valid_after(today + datetime.timedelta(days=1))
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
def tls_server(certificates: Path) -> Iterator[HTTPServer]:
    """A server that requires a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(host="127.0.0.1", ssl_context=context) as https:
        https.expect_request("/api/v1/query_range").respond_with_json(EMPTY)
        yield https


def test_client_certificate_is_sent(tls_server: HTTPServer, certificates: Path) -> None:
    cert, key = str(certificates / "cert.pem"), str(certificates / "key.pem")
    query(
        Sources(
            prometheus_url=tls_server.url_for(""),
            prometheus_ca_file=cert,
            prometheus_client_cert_file=cert,
            prometheus_client_key_file=key,
        )
    )
    assert [answer.status_code for _, answer in tls_server.log] == [200]


def test_untrusted_server_certificate_is_unreachable(tls_server: HTTPServer) -> None:
    with pytest.raises(PrometheusUnreachable, match=r"TLS: .*certificate"):
        query(Sources(prometheus_url=tls_server.url_for("")))


def test_missing_ca_file_is_unreachable(tls_server: HTTPServer) -> None:
    with pytest.raises(PrometheusUnreachable, match=r"/nowhere/ca\.pem"):
        query(Sources(prometheus_url=tls_server.url_for(""), prometheus_ca_file="/nowhere/ca.pem"))
