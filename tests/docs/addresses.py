"""The addresses that documents speak of, served on this machine."""

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SITE, BUCKET = "https://example.org", "my-bucket"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path, home: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Serve the files of ``folder`` as the bucket and the site; give the environment to use and the site's address."""
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    site = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=site.serve_forever, args=(0.05,))
    thread.start()
    store = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    environment = {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*store.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_DEFAULT_REGION": "us-east-1",
        "FATHOM_HOME": str(home),
        "no_proxy": "127.0.0.1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            client.put_object(Bucket=BUCKET, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
        client.close()
        shutil.make_archive(str(folder / "leaves"), "zip", folder, "leaves")
        yield os.environ | environment, f"http://127.0.0.1:{site.server_port}"
    finally:
        store.stop()
        site.shutdown()
        thread.join()
        site.server_close()
