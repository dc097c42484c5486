"""What the board changes: notes, trash, a stop; and what its stream tells of them."""

import json
import socket

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("starlette")
import fathom
from fathom.build import stop_request
from fathom.build.stop_request import StopOnRequest
from fathom.runs.folder.lock import lock_run
from fathom.runs.folder.stopping import FILE, ask_to_stop
from fathom.training.callbacks import Callback
from fathom.training.signals import Interrupted


@pytest.fixture
def client(serve, runs_folder):
    found = serve(runs_folder).log_in()
    found.root = runs_folder
    return found


def test_notes_and_tags_are_kept_and_shown(client):
    run = client.first_id("141500")
    answer = client.post(f"/api/runs/{run}/mark", {"note": "<b>good</b>", "tags": ["a", " b "]})
    assert answer.json() == {"note": "<b>good</b>", "tags": ["a", "b"]}
    assert client.post(f"/api/runs/{run}/mark", {"note": "x" * 5000}).status == 409
    client.board.index.refresh(force=True)
    row = next(row for row in client.get("/api/runs").json()["rows"] if row["id"] == run)
    assert (row["note"], row["tags"]) == ("<b>good</b>", ["a", "b"])


def test_a_deleted_run_lies_in_the_trash_and_comes_back(client):
    run = client.first_id("141500")
    trashed = client.post(f"/api/runs/{run}/delete").json()
    assert [row["name"][:15] for row in client.get("/api/runs").json()["rows"]] == ["20250302-090000"]
    assert client.get("/api/trash").json() == [trashed]
    assert client.get(f"/api/runs/{run}/history").status == 404
    assert client.post(f"/api/trash/{trashed['id']}").json()["id"] == run
    assert client.first_id("141500") == run


def test_a_run_that_is_trained_can_be_stopped_and_not_deleted(client):
    run, folder = client.first_id("090000"), client.root / "20250302-090000-lenet-fashion_mnist"
    assert client.post(f"/api/runs/{run}/stop").status == 409  # killed: nobody would hear it
    with lock_run(folder):
        assert client.post(f"/api/runs/{run}/delete").status == 409
        assert client.post(f"/api/runs/{run}/stop").status == 200
    assert (folder / FILE).exists()


def test_training_ends_when_its_folder_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(stop_request, "_EVERY_S", 0.0)

    class Ask(Callback):
        def on_epoch_end(self, trainer, record):
            ask_to_stop(tmp_path)

    ask_to_stop(tmp_path)  # one that an earlier training left is not meant
    X = torch.randn(64, 3)
    loader = DataLoader(TensorDataset(X, (X[:, 0] > 0).long()), batch_size=8)
    trainer = fathom.Trainer(9, callbacks=[StopOnRequest(tmp_path), Ask()], out=tmp_path, device="cpu")
    module = fathom.Classifier(torch.nn.Linear(3, 2), lr=0.1)
    with pytest.raises(Interrupted, match="a checkpoint is saved"):
        trainer.fit(module, loader)
    assert trainer.epoch == 1
    assert not (tmp_path / FILE).exists()


def read_events(client, at, until):
    """Read a stream until an event of this name; return all events as (name, id, content)."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as stream:
        lines = [f"GET /api/stream?at={at} HTTP/1.1", f"Host: {client.host}", f"Cookie: {client.cookie}", "", ""]
        stream.sendall("\r\n".join(lines).encode())
        text = ""
        while f"event: {until}\n" not in text or not text.endswith("\r\n"):
            text += stream.recv(1 << 16).decode()
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "event" in fields:
            events.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return events


def test_a_stream_tells_what_is_new_and_nothing_twice(client):
    client.board.index.refresh(force=True)
    run, folder = client.first_id("090000"), client.root / "20250302-090000-lenet-fashion_mnist"
    at = client.get("/api/runs").json()["at"]
    offset = client.get(f"/api/runs/{run}/history").json()["offset"]
    assert offset == (folder / "metrics.jsonl").stat().st_size
    record = {"event": "step", "step": 900, "epoch": 4.2, "train_loss": 0.5}
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    events = read_events(client, f"{at},{run}:{offset}", "records")
    assert [content["records"] for name, _, content in events if name == "records"] == [[record]]
    assert not any(name == "runs" for name, _, _ in events)  # no line of the table changed
    last = events[-1][1]
    assert last.endswith(f"{run}:{(folder / 'metrics.jsonl').stat().st_size}")  # where a reconnecting browser goes on
    client.post(f"/api/runs/{run}/mark", {"note": "n"})
    events = read_events(client, last, "runs")
    assert [name for name, _, _ in events if name == "records"] == []
    assert [row["note"] for name, _, content in events if name == "runs" for row in content["rows"]] == ["n"]
