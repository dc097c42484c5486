"""Settings are closed once, and what the data is is asked once: counted in a real run."""

from collections import Counter

import pytest

from fathom.build import configure as configuring
from fathom.build.kinds import detection
from fathom.cli.main import main
from fathom.data.sources import catalog


@pytest.fixture
def counted(monkeypatch):
    calls = Counter()

    def count(module, name):
        function = getattr(module, name)

        def counting(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    for module, name in (
        (configuring, "resolve"),
        (configuring, "find_kind"),
        (detection, "_look"),
        (catalog, "names"),
    ):
        count(module, name)
    return calls


def test_a_training_closes_its_settings_once(counted, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "softmax", "--data", "digits", "--fast-dev-run"]) == 0
    assert counted == {"resolve": 1, "find_kind": 1, "_look": 1, "names": 1}
