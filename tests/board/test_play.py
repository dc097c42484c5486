"""The playground: what is trained there, under control, is what the trainer makes without it, to the bit."""

import json
import queue
import shlex
import threading

import numpy as np
import pytest

pytest.importorskip("starlette")
from fathom.board.play.copies import as_command, as_python
from fathom.board.play.parts import digest, losses, train_to
from fathom.board.play.points import make_points
from fathom.board.play.session import Session
from fathom.board.play.settings import PlaySettings, read_query
from fathom.cli.main import main
from fathom.errors import UsageError

QUERIES = [
    "",
    "points=spiral&layers=8,8&features=x,y,sin x,sin y&activation=relu&optimizer=adam&lr=0.03&schedule=cosine",
    "points=xor&layers=3&batch_norm=1&dropout=0.2&optimizer=nesterov&weight_decay=0.01&init=kaiming_normal&seed=5",
    "points=circle&layers=&noise=0.3&features=x²,y²&optimizer=rmsprop&lr=0.01&batch_size=7",
    "points=digits&layers=8&activation=gelu&optimizer=adamw",
    "points=given&num_points=20&batch_size=4&given=" + json.dumps([[i / 10, i % 3, i % 2] for i in range(20)]),
]


@pytest.mark.parametrize("query", QUERIES)
def test_settings_stand_in_the_address(query):
    settings = read_query(query)
    assert read_query(settings.to_query()) == settings


@pytest.mark.parametrize(
    "query",
    ["points=mars", "layers=9", "layers=1,1,1,1,1,1,1", "lr=nan", "lr=x", "features=", "nothing=1", "epochs=0",
     "points=given", "points=given&given=[[1,2,0]]", "given=[[", "points=given&given=" + "[" * 5000, "dropout=1"],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_in_one_line(query):
    with pytest.raises(UsageError):
        read_query(query)


@pytest.mark.parametrize("points", ["circle", "xor", "moons", "spiral", "digits"])
def test_points_follow_from_the_seed(points):
    X, y = make_points(PlaySettings(points=points, num_points=100, seed=3))
    again, _ = make_points(PlaySettings(points=points, num_points=100, seed=3))
    other, _ = make_points(PlaySettings(points=points, num_points=100, seed=4))
    assert X.shape == (100, 64 if points == "digits" else 2)
    assert X.dtype == np.float32
    assert np.array_equal(X, again)
    assert not np.array_equal(X, other)
    assert len(set(y)) == (10 if points == "digits" else 2)


class Played:
    """A session in a thread, as its process runs it."""

    def __init__(self):
        self.commands, self.frames = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=Session(self.commands, self.frames.put).run, daemon=True)
        self.thread.start()

    def do(self, **command):
        self.commands.put(command)

    def until(self, is_wanted):
        while not is_wanted(frame := self.frames.get(timeout=30)):
            pass
        return frame

    def stands_at(self, step):
        return self.until(lambda frame: frame.get("step") == step and not frame["running"])

    def end(self):
        self.do(do="end")
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()


@pytest.fixture
def played():
    found = Played()
    yield found
    found.end()


@pytest.mark.parametrize("query", QUERIES[1:3])
def test_steps_back_and_forth_lead_where_training_straight_on_does(played, query):
    settings = read_query(query)
    played.do(do="settings", query=query)
    played.until(lambda frame: frame["event"] == "start" and frame["query"] == settings.to_query())
    first = played.stands_at(0)
    played.do(do="speed", steps=1)
    played.do(do="run")
    frame = played.until(lambda frame: frame.get("step", 0) >= 45)
    played.do(do="pause")
    frame = played.until(lambda frame: frame["event"] == "frame" and not frame["running"])
    at = frame["step"]
    trainer, module, data = train_to(settings, at)
    assert frame["digest"] == digest(module)
    assert frame["val_loss"] == pytest.approx(losses(module, data)["val_loss"], abs=1e-7)
    played.do(do="back", **{"from": at})
    back = played.stands_at(at - 1)
    assert back["digest"] == digest(train_to(settings, at - 1)[1])
    played.do(do="step")
    assert played.stands_at(at)["digest"] == frame["digest"]
    played.do(do="reset")
    assert played.stands_at(0)["digest"] == first["digest"] == digest(train_to(settings, 0)[1])
    assert trainer.step == at


@pytest.mark.parametrize("query", QUERIES)
def test_the_copies_give_the_same_weights(capsys, query):
    settings = read_query(query)
    _, module, _ = train_to(settings, 12)
    assert main(shlex.split(as_command(settings, 12))[1:]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == digest(module)
    exec(compile(as_python(settings, 12), "copied", "exec"), {})
    assert capsys.readouterr().out.split()[-1] == digest(module)


def test_a_network_that_diverges_is_told_and_can_be_set_anew(played):
    played.do(
        do="settings", query="points=spiral&activation=linear&lr=100&layers=8,8,8&init=normal:1&features=x,y,x²,y²"
    )
    played.until(lambda frame: frame.get("step") == 0)
    played.do(do="run")
    found = played.until(lambda frame: frame["event"] == "failed" or frame.get("comments"))
    assert found["event"] == "failed" or any(c["code"] == "lr.too_high" for c in found["comments"])
    played.do(do="settings", query="points=xor")
    assert played.until(lambda frame: frame["event"] == "start" and "xor" in frame["query"])


def test_zero_weights_are_commented(played):
    played.do(do="settings", query="init=zeros")
    played.until(lambda frame: frame["event"] == "start" and "zeros" in frame["query"])
    played.do(do="step")
    frame = played.stands_at(1)
    assert len(frame["gradients"]) == 3
    assert "init.symmetric" in {comment["code"] for comment in frame["comments"]}
