"""`fathom serve`: the predictions are those of `fathom predict`; what is wrong with a request is said in one line."""

import asyncio
import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image

import fathom
from fathom.serving.app import make_app
from fathom.serving.batching import Batcher
from fathom.serving.served import open_served
from fathom.web.guard import Refusal, listed_hosts

HOSTS = listed_hosts(["127.0.0.1"], 8000)
TOKEN = {"authorization": "Bearer secret-token"}


def talk(model, *requests, headers=TOKEN, token="secret-token"):
    """Send requests to a served model, all at once; return the answers."""
    app = make_app(open_served(model, "cpu"), HOSTS, token=token)

    async def send():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers) as client:
            return await asyncio.gather(*(client.request(method, url, **rest) for method, url, rest in requests))

    return asyncio.run(send())


def post(**rest):
    return ("POST", rest.pop("url", "/predict"), rest)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(0)
    return [png(rng.integers(0, 255, (8, 8), dtype=np.uint8)) for _ in range(3)]


def test_images_in_three_forms(served_runs, digits, tmp_path):
    run = served_runs["image"]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, content in zip(paths, digits, strict=True):
        path.write_bytes(content)
    expected = [(row["label"], float(row["probability"])) for row in fathom.load(run).predict(paths)]
    coded = [base64.b64encode(content).decode() for content in digits]
    form = [("file", (f"{i}.png", content, "image/png")) for i, content in enumerate(digits)]
    answers = talk(
        run,
        post(json={"images": coded}),
        post(files=form),
        post(content=digits[0], headers={"content-type": "image/png"}),
        post(json={"images": [f"data:image/png;base64,{coded[0]}"]}, url="/predict?top=3"),
    )
    found = [[(row["label"], row["probability"]) for row in answer.json()["predictions"]] for answer in answers]
    assert found[0] == found[1] == [(label, pytest.approx(p, abs=1e-5)) for label, p in expected]
    assert found[2] == found[3] == found[0][:1]
    assert "probability_3" in answers[3].json()["predictions"][0]


def test_rows_as_objects_and_as_csv(served_runs):
    run = served_runs["table"]
    csv = "town,size\nAmes,50\nNowhere,61.5\n"
    objects, file, partial = talk(
        run,
        post(json={"rows": [{"size": 50, "town": "Ames"}, {"size": "61.5", "town": "Nowhere"}]}),
        post(content=csv, headers={"content-type": "text/csv; charset=utf-8"}),
        post(json=[{"size": "large", "town": "Ames"}, {"town": "Boone"}, 7]),
    )
    assert objects.json() == file.json()
    import pandas as pd

    frame = pd.DataFrame({"size": [50.0, 61.5], "town": ["Ames", "Nowhere"]})
    expected = [row["price"] for row in fathom.load(run).predict(frame)]
    assert [row["price"] for row in objects.json()["predictions"]] == pytest.approx(expected, rel=1e-5)
    invalid, missing, no_row = partial.json()["predictions"]
    assert "size: 'large' is not a number" in invalid["error"]
    assert "price" in missing  # as a file with an empty cell
    assert "a row is an object" in no_row["error"]


def test_texts_and_vectors(served_runs, tmp_path):
    line = "the traveller had"
    (tmp_path / "line.txt").write_text(line)
    (expected,) = fathom.load(served_runs["text"]).predict(tmp_path / "line.txt")
    as_json, plain = talk(
        served_runs["text"],
        post(json={"texts": [line, ""]}),
        post(content=f"{line}\n\n", headers={"content-type": "text/plain"}),
    )
    first, second = as_json.json()["predictions"]
    assert first["perplexity"] == pytest.approx(expected["perplexity"])
    assert second == {"error": "too short to score"}
    assert plain.json()["predictions"] == [first]

    X = np.random.default_rng(1).normal(size=(4, 3))
    expected = [row["label"] for row in fathom.load(served_runs["vector"]).predict(X)]
    answer, wrong = talk(served_runs["vector"], post(json={"inputs": X.tolist()}), post(json={"inputs": [[1, 2]]}))
    assert [row["label"] for row in answer.json()["predictions"]] == expected
    assert "has the shape (2,), and the model reads (3,)" in wrong.json()["predictions"][0]["error"]


