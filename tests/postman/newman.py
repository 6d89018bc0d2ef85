"""newman, which runs the Postman collection against a stack, and what it found."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "postman"
COLLECTION = FOLDER / "vestnik.postman_collection.json"
ENVIRONMENT = FOLDER / "vestnik.postman_environment.json"


@dataclass(frozen=True)
class Found:
    """What came of a run."""

    requests: int
    assertions: int
    #: Each as `request: test: what was wrong`.
    failures: list[str]

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.assertions} assertions, {len(self.failures)} failed"
        )


def ensure() -> Path:
    """newman's script; without npm the test fails in CI and is skipped elsewhere."""
    script = FOLDER / "node_modules" / "newman" / "bin" / "newman.js"
    if shutil.which("npm") is None:
        _missing("npm is not installed")
    if not script.exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, timeout=180)
        if done.returncode:
            _missing("the npm package newman cannot be installed")
    return script


def run(address: str, key: str, report: Path) -> Found:
    """Run the whole collection, in its order."""
    command = ["node", "--no-deprecation", str(ensure()), "run", str(COLLECTION)]
    command += ["--environment", str(ENVIRONMENT)]
    command += ["--env-var", f"address={address}", "--env-var", f"key={key}"]
    command += ["--reporters", "json", "--reporter-json-export", str(report)]
    command += ["--timeout", "180000", "--timeout-request", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert report.exists(), done.stdout + done.stderr
    return _read(json.loads(report.read_text())["run"])


def _read(run: dict[str, Any]) -> Found:
    failures = [
        f"{failure.get('source', {}).get('name', '?')}: {failure['error'].get('test', '')}: "
        f"{failure['error']['message']}"
        for failure in run["failures"]
    ]
    stats = run["stats"]
    return Found(stats["requests"]["total"], stats["assertions"]["total"], failures)


def _missing(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)
