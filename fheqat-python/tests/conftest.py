"""Files that an earlier build wrote, and a server process that runs their models."""

import os
import pathlib
import shutil
import subprocess

import pytest

FORMATS = pathlib.Path(__file__).parents[2] / "tests" / "formats" / "8"


def file(name):
    return (FORMATS / name).read_bytes()


class Server:
    """`fheqat serve` on a free port, with a token."""

    def __init__(self, folder):
        self.command = os.environ["FHEQAT_COMMAND"]
        self.folder = folder
        for model in ["flat", "table"]:
            (folder / "models" / model).mkdir(parents=True)
            for half in ["client", "server"]:
                shutil.copy(FORMATS / f"{model}.{half}", folder / "models" / model / f"1.{half}")
        self.tokens = folder / "tokens"
        self.token = self.run("token", "tester", "--file", self.tokens)
        self.process = None

    def run(self, *words):
        done = subprocess.run([self.command, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def start(self, listen="127.0.0.1:0"):
        words = ["serve", "--listen", listen, "--tokens", self.tokens]
        words += ["--models", self.folder / "models", "--state", self.folder / "state"]
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen([self.command, *words], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), (line, (self.folder / "log").read_text())
        self.url = line.removeprefix("listening on ").strip()
        return self

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop()
