from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support.earthdata import Earthdata  # noqa: E402
from support.opening import S3  # noqa: E402
from support.programs import Program, Server, find_binary  # noqa: E402

# A proxy of the machine must not stand between the programs and their servers.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(["localhost", *(f"127.0.0.{number}" for number in range(1, 8))])


@pytest.fixture(scope="session")
def cube() -> Program:
    return Program(find_binary("cube", "CUBE_BIN"))


@pytest.fixture(scope="session")
def testkit() -> Program:
    return Program(find_binary("cube-testkit", "CUBE_TESTKIT_BIN"))


@pytest.fixture(scope="session")
def serve(testkit: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Server]]:
    """Starts servers; all are stopped at the end."""
    servers: list[Server] = []

    def start(archive: Path) -> Server:
        servers.append(Server(testkit, archive, tmp_path_factory.mktemp("server")))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def demo_archive(testkit: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of `make demo`."""
    directory = tmp_path_factory.mktemp("archive") / "demo"
    testkit.run("archive", directory)
    return directory


@pytest.fixture(scope="module")
def start_earthdata(testkit: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Earthdata]]:
    """Starts emulated services of NASA; all are stopped at the end of the module."""
    running: list[Earthdata] = []

    def start(*options: object) -> Earthdata:
        work = tmp_path_factory.mktemp("nasa")
        running.append(Earthdata.start(testkit, work, "--archive", work / "archive", *options))
        return running[-1]

    yield start
    for earthdata in running:
        earthdata.stop()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server (moto) with an empty bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    client.create_bucket(Bucket="cubes")
    yield S3(endpoint, "cubes")
    server.stop()
