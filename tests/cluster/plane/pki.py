"""Create temporary credentials: CA, serving certificate, service account key, static tokens."""

import base64
import ipaddress
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plane.layout import CONTROL_ADDRESS, Home

USERS = ("admin", "kube-controller-manager", "kubelet")
"""Users, all in system:masters; they differ so that the audit log shows which of them made a request."""


def write(home: Home) -> dict[str, str]:
    """Write the files that kube-apiserver reads; return user -> token."""
    home.pki("").mkdir(parents=True, mode=0o700)
    ca_key, ca = _authority()
    key, certificate = _serving_certificate(ca_key, ca)
    account_key = ec.generate_private_key(ec.SECP256R1())
    tokens = {user: secrets.token_hex(16) for user in USERS}
    _pem(home.pki("ca.crt"), ca)
    _pem(home.pki("apiserver.crt"), certificate)
    _pem(home.pki("apiserver.key"), key)
    _pem(home.pki("accounts.key"), account_key)
    rows = (f'{token},{user},{user},"system:masters"\n' for user, token in tokens.items())
    home.pki("tokens.csv").write_text("".join(rows))
    return tokens


def kubeconfig(home: Home, server: str, user: str, token: str, namespace: str = "default") -> str:
    """Return a self-contained kubeconfig (JSON is YAML)."""
    ca = base64.b64encode(home.pki("ca.crt").read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": user, "namespace": namespace}}],
        "current-context": "c",
    }
    return json.dumps(config, indent=1)


def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("cluster-ca")
    unsigned = _certificate(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
    return key, unsigned.sign(key, hashes.SHA256())


def _serving_certificate(
    ca_key: ec.EllipticCurvePrivateKey, ca: x509.Certificate
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    addresses = ("127.0.0.1", "10.244.8.1", CONTROL_ADDRESS)
    hosts = (
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    )
    names = [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses] + [x509.DNSName(h) for h in hosts]
    unsigned = (
        _certificate(_name("kube-apiserver"), ca.subject, key)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        # Python >= 3.13 refuses a certificate that does not name its issuer's key.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
    )
    return key, unsigned.sign(ca_key, hashes.SHA256())


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(path: Path, obj: ec.EllipticCurvePrivateKey | x509.Certificate) -> None:
    if isinstance(obj, x509.Certificate):
        path.write_bytes(obj.public_bytes(serialization.Encoding.PEM))
        return
    path.touch(mode=0o600)
    path.write_bytes(
        obj.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
