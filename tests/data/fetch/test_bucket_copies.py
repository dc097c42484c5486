"""Objects of a bucket: folders of images in parallel, resumed, brought up to date; refusals in one line."""

import os

import pytest

from fathom.data.fetch import bucket, copies, transfer
from fathom.data.fetch.bucket import Bucket
from fathom.data.fetch.copies import local_copy
from fathom.data.fetch.source import check_path
from fathom.errors import FathomError

NAMES = [f"{kind}/{i:02}.jpg" for kind in ("cat", "dog") for i in range(6)]


def put(s3, key, content):
    s3.put_object(Bucket="bucket", Key=key, Body=content)


@pytest.fixture
def photos(s3):
    for name in NAMES:
        put(s3, f"photos/{name}", name.encode())
    return s3


@pytest.fixture
def fetched(monkeypatch):
    """The names of what comes over the network."""
    names, real = [], Bucket.open

    def listen(self, item, start):
        names.append(item.path)
        return real(self, item, start)

    monkeypatch.setattr(Bucket, "open", listen)
    return names


def refusal(address):
    with pytest.raises(FathomError) as caught:
        local_copy(address)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_images(photos, fetched, capsys):
    put(photos, "photos/README.md", b"no image")
    put(photos, "photos/.hidden/1.jpg", b"not shown")
    put(photos, "photos/empty/", b"")
    put(photos, "photos2/cat/1.jpg", b"another folder")
    copy = local_copy("s3://bucket/photos/")
    assert content(copy.path) == {name: name for name in NAMES}
    assert copy.path.name == "photos"
    err = capsys.readouterr().err
    assert "fetched s3://bucket/photos/: 12 files, 120 B" in err
    assert "skipped 2 files whose names are not those of images" in err
    assert local_copy("s3://bucket/photos") == copy
    assert len(fetched) == 12


def test_only_what_changed_is_fetched_again(photos, fetched):
    old = local_copy("s3://bucket/photos/")
    fetched.clear()
    put(photos, "photos/cat/03.jpg", b"cat/03.new")  # as long as before
    put(photos, "photos/cat/99.jpg", b"new")
    photos.delete_object(Bucket="bucket", Key="photos/dog/00.jpg")
    new = local_copy("s3://bucket/photos/")
    assert sorted(fetched) == ["cat/03.jpg", "cat/99.jpg"]
    expected = {name: name for name in NAMES} | {"cat/03.jpg": "cat/03.new", "cat/99.jpg": "new"}
    del expected["dog/00.jpg"]
    assert content(new.path) == expected
    assert content(old.path) == {name: name for name in NAMES}


def test_a_folder_is_gone_on_with(photos, fetched, monkeypatch):
    real = transfer.Transfer.fetch

    def stop(self, item, path):
        if item.path == "dog/04.jpg":
            raise FathomError("stopped here")
        real(self, item, path)

    monkeypatch.setattr(transfer.Transfer, "fetch", stop)
    assert refusal("s3://bucket/photos/") == "stopped here"
    first = set(fetched)
    assert "dog/04.jpg" not in first
    fetched.clear()
    monkeypatch.setattr(transfer.Transfer, "fetch", real)
    assert content(local_copy("s3://bucket/photos/").path) == {name: name for name in NAMES}
    assert first
    assert set(fetched) == set(NAMES) - first


def test_a_copy_that_lost_a_file_is_completed(photos, fetched):
    copy = local_copy("s3://bucket/photos/")
    (copy.path / "cat" / "00.jpg").unlink()
    fetched.clear()
    assert local_copy("s3://bucket/photos/") == copy
    assert content(copy.path) == {name: name for name in NAMES}


def test_a_large_object_comes_in_pieces_and_is_gone_on_with(s3, monkeypatch):
    monkeypatch.setattr(bucket, "_PIECE_BYTES", 1000)
    body = os.urandom(25_500)
    put(s3, "a.csv", body)
    real, asked = Bucket._pieces, []

    def break_off(self, key, item, start):
        asked.append(start)
        for number, piece in enumerate(real(self, key, item, start)):
            if start == 0 and number == 9:
                raise bucket.TransferFailed("broken", is_retryable=True)
            yield piece

    monkeypatch.setattr(Bucket, "_pieces", break_off)
    assert local_copy("s3://bucket/a.csv").path.read_bytes() == body
    assert asked == [0, 9000]


