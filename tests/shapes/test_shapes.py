"""Every public function and layer on tensors says its shapes, and a real call agrees."""

import runpy
from pathlib import Path

import pytest

TABLE = runpy.run_path(str(Path(__file__).with_name("calls.py")))
CALLS, REASONS, CHECKER = TABLE["CALLS"], TABLE["REASONS"], TABLE["CHECKER"]
MEMBERS = CHECKER["members"](TABLE["MODULES"])


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in REASONS])
def test_the_shapes_are_true(name):
    assert name in CALLS, "say in tests/shapes/calls.py how to call it, or why it has no shapes"
    CHECKER["check"](MEMBERS[name], CALLS[name]())


def test_the_table_names_nothing_that_is_not_there():
    assert set(CALLS) | set(REASONS) <= set(MEMBERS)
    assert not set(CALLS) & set(REASONS)


def test_members_are_found():
    """The walk itself: functions, layers, methods and builders of a module are among them, private names are not."""
    found = CHECKER["members"](["fathom.models.resnet", "fathom.data.images.augment.augmentation"])
    names = {name.partition(":")[2] for name in found}
    assert {"resnet", "shortcut", "BasicBlock", "Flip", "ResizedCrop.draw_boxes"} <= names
    assert not any(name.startswith("_") or "Augmentation" in name for name in names)
