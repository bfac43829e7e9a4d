"""The virtual environment of the peers and of the oracle, under `target/`, with pinned versions."""

import fcntl
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = pathlib.Path(__file__).resolve().parent / "requirements.txt"
FOLDER = ROOT / "target" / "peers-venv"


def python(folder: pathlib.Path = FOLDER) -> pathlib.Path:
    """The environment's Python, made and filled where it is not yet, or has other versions."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Tests run at the same time: one of them makes it, the others wait.
    with open(folder.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return filled_with_requirements(folder)


def filled_with_requirements(folder: pathlib.Path) -> pathlib.Path:
    program = folder / "bin" / "python"
    filled = folder / "filled-with.txt"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if not filled.is_file() or filled.read_text(encoding="utf-8") != wanted:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS],
            check=True, stdout=sys.stderr,
        )
        filled.write_text(wanted, encoding="utf-8")
    return program


if __name__ == "__main__":
    print(python())
