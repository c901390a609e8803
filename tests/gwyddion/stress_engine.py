#!/usr/bin/env python3
"""Stands in for the engine and does what engines should not do; which of it, $STRESS says.

Called as the module calls ``tesm``; ``$STRESS_NOTES`` is a file for what a test wants to know.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(words: list[str]) -> int:
    mode = os.environ["STRESS"]
    if words[0] == "view":
        return _view(Path(words[1]), mode)
    output = Path(words[words.index("-o") + 1])
    _note({"pid": os.getpid(), "group": os.getpgid(0), "words": words})
    if mode == "flood":  # 10 MB of progress and of one endless line, then a good result
        for step in range(10_000):
            sys.stderr.write(f"PROGRESS {step / 10_000:.4f} step {step} <b>& {'x' * 500}\n")
            sys.stdout.write("y" * 500 + "\n")
        sys.stderr.write("z" * 5_000_000)
        return _succeed(words)
    if mode == "flood-and-fail":
        for _ in range(20_000):
            sys.stderr.write("x" * 500 + "\n")
        sys.stderr.write("tesm: the last line is what counts\nPROGRESS 0.5 but not this\n\n")
        return 1
    if mode == "silent":
        return 3
    if mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "bytes":
        sys.stderr.buffer.write(b"tesm: caf\xe9 \xff\xfe is no file\n")
        return 1
    if mode == "nothing":
        return 0
    if mode == "junk":
        output.write_bytes(b"GWYPjunkjunk")
        return 0
    if mode == "quick":  # a result that somebody else has made
        shutil.copy(os.environ["STRESS_TARGET"], output)
        return 0
    if mode == "empty":
        of_3 = output.suffix == ".gwy3"
        output.write_bytes(b"GWYQGwyFile\0" + bytes(8) if of_3 else b"GWYPGwyContainer\0" + bytes(4))
        return 0
    if mode == "litter":  # what an engine that is killed leaves beside its output
        folder = output.parent
        (folder / "sub").mkdir()
        (folder / "sub" / ".out.gwy.tmp").write_bytes(b"x" * 1000)
        (folder / "link").symlink_to(os.environ["STRESS_TARGET"])
        return 1
    if mode == "orphan":  # somebody holds on to the pipes when the engine has ended
        child = subprocess.Popen(["sleep", "600"])
        _note({"child": child.pid})
        return _succeed(words)
    if mode in ("hang", "stubborn"):
        if mode == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])
        _note({"child": child.pid})
        sys.stderr.write("PROGRESS 0.42 thinking\n")
        sys.stderr.flush()
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(600)
    return 1


def _view(path: Path, mode: str) -> int:
    """Stand in for napari: stay open until a file says so; somebody saves something beside what is open."""
    if "STRESS_KEEP" in os.environ:
        Path(os.environ["STRESS_KEEP"], "seen.gwy").write_bytes(path.read_bytes())
    _note({"pid": os.getpid(), "session": os.getsid(0), "viewed": str(path)})
    if mode == "no-view":
        sys.stderr.write("lots of\nwords\ntesm: there is no display to open a window on\n")
        return 1
    while not Path(os.environ["STRESS_TARGET"]).exists():
        time.sleep(0.05)
    if mode == "save":
        path.with_name("saved.gwy").write_bytes(b"precious")
    return 0


def _succeed(words: list[str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return subprocess.run([os.environ["STRESS_ENGINE"], *words], stderr=subprocess.DEVNULL).returncode


def _note(entry: dict[str, object]) -> None:
    with Path(os.environ["STRESS_NOTES"]).open("a") as file:
        file.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
