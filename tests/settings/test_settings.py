"""A choice of settings: what is no value of any."""

import pytest

from fathom.errors import UsageError
from fathom.settings.reading import read_settings


@pytest.mark.parametrize("text", [r'name: "\ud800"', r'options: {target: "\udc80"}'])
def test_what_is_no_text_is_refused(tmp_path, text):
    (tmp_path / "c.yaml").write_text(f"data:\n  {text}\n")
    with pytest.raises(UsageError, match="not valid YAML"):
        read_settings(tmp_path / "c.yaml")
