"""Addresses: told from paths, taken apart, and without anything secret."""

import doctest

import pytest

from fathom import address
from fathom.address import base_name, conceal, is_remote, reveal, split_address
from fathom.errors import UsageError
from fathom.settings.settings import Settings


def test_the_examples_hold():
    assert doctest.testmod(address).failed == 0


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("https://me:secret@host:8443/a.csv", "https://host:8443/a.csv"),
        ("https://me@host/a.csv", "https://host/a.csv"),
        (
            "https://b.s3.amazonaws.com/a.csv?X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Signature=S&X-Amz-Expires=9",
            "https://b.s3.amazonaws.com/a.csv",
        ),
        ("https://x.blob.core.windows.net/a.csv?sv=1&se=2&sp=r&sig=secret", "https://x.blob.core.windows.net/a.csv"),
        ("https://host/a.csv?id=7&access_token=secret&page=2", "https://host/a.csv?id=7&page=2"),
        ("https://host/a.csv?sp=7", "https://host/a.csv?sp=7"),
        ("s3://bucket/a?token=b/c#d.csv", "s3://bucket/a?token=b/c#d.csv"),
        ("s3://bucket/photos/", "s3://bucket/photos/"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_secrets_are_taken_out_and_known_to_this_process_alone(typed, shown):
    assert conceal(typed) == shown
    assert conceal(f"--data={typed}") == f"--data={shown}"
    assert reveal(shown) == typed
    assert conceal(shown) == shown


def test_settings_hold_no_secrets():
    options = {"test": "https://me:secret@host/b.csv", "x": 1}
    settings = Settings({"data": {"name": "https://me:secret@host/a.csv", "options": options}})
    assert settings.get("data.name") == "https://host/a.csv"
    assert settings.get("data.options") == {"test": "https://host/b.csv", "x": 1}


@pytest.mark.parametrize("name", ["photos", "./a.csv", "C:\\photos", "/a//b", "digits", "a:b", ""])
def test_paths_and_names_are_no_addresses(name):
    assert not is_remote(name)


@pytest.mark.parametrize(
    ("name", "error"),
    [("s4://a/b", "did you mean 's3://'"), ("s3:///key", "names no bucket"), ("https:///a.csv", "names no host")],
)
def test_what_is_no_address_is_named(name, error):
    with pytest.raises(UsageError, match=error):
        split_address(name)


@pytest.mark.parametrize(
    "name", ["https://host/../../etc/passwd", "https://host/%2e%2e", "https://host/%2Froot", "s3://b/..", "s3://b/a\0b"]
)
def test_no_name_leads_out_of_a_folder(name):
    base = base_name(name)
    assert base
    assert not set(base) & set("/\\\0")
    assert not base.startswith(".")


@pytest.mark.parametrize("address", ["http://[", "https://host:99999/a.csv", "http://a:b/c"])
def test_what_is_no_address_is_refused(address):
    for read in (split_address, base_name):
        with pytest.raises(UsageError, match="is not an address"):
            read(address)
