"""Groups of images told from their names, such as ``patient12_left.png``. Torch-free."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.errors import UsageError
from fathom.phrases import counted


def group_by_name(files: ImageFiles, pattern: str) -> ImageFiles:
    r"""Return the files with the groups that a regular expression finds in their paths.

    The path is that from the folder that holds all of them on, with ``/``; what the first parentheses match is the
    group, or all that matches where there are none. Files without a match stand alone.

    Raises:  UsageError for what is no regular expression, or matches no name
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--group-by-name {pattern}: not a regular expression ({error})") from None
    splits = [part for part in (files.train, files.val, files.test) if part is not None]
    paths = [path for part in splits for path in part.paths]
    root = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""

    def find(part: FileList) -> FileList:
        found = (expression.search(os.path.relpath(path, root).replace(os.sep, "/")) for path in part.paths)
        groups = (match and match.group(min(1, expression.groups)) for match in found)
        return replace(part, groups=tuple(group or "" for group in groups), times=None)

    grouped = [None if part is None else find(part) for part in (files.train, files.val, files.test)]
    unmatched = sum(group == "" for part in grouped if part is not None for group in part.groups or ())
    if unmatched == len(paths):
        example = os.path.relpath(paths[0], root) if paths else ""
        raise UsageError(f"--group-by-name {pattern}: matches no name; the first is {example}")
    notes = [f"groups: {counted(unmatched, 'name')} without a match of {pattern}"] if unmatched else []
    assert grouped[0] is not None
    return replace(
        files,
        train=grouped[0],
        val=grouped[1],
        test=grouped[2],
        cut_by=f"names, {pattern}",
        notes=(*files.notes, *notes),
    )
