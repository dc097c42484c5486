"""Remote data in settings: told apart by the address, pinned to a version, without secrets."""

import pytest

from fathom.settings.settings import Settings
from fathom.settings.config import DataConfig, config_to_dict
from fathom.data.fetch.copies import Copy
from fathom.errors import UsageError
from fathom.build import remote
from fathom.build.kinds.names import check_data, data_kind, locate_data, place_name, read_contents
from fathom.build.remote import localize, pin_versions


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("s3://bucket/photos/", "images"),
        ("s3://bucket", "images"),
        ("s3://bucket/photos.tar.gz", "images"),
        ("https://host/photos.zip?v=2", "images"),
        ("https://host/house.csv.gz", "table"),
        ("https://host/house.csv?raw=true", "table"),
        ("s3://bucket/BOOK.TXT", "text"),
    ],
)
def test_the_kind_is_told_by_the_address(address, kind):
    data = DataConfig(name=address)
    assert data_kind(data) == kind
    check_data(data)
    assert read_contents(data) is None


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
        check_data(DataConfig(name=address))


def test_the_extra_is_asked_for(monkeypatch):
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'fathom\[remote\]'"):
        check_data(DataConfig(name="s3://bucket/a.csv"))
    check_data(DataConfig(name="https://host/a.csv"))


def test_versions_are_settled_once_and_used_from_then_on(monkeypatch, tmp_path):
    asked = []

    def copy(address, version=None):
        asked.append((address, version))
        return Copy(tmp_path / place_name(address), version or f"version of {place_name(address)}")

    monkeypatch.setattr("fathom.data.fetch.copies.local_copy", copy)
    config = Settings({"data": {"name": "https://me:pw@host/a.csv", "options": {"test": "s3://b/t.csv"}}})
    located = locate_data(config)
    assert located.data.name == "https://host/a.csv"
    assert located.data.versions == {"https://host/a.csv": "version of a.csv", "s3://b/t.csv": "version of t.csv"}
    assert "pw" not in str(config_to_dict(located))
    local = localize(located.data)
    assert (local.name, local.options["test"]) == (str(tmp_path / "a.csv"), str(tmp_path / "t.csv"))
    assert asked[-2:] == [("https://host/a.csv", "version of a.csv"), ("s3://b/t.csv", "version of t.csv")]
    assert pin_versions(located.data) == located.data


def test_what_is_here_stays_as_it_is(tmp_path):
    data = DataConfig(name="digits")
    assert localize(data) is data
    assert pin_versions(data) is data
