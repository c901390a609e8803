"""The SHA-256 of a file or folder, by which an output says what it was made from."""

import hashlib
from os import PathLike
from pathlib import Path


def sha256_of_file(path: str | PathLike[str]) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits; of a folder, that of its files' names and sums.

    Raises
    ------
    OSError
        If it cannot be read: one sentence saying why.
    """
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for part in sorted(inside for inside in path.rglob("*") if inside.is_file()):
            digest.update(f"{part.relative_to(path).as_posix()}\0{sha256_of_file(part)}\n".encode())
        return digest.hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is no longer there, and its content belongs into the output: put it back."
        ) from None
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror or error}.") from error
