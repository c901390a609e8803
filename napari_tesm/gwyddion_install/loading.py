"""Run in a process of its own: has Gwyddion's own loader take a module and says what it made of it.

``python loading.py MODULE.so 2|3 VERSION`` prints JSON: ``{"gwyddion": version}`` with ``"module"``, its version, and
``"functions"``, or with ``"problem"``. A process of its own, for a module that does not fit can end the one it is in.
"""

import ctypes
import json
import sys

LIBRARIES = {
    2: ("gwyddion2", "gwyprocess2", "gwydraw2", "gwydgets2", "gwymodule2", "gwyapp2"),
    3: ("gwyddion3", "gwyui3", "gwyapp3"),
}
"""In the order in which they need each other. Those of Gwyddion 3 have its version in their names."""


class _Error(ctypes.Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p))


class _ModuleInfo(ctypes.Structure):
    _fields_ = (
        ("abi_version", ctypes.c_uint32),
        ("register", ctypes.c_void_p),
        ("blurb", ctypes.c_char_p),
        ("author", ctypes.c_char_p),
        ("version", ctypes.c_char_p),
    )


class _List(ctypes.Structure):
    pass


_List._fields_ = (("data", ctypes.c_char_p), ("next", ctypes.POINTER(_List)))


def findings(module: str, generation: int, version_of_program: str) -> dict[str, object]:
    """Return what Gwyddion's libraries say of a module."""
    ending = ".so.0" if generation == 2 else f"-{version_of_program}.so"
    try:
        loaded = [
            ctypes.CDLL(f"lib{name}{ending}", mode=ctypes.RTLD_GLOBAL) for name in LIBRARIES[generation]
        ]
    except OSError as error:
        return {"gwyddion": None, "problem": f"the libraries of Gwyddion are not here: {error}"}
    version = loaded[0].gwy_version_string
    version.restype = ctypes.c_char_p
    said: dict[str, object] = {"gwyddion": version().decode()}
    try:
        # At once and not when it is called: a function that this Gwyddion lacks would end it in the middle of work.
        ctypes.CDLL(module)
    except OSError as error:
        return said | {"problem": str(error)}
    modules = loaded[LIBRARIES[2].index("gwymodule2") if generation == 2 else -1]
    register = modules.gwy_module_register_module
    register.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(_Error))]
    register.restype = ctypes.POINTER(_ModuleInfo)
    problem = ctypes.POINTER(_Error)()
    info = register(module.encode(errors="surrogateescape"), ctypes.byref(problem))
    if not info:
        return said | {"problem": problem.contents.message.decode() if problem else "it was refused"}
    functions = modules.gwy_module_get_functions
    functions.argtypes = [ctypes.c_char_p]
    functions.restype = ctypes.POINTER(_List)
    item, names = functions(b"tesm"), []
    while item:
        names.append(item.contents.data.decode())
        item = item.contents.next
    return said | {"module": info.contents.version.decode(), "functions": sorted(names)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(findings(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
