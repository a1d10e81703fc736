"""The emulated Earthdata services (`cube-testkit earthdata`), and how clients of the real ones are led to them."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from .programs import Program

HOSTS = {
    "cmr": "cmr.earthdata.nasa.gov",
    "login": "urs.earthdata.nasa.gov",
    "lpdaac": "data.lpdaac.earthdatacloud.nasa.gov",
    "podaac": "archive.podaac.earthdata.nasa.gov",
    "nsidc": "data.nsidc.earthdatacloud.nasa.gov",
    "presigned": "s3.us-west-2.amazonaws.com",
    "hostile": "hostile.example",
}

ROLES = tuple(HOSTS)

# The emulator gives every host an address of its own.
LOOPBACK = ",".join(["localhost", *(f"127.0.0.{number}" for number in range(1, len(HOSTS) + 1))])

LOGIN_PAGE = "<!DOCTYPE html>\n<html><head><title>Earthdata Login</title></head><body>Please log in</body></html>\n"


def rule(path: str, fault: dict, **more: object) -> dict:
    return {"path": path, "fault": fault, **more}


def html_200(path: str, **more: object) -> dict:
    """A login page where data is expected."""
    return rule(path, {"kind": "answer", "status": 200, "headers": {"content-type": "text/html"}, "body": LOGIN_PAGE}, **more)


def status(path: str, code: int, retry_after: int | None = None, **more: object) -> dict:
    return rule(path, {"kind": "status", "status": code, "retry_after": retry_after}, **more)


@dataclass
class Earthdata:
    """A running emulator."""

    urls: dict[str, str]
    user: str
    password: str
    process: subprocess.Popen
    work: Path = field(repr=False)

    @classmethod
    def start(cls, testkit: Program, work: Path, *options: object) -> Earthdata:
        port_file = work / f"earthdata-{time.monotonic_ns()}.json"
        process = testkit.start("earthdata", "--port-file", port_file, *options)
        deadline = time.monotonic() + 120
        while not port_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"the emulator did not start: {process.communicate()[0]}")
            time.sleep(0.02)
        book = json.loads(port_file.read_text())
        return cls(urls={role: book[role] for role in ROLES}, user=book["user"], password=book["password"], process=process, work=work)

    @property
    def search(self) -> str:
        return f"{self.urls['cmr']}/search"

    def environment(self, folder: Path, **more: str) -> dict[str, str]:
        """What leads `cube` to the emulator, with the user's name and password; nothing of this machine's own logins is seen."""
        return {
            "NO_PROXY": LOOPBACK,
            "no_proxy": LOOPBACK,
            "HOME": str(folder),
            "NETRC": str(folder / "no-netrc"),
            "EARTHDATA_USERNAME": self.user,
            "EARTHDATA_PASSWORD": self.password,
            "CUBE_CMR_URL": self.search,
            "CUBE_EARTHDATA_LOGIN_URL": self.urls["login"],
            "CUBE_EARTHDATA_HOSTS": ",".join(self.urls[role].removeprefix("http://") for role in ("cmr", "lpdaac", "podaac", "nsidc")),
            "CUBE_CREDENTIALS_CACHE": str(folder / "credentials"),
            "CUBE_HTTP_BACKOFF": "0.05",
            **more,
        }

    def plan(self, **plan: object) -> None:
        """Replaces the plan; without arguments all goes well."""
        answer = self._ask("POST", "/_plan", json=plan)
        assert answer.ok, f"the plan was refused: {answer.text}"

    def reset(self) -> None:
        self._ask("POST", "/_reset").raise_for_status()

    def revoke(self) -> None:
        """All tokens that were given out are worth nothing from now on."""
        self._ask("POST", "/_revoke").raise_for_status()

    def counts(self) -> dict:
        return self._ask("GET", "/_counts").json()

    def secrets(self) -> dict[str, str]:
        """Name and text of everything that must not be seen elsewhere."""
        return self._ask("GET", "/_secrets").json()

    def requests(self, role: str) -> list[dict]:
        """All requests to a host, with their headers."""
        return self._ask("GET", "/_log?records=1", role).json()["records"]

    def token(self) -> str:
        """A token of the user, as the login's web page gives it."""
        answer = requests.post(f"{self.urls['login']}/api/users/find_or_create_token", auth=(self.user, self.password), timeout=30)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def netrc(self, folder: Path, host: str | None = None) -> Path:
        path = folder / "netrc"
        host = host or self.urls["login"].removeprefix("http://").split(":")[0]
        path.write_text(f"machine {host} login {self.user} password {self.password}\n")
        path.chmod(0o600)
        return path

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def _ask(self, method: str, path: str, role: str = "cmr", **options) -> requests.Response:
        session = requests.Session()
        session.trust_env = False
        return session.request(method, f"{self.urls[role]}{path}", timeout=60, **options)


