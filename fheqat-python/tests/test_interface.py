"""What the server does is what its `/openapi.json` says: requests that a program draws from it."""

import json
import pathlib
import subprocess
import sys
import urllib.request

import openapi_spec_validator

# Left out are what a body of bytes cannot say: that inputs are those of a model, and that an upload ends where it does.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
]


def document(server):
    with urllib.request.urlopen(server.url + "/openapi.json") as answer:
        return json.load(answer)


def test_the_document_is_valid(server):
    openapi_spec_validator.validate(document(server))


def test_answers_are_those_of_the_document(server, tmp_path):
    command = pathlib.Path(sys.executable).with_name("schemathesis")
    words = [command, "run", server.url + "/openapi.json", "--header", f"Authorization: Bearer {server.token}"]
    words += ["--checks", ",".join(CHECKS), "--max-examples", "30", "--seed", "1", "--no-color"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 15" in done.stdout, done.stdout[-3000:]