@pytest.mark.slow  # of which nearly all is the export
def test_an_exported_model_answers_alike(served_runs, digits, tmp_path):
    pytest.importorskip("onnxruntime")
    exported = fathom.load(served_runs["image"]).export(tmp_path / "model.onnx")
    request = post(content=digits[1], headers={"content-type": "image/png"})
    (one,), (other,) = (talk(model, request) for model in (served_runs["image"], exported))
    one, other = one.json()["predictions"][0], other.json()["predictions"][0]
    assert one["label"] == other["label"]
    assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (post(content=b"x", headers={"content-type": "image/svg+xml"}), 400, "this model takes application/json"),
        (post(content=b"{"), 400, "content-type missing"),
        (post(content=b"{", headers={"content-type": "application/json"}), 400, "not JSON"),
        (post(content=b"[" * 100_000, headers={"content-type": "application/json"}), 400, "not JSON"),
        (post(json={"images": []}), 400, "no samples"),
        (post(json={"images": [""] * 257}), 413, "may have 256 samples"),
        (post(json={"images": ["x"]}, url="/predict?top=11"), 400, "the model knows 10 classes"),
        (post(json={"images": ["x"]}, url="/predict?top=-1"), 400, "whole number"),
        (post(content=b"--x", headers={"content-type": "multipart/form-data"}), 400, "no boundary"),
        (
            post(content=b"--x\r\n\r\nab", headers={"content-type": "multipart/form-data; boundary=x"}),
            400,
            "breaks off",
        ),
        (("GET", "/predict", {}), 405, "Method Not Allowed"),
        (("GET", "/../etc/passwd", {}), 404, "Not Found"),
    ],
)
def test_what_is_wrong_with_a_request(served_runs, request_, status, said):
    (answer,) = talk(served_runs["image"], request_)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_a_path_or_an_address_is_no_image(served_runs):
    (answer,) = talk(served_runs["image"], post(json={"images": ["/etc/passwd", "http://127.0.0.1/x.png", 3]}))
    assert all("base64" in row["error"] for row in answer.json()["predictions"])


def test_the_token_guards_all_but_page_and_health(served_runs):
    paths = ("/", "/page.js", "/health", "/model", "/openapi.json")
    answers = talk(served_runs["image"], *(("GET", path, {}) for path in paths), post(json={}), headers={})
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 401, 401]
    assert answers[-1].headers["www-authenticate"] == "Bearer"
    (open_,) = talk(served_runs["image"], ("GET", "/model", {}), headers={}, token=None)
    assert open_.json()["class_names"] == [str(i) for i in range(10)]


def test_the_description_names_what_is_answered(served_runs):
    for kind, noun in (("image", "images"), ("table", "rows"), ("text", "texts"), ("vector", "inputs")):
        described, model = talk(served_runs[kind], ("GET", "/openapi.json", {}), ("GET", "/model", {}))
        body = described.json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        assert noun in body["application/json"]["schema"]["properties"]
        assert sorted(body) == sorted(model.json()["content_types"])
        example = body["application/json"]["schema"]["example"]
        (answer,) = talk(served_runs[kind], post(json=example))
        assert answer.status_code == 200


def test_the_example_of_a_table_is_a_row_that_may_be(served_runs):
    (answer,) = talk(served_runs["table"], ("GET", "/model", {}))
    example = answer.json()["example"]
    assert 45 < float(example["size"]) < 55  # the mean of what was drawn
    assert example["town"] in ("Ames", "Boone")


def test_what_arrives_together_is_computed_together():
    sizes = []

    def predict(samples, top):
        sizes.append(len(samples))
        if "bad" in samples:
            raise ValueError("the model failed")
        return [{"value": sample, "top": top} for sample in samples]

    async def run():
        batcher = Batcher(predict, most=8, waiting=40)
        answers = await asyncio.gather(*(batcher.submit([i, i + 0.5], 1) for i in range(10)))
        assert [[row["value"] for row in rows] for rows in answers] == [[i, i + 0.5] for i in range(10)]
        assert sizes == [8, 8, 4]  # whole requests, up to eight samples
        failed, fine = await asyncio.gather(batcher.submit(["bad"], 1), batcher.submit([3], 2), return_exceptions=True)
        assert isinstance(failed, ValueError)
        assert fine == [{"value": 3, "top": 2}]  # another number of classes is another batch
        with pytest.raises(Refusal, match="too many samples are waiting"):
            await batcher.submit([0] * 41)
        assert batcher.num_waiting == 0

    asyncio.run(run())
