"""A flag for what is going on."""


class Busy:
    """Up while one does something oneself whose events are no news: ``with busy:``, also inside another."""

    def __init__(self) -> None:
        self._depth = 0

    def __bool__(self) -> bool:
        return self._depth > 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