def granule_of(path: Path, key: str, day: str, extent: tuple[float, float, float, float], collection: tuple[str, str], host: str = "podaac") -> dict:
    """UMM-G of a gridded file that a data host has under this key, with `{podaac}` and the like where the emulator puts its addresses."""
    west, south, east, north = extent
    content = path.read_bytes()
    return {
        "GranuleUR": path.stem,
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": f"{day}T00:00:00.000Z", "EndingDateTime": f"{day}T23:59:59.000Z"}},
        "SpatialExtent": {
            "HorizontalSpatialDomain": {
                "Geometry": {
                    "BoundingRectangles": [
                        {
                            "WestBoundingCoordinate": west,
                            "SouthBoundingCoordinate": south,
                            "EastBoundingCoordinate": east,
                            "NorthBoundingCoordinate": north,
                        }
                    ]
                }
            }
        },
        "CollectionReference": {"ShortName": collection[0], "Version": collection[1]},
        "DataGranule": {
            "DayNightFlag": "Unspecified",
            "ProductionDateTime": f"{day}T23:59:59.000Z",
            "ArchiveAndDistributionInformation": [
                {
                    "Name": path.name,
                    "SizeInBytes": len(content),
                    "Size": len(content) / 2**20,
                    "SizeUnit": "MB",
                    "Checksum": {"Value": hashlib.md5(content).hexdigest(), "Algorithm": "MD5"},
                }
            ],
        },
        "RelatedUrls": [
            {"URL": f"{{{host}}}/{key}", "Type": "GET DATA"},
            {"URL": f"s3://{key}", "Type": "GET DATA VIA DIRECT ACCESS"},
            {"URL": f"{{{host}}}/s3credentials", "Type": "VIEW RELATED INFORMATION"},
        ],
        "ProviderDates": [{"Date": f"{day}T23:59:59.000Z", "Type": "Insert"}],
        "MetadataSpecification": {"URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6", "Name": "UMM-G", "Version": "1.6.6"},
    }


def assert_no_leak(earthdata: Earthdata) -> None:
    """No secret at a host that it is not for."""
    seen = earthdata.counts()["secrets"]
    kinds = {role: {name.rstrip("0123456789 ") for name in names} for role, names in seen.items()}
    allowed = {
        "cmr": {"token"},
        "login": {"password", "basic", "token", "session"},
        "lpdaac": {"token", "lpdaac cookie"},
        "podaac": {"token", "podaac cookie"},
        "nsidc": {"token", "nsidc cookie"},
        "presigned": set(),
        "hostile": set(),
    }
    for role, names in kinds.items():
        assert names <= allowed[role], f"{role} was shown {names - allowed[role]}"


def find_secrets(earthdata: Earthdata, *places: Path | str) -> list[str]:
    """The names of secrets that are written in files (also below folders) or texts."""
    found = []
    for place in places:
        if isinstance(place, str):
            texts = [("a text", place.encode())]
        else:
            files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
            texts = [(str(path), path.read_bytes()) for path in files]
        for name, secret in earthdata.secrets().items():
            found += [f"{name} in {where}" for where, text in texts if secret.encode() in text]
    return found


class TrueNames:
    """Leads this process's connections to the real hosts to the emulator, over TLS with a certificate of its own."""

    def __init__(self, urls: dict[str, str], folder: Path):
        self.targets = {HOSTS[role]: _address(url) for role, url in urls.items()}
        self.authority = folder / "authority.pem"
        context = _certificates(folder, list(self.targets), self.authority)
        context.sni_callback = lambda connection, name, _: setattr(connection, "wanted", name)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.context = context
        threading.Thread(target=self._serve, daemon=True).start()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        import aiohttp.connector

        original = socket.getaddrinfo

        def getaddrinfo(host, port, *arguments, **options):
            name = host.decode() if isinstance(host, bytes) else host
            if name in self.targets:
                return original("127.0.0.1", self.listener.getsockname()[1], *arguments, **options)
            if isinstance(name, str) and name.replace(".", "").isdigit():
                return original(host, port, *arguments, **options)
            raise socket.gaierror(f"tests have no network: {name}")

        aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(self.authority)
        socket.getaddrinfo = getaddrinfo
        try:
            yield
        finally:
            socket.getaddrinfo = original

    def close(self) -> None:
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client = self.context.wrap_socket(connection, server_side=True)
            server = socket.create_connection(self.targets[client.wanted])
            threading.Thread(target=_pump, args=(server, client), daemon=True).start()
            _pump(client, server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def _certificates(folder: Path, names: list[str], authority: Path) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: str, issuer: x509.Name, key, signer, authority_key, is_authority: bool) -> x509.CertificateBuilder:
        usage = dict.fromkeys(
            ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=is_authority, crl_sign=is_authority, **usage), critical=True
            )
        )
        if not is_authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in names]), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return builder.sign(signer, hashes.SHA256())

    def _name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Tests of cube")
    root = certificate("Tests of cube", issuer, authority_key, authority_key, authority_key, True)
    leaf = certificate(names[0], issuer, key, authority_key, authority_key, False)
    pem = serialization.Encoding.PEM
    authority.write_bytes(root.public_bytes(pem))
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context
