"""Files, keys and ciphertexts, without a network."""

import json
import stat
import threading
import time

import numpy as np
import pytest

import fheqat
from conftest import FORMATS, file


def client(model):
    half = fheqat.ClientHalf.load(FORMATS / f"{model}.client")
    return fheqat.Client(half, fheqat.ClientKey.load(FORMATS / f"{model}.key"))


@pytest.mark.parametrize("model", ["deep", "flat", "table"])
def test_results_of_earlier_builds_decrypt(model):
    result = fheqat.EncryptedOutput.from_bytes(file(f"{model}.output"))
    values = client(model).decrypt([result, result])
    assert values.shape == (2, 2) and values.dtype == np.float32
    probabilities = client(model).decrypt_proba([result])
    np.testing.assert_allclose(probabilities, np.exp(values[:1]) / np.exp(values[:1]).sum(), rtol=1e-5)
    assert client(model).decrypt_predictions([result]) == client(model).classes_[values[:1].argmax(axis=1)]


def test_a_result_is_what_its_circuit_gave():
    _, _, values, label = json.loads(file("table.json"))[0]
    result = fheqat.EncryptedOutput.from_bytes(file("table.output"))
    np.testing.assert_array_equal(client("table").decrypt([result]), np.float32([values]))
    assert list(client("table").decrypt_predictions([result])) == [label]


def test_what_is_read_is_written_again(tmp_path):
    kinds = {
        "client": fheqat.ClientHalf,
        "key": fheqat.ClientKey,
        "keys": fheqat.EvaluationKeys,
        "input": fheqat.EncryptedInput,
        "output": fheqat.EncryptedOutput,
    }
    for kind, of in kinds.items():
        read = of.from_bytes(file(f"flat.{kind}"))
        assert read.to_bytes() == file(f"flat.{kind}")
        if hasattr(of, "save"):
            path = tmp_path / kind
            read.save(path)
            assert path.read_bytes() == file(f"flat.{kind}")
            assert of.load(str(path)).to_bytes() == file(f"flat.{kind}")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_halves_say_what_they_are_of():
    half = fheqat.ClientHalf.load(FORMATS / "table.client")
    assert half.features == ["width", "colour"]
    assert list(half.classes_) == ["green", "ripe"]
    assert half.outputs == 2
    assert len(half.model) == 24 and half.model in repr(half)
    assert "secret" not in repr(fheqat.ClientKey.load(FORMATS / "table.key"))


def test_damaged_bytes_are_refused():
    for kind, of in [
        ("client", fheqat.ClientHalf),
        ("key", fheqat.ClientKey),
        ("keys", fheqat.EvaluationKeys),
        ("input", fheqat.EncryptedInput),
        ("output", fheqat.EncryptedOutput),
    ]:
        whole = file(f"flat.{kind}")
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 1
        for wrong in [b"", whole[:-1], bytes(damaged), file("flat.server")]:
            with pytest.raises(fheqat.DamagedError):
                of.from_bytes(wrong)
    with pytest.raises(fheqat.Error, match="nowhere"):
        fheqat.ClientHalf.load("nowhere")


def test_keys_and_models_belong_together():
    flat, deep = client("flat"), client("deep")
    with pytest.raises(fheqat.MismatchError, match="make keys with the client half"):
        fheqat.Client(fheqat.ClientHalf.load(FORMATS / "deep.client"), fheqat.ClientKey.load(FORMATS / "flat.key"))
    with pytest.raises(fheqat.MismatchError, match="belongs to model"):
        deep.decrypt([fheqat.EncryptedOutput.from_bytes(file("flat.output"))])
    half = fheqat.ClientHalf.load(FORMATS / "flat.client")
    key, evaluation = half.keygen()
    assert key.id == evaluation.id
    with pytest.raises(fheqat.MismatchError, match="made under key"):
        fheqat.Client(half, key).decrypt([fheqat.EncryptedOutput.from_bytes(file("flat.output"))])
    with pytest.raises(fheqat.Error):
        flat.decrypt([])


def test_samples_that_do_not_fit_are_refused():
    flat = client("flat")
    inputs = flat.encrypt(np.array([[0.2, 0.7], [0.1, 0.3]]))
    assert [one.model for one in inputs] == [fheqat.ClientHalf.load(FORMATS / "flat.client").model] * 2
    assert inputs[0].to_bytes() != flat.encrypt([[0.2, 0.7]])[0].to_bytes()
    for wrong in [[0.2, 0.7], [[0.2]], [[[0.2, 0.7]]], [["a", "b"]], [[np.inf, 0]], np.zeros((0, 2)), None]:
        with pytest.raises(fheqat.InputError):
            flat.encrypt(wrong)
    with pytest.raises(fheqat.InputError, match="sample 1"):
        flat.encrypt([[0.2, 0.7], [0.2, np.inf]])
    with pytest.raises(fheqat.InputError, match="no number"):
        flat.encrypt_text([["0.2", "much"]])


def test_other_threads_go_on_while_keys_are_made():
    half = fheqat.ClientHalf.load(FORMATS / "deep.client")
    done = threading.Event()
    made = []

    def make():
        made.append(half.keygen())
        done.set()

    thread = threading.Thread(target=make)
    started = time.monotonic()
    thread.start()
    steps = 0
    while not done.is_set():
        time.sleep(0.001)
        steps += 1
    thread.join()
    elapsed = time.monotonic() - started
    assert made[0][0].id == made[0][1].id
    # Keys take a second of computing. A thread that holds the lock lets this one take a step or two.
    assert steps > 20, f"{steps} steps in {elapsed} s"
