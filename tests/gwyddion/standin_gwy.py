"""Stands in for the module ``gwy`` that Gwyddion gives its plug-ins; for Python 2.7 and 3.

Only what the plug-ins use, with the strictness of the original: a value is stored by the setter of its type.
`save` and `load` are replaced by tests that want real files; by themselves they pickle.
"""

import pickle

RUN_NONINTERACTIVE = 4
APP_DATA_FIELD, APP_BRICK_ID = 4, 20
current = {}
"""What is current, by the constants above."""


class Container(object):
    def __init__(self):
        self.values = {}

    def keys_by_name(self):
        return tuple(self.values)

    def __getitem__(self, key):
        return self.values[key][1]

    def _set(self, key, value, kind, types):
        assert isinstance(key, str)
        assert isinstance(value, types), "%r is no %s" % (value, kind)
        self.values[key] = (kind, value)

    def set_boolean_by_name(self, key, value):
        self._set(key, value, "b", bool)

    def set_int32_by_name(self, key, value):
        assert not isinstance(value, bool)
        self._set(key, value, "i", int)

    def set_double_by_name(self, key, value):
        self._set(key, value, "d", float)

    def set_string_by_name(self, key, value):
        self._set(key, value, "s", str)

    def set_object_by_name(self, key, value):
        assert not isinstance(value, (bool, int, float, str))
        self._set(key, value, "o", object)


class Brick(object):
    def __init__(self, xres, yres):
        self.xres, self.yres = xres, yres

    def get_xres(self):
        return self.xres

    def get_yres(self):
        return self.yres


def save(container, path):
    with open(path, "wb") as file:
        pickle.dump(container.values, file, 2)


def load(path):
    container = Container()
    with open(path, "rb") as file:
        values = pickle.load(file)
    # Python 2 gets bytes from Gwyddion, and unicode from a pickle of Python 3.
    for key, (kind, value) in values.items():
        container.values[str(key)] = (kind, str(value) if kind == "s" else value)
    return container


def gwy_file_save(container, path, mode):
    assert mode == RUN_NONINTERACTIVE
    assert "/filename" not in container.values
    save(container, path)


def gwy_file_load(path, mode):
    assert mode == RUN_NONINTERACTIVE
    return load(path)


def gwy_app_data_browser_get_current(what):
    return current[what]


def _next(data, pattern):
    number = 0
    while pattern % number in data.values:
        number += 1
    return number


def gwy_app_data_browser_add_data_field(field, data, show):
    number = _next(data, "/%d/data")
    data.set_object_by_name("/%d/data" % number, field)
    data.set_boolean_by_name("/%d/data/visible" % number, show)
    return number


def gwy_app_data_browser_add_graph_model(graph, data, show):
    number = _next(data, "/0/graph/graph/%d")
    data.set_object_by_name("/0/graph/graph/%d" % number, graph)
    return number
