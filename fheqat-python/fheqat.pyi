"""Encrypted predictions by a service that sees ciphertexts only."""

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, Optional, Union, final

import numpy as np
import numpy.typing as npt

_Path = Union[str, PathLike[str]]
# A matrix of numbers, anything that numpy makes one of, or a frame of pandas.
_Samples = Any
_Text = Iterable[Sequence[object]]

__version__: str

class Error(Exception):
    """Any error of fheqat; the message says what to do."""

class InputError(Error):
    """A sample that the model cannot take."""

class DamagedError(Error):
    """Bytes or a file that are damaged, or something else than expected."""

class MismatchError(Error):
    """A model, keys or ciphertexts that do not belong together."""

class ServiceError(Error):
    """The service refuses a request, or gives an answer that cannot be used."""

    code: Optional[str]

class UnreachableError(ServiceError):
    """No request got through to the service."""

class DeadlineError(ServiceError):
    """The time that a call may take is over."""

@final
class ClientHalf:
    """The half of a model that its clients hold: how samples are encoded and results are read, but no weights. Public."""

    @staticmethod
    def load(path: _Path) -> ClientHalf: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> ClientHalf: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: _Path) -> None: ...
    def keygen(self) -> tuple[ClientKey, EvaluationKeys]: ...
    @property
    def model(self) -> str: ...
    @property
    def features(self) -> list[str]: ...
    @property
    def outputs(self) -> int: ...
    @property
    def classes_(self) -> npt.NDArray[Any]: ...

@final
class ClientKey:
    """A secret key: it encrypts and decrypts for every model of its parameters. Never give it to a server."""

    @staticmethod
    def load(path: _Path) -> ClientKey: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> ClientKey: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: _Path) -> None: ...
    @property
    def id(self) -> str: ...

@final
class EvaluationKeys:
    """What a server needs to compute under a client's key. Public; some megabytes."""

    @staticmethod
    def load(path: _Path) -> EvaluationKeys: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> EvaluationKeys: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: _Path) -> None: ...
    @property
    def id(self) -> str: ...

@final
class EncryptedInput:
    """An encrypted sample."""

    @staticmethod
    def from_bytes(bytes: bytes) -> EncryptedInput: ...
    def to_bytes(self) -> bytes: ...
    @property
    def model(self) -> str: ...
    @property
    def key(self) -> str: ...

@final
class EncryptedOutput:
    """The encrypted prediction for a sample."""

    @staticmethod
    def from_bytes(bytes: bytes) -> EncryptedOutput: ...
    def to_bytes(self) -> bytes: ...
    @property
    def model(self) -> str: ...
    @property
    def key(self) -> str: ...

@final
class Client:
    """The client half of a model and a secret key: encrypts samples and decrypts predictions."""

    def __new__(cls, half: ClientHalf, key: ClientKey) -> Client: ...
    def encrypt(self, samples: _Samples) -> list[EncryptedInput]: ...
    def encrypt_text(self, samples: _Text) -> list[EncryptedInput]: ...
    def decrypt(self, results: Sequence[EncryptedOutput]) -> npt.NDArray[np.float32]: ...
    def decrypt_proba(self, results: Sequence[EncryptedOutput]) -> npt.NDArray[np.float32]: ...
    def decrypt_predictions(self, results: Sequence[EncryptedOutput]) -> npt.NDArray[Any]: ...
    @property
    def classes_(self) -> npt.NDArray[Any]: ...

@final
class RemoteModel:
    """A model that a service runs, which sees ciphertexts only."""

    def __new__(
        cls,
        url: str,
        name: str,
        token: Optional[str] = None,
        *,
        keys: _Path,
        version: Optional[int] = None,
        deadline: float = 600.0,
        certificates: Optional[_Path] = None,
    ) -> RemoteModel: ...
    def predict(self, samples: _Samples) -> npt.NDArray[Any]: ...
    def predict_proba(self, samples: _Samples) -> npt.NDArray[np.float32]: ...
    def decision_function(self, samples: _Samples) -> npt.NDArray[np.float32]: ...
    def predict_text(self, samples: _Text) -> npt.NDArray[Any]: ...
    @property
    def classes_(self) -> npt.NDArray[Any]: ...
    @property
    def client_half(self) -> ClientHalf: ...
