"""Remote data in settings: told apart by the address, pinned to a version, without secrets."""

import pytest

from fathom.build import remote
from fathom.build.configure import configure
from fathom.build.kinds.detection import kind_of
from fathom.build.kinds.places import place_name
from fathom.build.remote import localize, pin_versions
from fathom.data.fetch.copies import LocalCopy
from fathom.errors import UsageError
from fathom.settings.config import config_to_dict


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("s3://bucket/photos/", "images"),
        ("s3://bucket", "images"),
        ("s3://bucket/photos.tar.gz", "images"),
        ("https://host/photos.zip?v=2", "images"),
        ("https://host/house.csv.gz", "tables"),
        ("https://host/house.csv?raw=true", "tables"),
        ("s3://bucket/BOOK.TXT", "texts"),
    ],
)
def test_the_kind_is_told_by_the_address(address, kind):
    config = configure({"data": {"name": address}})
    assert config.data.kind == kind
    assert kind_of(config).read(config.data) is None


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("https://host/photos/", "cannot be listed over http"),
        ("https://host/download?id=3", "does not say what it is"),
        ("s3://bucket/cat.jpg", "is one image"),
        ("ftp://host/a.csv", "unknown kind of address 'ftp://'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(address, error):
    with pytest.raises(UsageError, match=error):
        configure({"data": {"name": address}})


def test_the_extra_is_asked_for(monkeypatch):
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install fsspec s3fs"):
        configure({"data": {"name": "s3://bucket/a.csv"}})
    configure({"data": {"name": "https://host/a.csv"}})


def test_versions_are_settled_once_and_used_from_then_on(monkeypatch, tmp_path):
    asked = []

    def copy(address, version=None, unpacks=True, encoding=None):
        asked.append((address, version))
        return LocalCopy(tmp_path / place_name(address), version or f"version of {place_name(address)}")

    monkeypatch.setattr("fathom.data.fetch.copies.local_copy", copy)
    config = configure({"data": {"name": "https://me:pw@host/a.csv", "options": {"test": "s3://b/t.csv"}}})
    pinned = kind_of(config).pin(config.data)
    assert pinned.name == "https://host/a.csv"
    assert pinned.versions == {"https://host/a.csv": "version of a.csv", "s3://b/t.csv": "version of t.csv"}
    assert "pw" not in str(config_to_dict(config))
    local = localize(pinned)
    assert (local.name, local.options["test"]) == (str(tmp_path / "a.csv"), str(tmp_path / "t.csv"))
    assert asked[-2:] == [("https://host/a.csv", "version of a.csv"), ("s3://b/t.csv", "version of t.csv")]
    assert pin_versions(pinned) == pinned


def test_what_is_here_stays_as_it_is(tmp_path):
    data = configure({}).data
    assert localize(data) is data
    assert pin_versions(data) is data
