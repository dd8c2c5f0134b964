"""Frames of pandas: columns by name, categories as text. A server decides what was encrypted."""

import json

import numpy as np
import pandas as pd
import pytest

import fheqat
from conftest import file

CASES = json.loads(file("table.json"))
EXPECTED = np.float32([values for _, _, values, _ in CASES])


@pytest.fixture(scope="module")
def model(server, tmp_path_factory):
    keys = tmp_path_factory.mktemp("table")
    return fheqat.RemoteModel(server.url, "table", server.token, keys=keys)


def frame():
    width = [float(cells[0]) if cells[0] else None for cells, *_ in CASES]
    return pd.DataFrame({"width": width, "colour": [cells[1] for cells, *_ in CASES]})


def test_predictions_are_those_of_the_circuit(model):
    classes = [label for *_, label in CASES]
    assert {"ripe", "green"} == set(classes)
    np.testing.assert_array_equal(model.decision_function(frame()), EXPECTED)
    assert list(model.predict(frame())) == classes
    assert list(model.predict_text([cells for cells, *_ in CASES])) == classes
    assert list(model.classes_) == ["green", "ripe"]
    probabilities = model.predict_proba(frame())
    assert probabilities.shape == (len(CASES), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert list(model.classes_[probabilities.argmax(axis=1)]) == classes


def test_columns_are_found_by_name(model):
    table = frame()
    table["more"] = 1
    np.testing.assert_array_equal(model.decision_function(table[["more", "colour", "width"]]), EXPECTED)
    table.index = range(100, 100 + len(table))
    np.testing.assert_array_equal(model.decision_function(table), EXPECTED)


@pytest.mark.parametrize("colour", ["category", "string", "object"])
@pytest.mark.parametrize("width", ["float64", "Float32", "object"])
def test_columns_may_have_any_type(model, colour, width):
    table = frame().astype({"colour": colour, "width": width})
    np.testing.assert_array_equal(model.decision_function(table), EXPECTED)


def test_arrays_have_the_index_of_a_category(model):
    names = ["blue", "green", "red"]
    index = [names.index(colour) if colour in names else 3 for colour in frame()["colour"]]
    array = np.column_stack([frame()["width"], index])
    np.testing.assert_array_equal(model.decision_function(array), EXPECTED)
    np.testing.assert_array_equal(model.decision_function(array.astype("float32", order="F")), EXPECTED)


def test_missing_cells_are_missing(model):
    table = pd.DataFrame({"width": [3.0, 3.0, 3.0], "colour": [None, np.nan, pd.NA]})
    text = model.client_half
    assert text.features == ["width", "colour"]
    values = model.decision_function(table)
    assert (values == values[0]).all()


def test_frames_that_do_not_fit_are_refused(model):
    table = frame()
    with pytest.raises(fheqat.InputError, match="no column `colour`, only `width`"):
        model.predict(table[["width"]])
    with pytest.raises(fheqat.InputError, match="several columns `width`"):
        model.predict(pd.concat([table, table[["width"]]], axis=1))
    with pytest.raises(fheqat.InputError, match="`width` is no numbers"):
        model.predict(table.assign(width="wide"))
    with pytest.raises(fheqat.InputError):
        model.predict(table[:0])
