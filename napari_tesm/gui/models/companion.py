"""What goes with a scan or a viewer: made when it is first asked for, the same for every panel, gone with its owner."""

from typing import Any, ClassVar, Generic, Self, TypeVar
from weakref import WeakKeyDictionary, ref

from napari_tesm.gui.models.scan import Scan

Owner = TypeVar("Owner")


class Companion(Generic[Owner]):
    """Something found by its owner, one of each class for each owner.

    Parameters
    ----------
    owner : object
        Held weakly: a companion must not keep one alive that nobody looks at.
    """

    _of_owners: ClassVar["WeakKeyDictionary[Any, Any]"]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._of_owners = WeakKeyDictionary()

    def __init__(self, owner: Owner) -> None:
        self._owner = ref(owner)

    @classmethod
    def of(cls, owner: Owner) -> Self:
        """Return the companion of an owner, the same for everybody."""
        if owner not in cls._of_owners:
            cls._of_owners[owner] = cls(owner)
        companion: Self = cls._of_owners[owner]
        return companion

    @property
    def owner(self) -> Owner:
        """What this belongs to."""
        owner = self._owner()
        if owner is None:
            raise RuntimeError(f"what this {type(self).__name__} belongs to is gone")
        return owner


class ScanModel(Companion[Scan]):
    """Base of the models that go with a scan."""

    @property
    def scan(self) -> Scan:
        """The scan."""
        return self.owner
