"""Small files that are made, not downloaded: photos in class folders, a table of houses, a text. For trying commands.

Each is learned well in seconds, and not perfectly: shapes overlap their background, prices have noise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fathom.errors import UsageError
from fathom.files import describe_failure

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SHAPES = ("circle", "square", "triangle")
PHOTOS_PER_CLASS = 80
HOUSES = 400
SENTENCES = 2000


def write_photos(folder: Path, seed: int = 0) -> Path:
    """Write ``photos/circle/001.jpg …``: a shape of any colour, size and place on a noisy ground, 72 by 54 pixels.

    Returns: the folder ``photos``
    Raises:  UsageError if it is there; FathomError if it cannot be written
    """
    import numpy as np

    root = _claim(folder / "photos")
    rng = np.random.default_rng(seed)
    try:
        for shape in SHAPES:
            (root / shape).mkdir(parents=True)
            for number in range(1, PHOTOS_PER_CLASS + 1):
                _draw(shape, rng).save(root / shape / f"{number:03}.jpg", quality=90)
    except OSError as error:
        raise describe_failure("write", root, error) from error
    return root


def write_houses(folder: Path, seed: int = 0) -> Path:
    """Write ``house.csv``: 400 houses with numbers, a category, a yes or no, missing cells, and ``SalePrice``.

    The logarithm of the price is linear in what the columns say, with a standard deviation of 0.1 around it.

    Returns: the file
    Raises:  UsageError if it is there; FathomError if it cannot be written
    """
    import numpy as np
    import pandas as pd

    path = _claim(folder / "house.csv")
    rng = np.random.default_rng(seed)
    area = rng.gamma(9.0, 14.0, HOUSES).round()  # m²: mean 126, standard deviation 42
    year = rng.integers(1900, 2024, HOUSES)
    town = rng.choice(["Ashby", "Milton", "Oakham", "Whitby"], HOUSES, p=[0.4, 0.3, 0.2, 0.1])
    garden = rng.choice(["yes", "no"], HOUSES)
    # part of the logarithm, so a factor of the price
    premium = pd.Series(town).map({"Ashby": 0.0, "Milton": 0.15, "Oakham": 0.3, "Whitby": 0.5}).to_numpy()
    # elasticity 0.6 of the area; 0.3 % a year
    log_price = 11.2 + 0.6 * np.log(area / 100) + 0.003 * (year - 1960) + premium + 0.1 * (garden == "yes")
    frame = pd.DataFrame(
        {
            "Id": np.arange(1, HOUSES + 1),
            "Area": area.astype(int),
            "Rooms": np.clip((area / 28 + rng.normal(0, 0.7, HOUSES)).round(), 1, 9).astype(int),  # 28 m² a room
            "YearBuilt": pd.Series(year).where(rng.random(HOUSES) > 0.05).astype("Int64"),  # one in twenty is unknown
            "Town": town,
            "Garden": pd.Series(garden).where(rng.random(HOUSES) > 0.1),  # one in ten is unknown
            # 10 % of noise: what no model can predict; to hundreds
            "SalePrice": np.exp(log_price + rng.normal(0, 0.1, HOUSES)).round(-2).astype(int),
        }
    )
    try:
        frame.to_csv(path, index=False)
    except OSError as error:
        raise describe_failure("write", path, error) from error
    return path


def write_book(folder: Path, seed: int = 0) -> Path:
    """Write ``book.txt``: 2,000 sentences of a small grammar, in which a singular noun has a singular verb.

    Returns: the file
    Raises:  UsageError if it is there; FathomError if it cannot be written
    """
    import numpy as np

    path = _claim(folder / "book.txt")
    rng = np.random.default_rng(seed)
    text = " ".join(_sentence(rng) for _ in range(SENTENCES))
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise describe_failure("write", path, error) from error
    return path


WRITERS: dict[str, Callable[[Path, int], Path]] = {"photos": write_photos, "house": write_houses, "book": write_book}
NEXT = {
    "photos": "fathom train {path}",
    "house": "fathom train {path} --target SalePrice --log-target",
    "book": "fathom train gru {path} --level char --epochs 5",
}


def _claim(path: Path) -> Path:
    """Return the path, if nothing stands there: what a user has is never overwritten by a sample."""
    if path.exists():
        raise UsageError(f"{path} exists already; name another folder: --out DIR")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise describe_failure("write", path, error) from error
    return path


def _draw(shape: str, rng: np.random.Generator) -> Image:
    import numpy as np
    from PIL import Image, ImageDraw

    width, height = 72, 54  # no square: what resizes has to do with the aspect ratio
    ground, ink = rng.integers(60, 196, 3), rng.integers(0, 256, 3)  # a middling ground: ink may be darker or lighter
    while np.abs(ground - ink).max() < 90:  # else nobody could see the shape
        ink = rng.integers(0, 256, 3)
    image = Image.new("RGB", (width, height), tuple(ground.tolist()))
    radius = int(rng.integers(12, 24))
    x, y = (int(rng.integers(radius, side - radius)) for side in (width, height))  # wholly inside the picture
    draw, fill = ImageDraw.Draw(image), tuple(ink.tolist())
    if shape == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    else:
        sides = 4 if shape == "square" else 3
        # up to 15 degrees: a square stays no diamond
        draw.regular_polygon((x, y, radius), sides, rotation=int(rng.integers(-15, 16)), fill=fill)
    # standard deviation 12 of 255
    noisy = np.asarray(image) + rng.normal(0, 12, (height, width, 3))  # (H, W, 3)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _sentence(rng: np.random.Generator) -> str:
    is_plural = bool(rng.integers(2))
    noun = rng.choice(["sailor", "gardener", "teacher", "river", "lantern", "letter"])
    verb = rng.choice(["wait", "sing", "move", "shine", "dream"])
    place = rng.choice(["near the harbour", "in the garden", "under the old bridge", "behind the school", "at night"])
    adjective = rng.choice(["quiet", "small", "tired", "bright", ""])  # "": no adjective
    subject = " ".join(filter(None, ["The", str(adjective), f"{noun}s" if is_plural else str(noun)]))
    return f"{subject} {verb if is_plural else f'{verb}s'} {place}."
