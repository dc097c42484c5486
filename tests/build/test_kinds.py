"""What a data name means."""

import pytest

from fathom.build.configure import configure
from fathom.build.kinds.detection import find_kind
from fathom.errors import UsageError
from fathom.settings.resolve import resolve
from fathom.settings.settings import Settings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", "arrays"),
        ("images", "images"),
        ("nowhere", "arrays"),
        ("./digits", "images"),
        ("nowhere/", "images"),
        (".", "images"),
        ("..", "images"),
        ("house.csv", "tables"),
        ("there/HOUSE.CSV", "tables"),
        ("house.tsv.gz", "tables"),
        ("airfoil.dat", "tables"),
        ("folder.csv", "images"),
        ("house.xlsx", "tables"),
        ("there/house.xlsx", "tables"),
    ],
)
def test_a_name_a_path_or_a_suffix_tells_the_kind(name, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "digits").mkdir()  # a known name means the data set
    assert find_kind(Settings({"data": {"name": name}})).name == expected


def test_a_place_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, place in (
        ("./images/", tmp_path / "images"),
        ("house.csv", tmp_path / "house.csv"),
        ("~/p", tmp_path / "home" / "p"),
        ("digits", "digits"),
    ):
        kind = find_kind(Settings({"data": {"name": name}}))
        data = resolve(Settings({"data": {"name": name}}), kind).data
        assert kind.pin(data).name == str(place)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digit", "unknown data set 'digit'; did you mean 'digits'?"),
        ("./digits", "no such folder: ./digits"),
        ("house.csv", "no such file: house.csv"),
        ("house.xls", r"house.xls: .xls files are not supported; save it as CSV"),
        ("./cat.avif", r"./cat.avif is one image; training takes a folder of class folders"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.avif").touch()
    (tmp_path / "house.xls").touch()
    with pytest.raises(UsageError, match=message):
        configure({"data": {"name": name}})
