"""A model that a server process runs."""

import pathlib
import re
import stat
import threading

import numpy as np
import pytest

import fheqat
from conftest import FORMATS


def connect(server, keys, **options):
    return fheqat.RemoteModel(server.url, "flat", server.token, keys=keys, **options)


def test_a_prediction_needs_the_address_and_a_folder(server, tmp_path):
    samples = np.random.default_rng(0).uniform(-1.5, 1.5, (100, 2))
    model = connect(server, tmp_path / "keys")
    predicted = model.predict(samples)
    assert predicted.shape == (100,) and set(predicted) == set(model.classes_)
    values = model.decision_function(samples)
    np.testing.assert_array_equal(model.classes_[values.argmax(axis=1)], predicted)

    # The same keys are used again.
    [secret] = (tmp_path / "keys").glob("*.key")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    again = connect(server, str(tmp_path / "keys"), version=1)
    np.testing.assert_array_equal(again.decision_function(samples), values)
    assert len(list((tmp_path / "keys").iterdir())) == 2

    # The single steps, with the files that were made.
    half = fheqat.ClientHalf.from_bytes(model.client_half.to_bytes())
    client = fheqat.Client(half, fheqat.ClientKey.load(secret))
    assert client.encrypt(samples[:1])[0].key == secret.stem


def test_errors_say_what_the_service_says(server, tmp_path):
    with pytest.raises(fheqat.ServiceError) as error:
        fheqat.RemoteModel(server.url, "none", server.token, keys=tmp_path)
    assert error.value.code == "not_found"
    with pytest.raises(fheqat.ServiceError) as error:
        fheqat.RemoteModel(server.url, "flat", "wrong", keys=tmp_path)
    assert error.value.code == "unauthorized"
    with pytest.raises(fheqat.Error, match="no address"):
        fheqat.RemoteModel("here", "flat", keys=tmp_path)
    with pytest.raises(fheqat.UnreachableError, match="check the address") as error:
        fheqat.RemoteModel("http://127.0.0.1:9", "flat", keys=tmp_path)
    assert error.value.code is None
    with pytest.raises(fheqat.DeadlineError):
        connect(server, tmp_path, deadline=0.0)
    with pytest.raises(fheqat.Error):
        connect(server, tmp_path, deadline=-1.0)
    (tmp_path / "0.key").write_bytes(b"rubbish")
    with pytest.raises(fheqat.DamagedError, match="move it away"):
        connect(server, tmp_path)


def test_threads_share_a_model(server, tmp_path):
    model = connect(server, tmp_path)
    samples = np.random.default_rng(1).uniform(-1.5, 1.5, (30, 2))
    expected = model.predict(samples)
    results = [None] * 8

    def predict(index):
        results[index] = model.predict(samples)

    threads = [threading.Thread(target=predict, args=(index,)) for index in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_the_stubs_are_those_of_the_module():
    import ast

    stubs = ast.parse(pathlib.Path(fheqat.__file__).with_name("__init__.pyi").read_text())
    assert pathlib.Path(fheqat.__file__).with_name("py.typed").exists()
    classes = {node.name: node for node in stubs.body if isinstance(node, ast.ClassDef)}
    public = {name for name in vars(fheqat) if isinstance(getattr(fheqat, name), type)}
    assert public == set(classes)
    for name, node in classes.items():
        of = getattr(fheqat, name)
        assert of.__doc__.split("\n")[0].split(".")[0] == ast.get_docstring(node).split("\n")[0].split(".")[0]
        if issubclass(of, Exception):
            continue
        declared = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        declared -= {"__new__"}
        assert declared == {part for part in vars(of) if not part.startswith("__")}, name
        assert all(getattr(of, part).__doc__ for part in declared), name


def test_the_book_runs(server, tmp_path, monkeypatch, capsys):
    page = (FORMATS.parents[2] / "docs/book/deployment.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.S)
    for shown, real in [("https://host:8443", server.url), ("fruit", "table"), ("token", server.token)]:
        assert f'"{shown}"' in code
        code = code.replace(f'"{shown}"', repr(real))
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert re.match(r"\['(ripe|green)' '(ripe|green)'\] \[\[0", capsys.readouterr().out)
    assert len(list((tmp_path / "keys").iterdir())) == 2
