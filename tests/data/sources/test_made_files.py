import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fathom.cli.main import main
from fathom.data.sources import made_files


def test_photos_are_equal_for_a_seed_and_their_shapes_are_told_by_their_corners(tmp_path):
    root = made_files.write_photos(tmp_path / "a")
    again = made_files.write_photos(tmp_path / "b")
    files = sorted(path.relative_to(root) for path in root.rglob("*.jpg"))
    assert [sum(path.parent.name == shape for path in files) for shape in made_files.SHAPES] == [80, 80, 80]
    assert all((root / file).read_bytes() == (again / file).read_bytes() for file in files)
    with Image.open(root / "circle" / "001.jpg") as image:
        assert (image.size, image.mode) == ((72, 54), "RGB")


def test_prices_follow_the_law_that_is_stated(tmp_path):
    houses = pd.read_csv(made_files.write_houses(tmp_path)).dropna()
    premium = houses["Town"].map({"Ashby": 0.0, "Milton": 0.15, "Oakham": 0.3, "Whitby": 0.5})
    expected = 11.2 + 0.6 * np.log(houses["Area"] / 100) + 0.003 * (houses["YearBuilt"] - 1960) + premium
    rest = np.log(houses["SalePrice"]) - expected - 0.1 * (houses["Garden"] == "yes")
    assert abs(rest.mean()) < 3 * 0.1 / len(houses) ** 0.5
    assert 0.09 < rest.std() < 0.11


def test_nouns_and_verbs_agree(tmp_path):
    sentences = made_files.write_book(tmp_path).read_text().strip().split(". ")
    assert len(sentences) == made_files.SENTENCES
    nouns = {"sailor", "gardener", "teacher", "river", "lantern", "letter"}
    for words in (sentence.split() for sentence in sentences[:200]):
        at = next(i for i, word in enumerate(words) if word.removesuffix("s") in nouns)
        assert words[at].endswith("s") != words[at + 1].endswith("s")


def test_the_command_says_what_to_try_and_overwrites_nothing(tmp_path, capsys):
    out = tmp_path / "my samples"
    assert main(["data", "sample", "house", "--out", str(out)]) == 0
    assert f"try      fathom train '{out}/house.csv' --target SalePrice --log-target" in capsys.readouterr().out
    before = (out / "house.csv").read_bytes()
    assert main(["data", "sample", "house", "--out", str(out), "--seed", "1"]) == 2
    assert "house.csv exists already; name another folder: --out DIR" in capsys.readouterr().err
    assert (out / "house.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample"], "say of what: photos, house, book"),
        (["sample", "hous"], "unknown sample 'hous'; did you mean 'house'?"),
        (["digits", "house"], "unexpected argument 'house'"),
        (["sample", "book", "--augment", "flip"], "takes --out and --seed alone"),
    ],
)
def test_wrong_usage(arguments, message, capsys):
    assert main(["data", *arguments]) == 2
    assert message in capsys.readouterr().err
