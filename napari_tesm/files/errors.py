"""What can be wrong with a ``.gwy`` file, as exceptions whose message is one sentence for the user."""


class GwyFormatError(ValueError):
    """The bytes are not a sound ``.gwy`` file, or an object in it contradicts itself."""


class GwySizeError(ValueError):
    """The file to be written would pass the 4 GiB at which ``.gwy`` sizes wrap around."""


class FileChangedError(OSError):
    """A file changed, was replaced or went away while its data were still being read from it."""