def test_pieces_of_two_versions_are_not_joined(s3, monkeypatch):
    monkeypatch.setattr(bucket, "_PIECE_BYTES", 1000)
    bodies = [os.urandom(10_000), os.urandom(10_000)]
    put(s3, "a.csv", bodies[0])
    real = Bucket._pieces

    def change(self, key, item, start):
        for number, piece in enumerate(real(self, key, item, start)):
            if number == 2:
                put(s3, "a.csv", bodies[1])
            yield piece

    monkeypatch.setattr(Bucket, "_pieces", change)
    assert local_copy("s3://bucket/a.csv").path.read_bytes() == bodies[1]


@pytest.mark.parametrize("key", ["a b+c.csv", "ä/ü.csv", "a?x=1#2.csv", "a*[b].csv"])
def test_odd_keys(s3, key):
    put(s3, key, b"a\n1\n")
    assert local_copy(f"s3://bucket/{key}").path.read_bytes() == b"a\n1\n"


@pytest.mark.parametrize(
    "key",
    ["photos/../evil.jpg", "photos//evil.jpg", "photos/cat/..\\evil.jpg", "photos/C:evil.jpg", "photos/./evil.jpg"],
)
def test_no_name_of_a_server_leads_out_of_the_folder(home, key):
    source = object.__new__(Bucket)
    source.address, source._path = "s3://bucket/photos/", "bucket/photos"
    with pytest.raises(FathomError, match="is not a valid file name here"):
        source._list({f"bucket/{key}": {"size": 1}})


def test_a_long_name_is_refused():
    with pytest.raises(FathomError, match="is not a valid file name"):
        check_path("x" * 201, "s3://bucket/")
    assert check_path("a/b.jpg", "s3://bucket/") == "a/b.jpg"


def test_a_file_below_a_file_is_refused(s3):
    put(s3, "photos/a.jpg", b"1")
    put(s3, "photos/a.jpg/b.jpg", b"1")
    assert "'a.jpg' is both a file and a folder" in refusal("s3://bucket/photos/")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://no-such-bucket/a.csv", "no such bucket: no-such-bucket"),
        ("s3://no-such-bucket/a/", "no such bucket: no-such-bucket"),
        ("s3://bucket/none.csv", "no such object"),
        ("s3://bucket/none/", "no images below this prefix"),
        ("s3://bucket/texts/", "no images below this prefix, only 1 other files"),
    ],
)
def test_what_is_not_there_is_named(s3, address, words):
    put(s3, "texts/a.md", b"1")
    assert words in refusal(address)


def test_access_denied(s3, monkeypatch):
    def deny(*_, **__):
        raise PermissionError("Access Denied")

    monkeypatch.setattr("s3fs.S3FileSystem.info", deny)
    assert "access denied (Access Denied); check the credentials" in refusal("s3://bucket/a.csv")


def test_without_credentials_what_is_public_comes(s3, monkeypatch, tmp_path):
    s3.put_object(Bucket="bucket", Key="a.csv", Body=b"a\n1\n", ACL="public-read")
    put(s3, "private.csv", b"a\n1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert local_copy("s3://bucket/a.csv").path.read_bytes() == b"a\n1\n"
    assert "access denied without credentials; set AWS_PROFILE" in refusal("s3://bucket/private.csv")


@pytest.mark.slow  # s3fs tries several times
def test_a_server_that_is_not_there(s3, monkeypatch, capsys):
    put(s3, "a.csv", b"a\n1\n")
    copy = local_copy("s3://bucket/a.csv")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    capsys.readouterr()
    assert local_copy("s3://bucket/a.csv") == copy
    assert "http://127.0.0.1:9 cannot be reached; using the copy of 20" in capsys.readouterr().err
    assert "http://127.0.0.1:9 cannot be reached, and no copy is here" in refusal("s3://bucket/b.csv")


def test_the_extra_is_named_when_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    assert "pip install fsspec s3fs" in refusal("s3://bucket/a.csv")


def test_the_limit_counts_the_whole_folder(photos, monkeypatch):
    monkeypatch.setenv("FATHOM_REMOTE_MAX_GB", "1e-7")
    assert "has 120 B, more than the limit of 100 B" in refusal("s3://bucket/photos/")
    assert not list(copies.cache_root().rglob("*.jpg"))
