"""Run both pygwy plug-ins in any Python, 2.7 above all, with an engine that copies: ``... PLUGINS_HOME``."""

from __future__ import print_function

import os
import sys

import standin_gwy

sys.modules["gwy"] = standin_gwy
HOME = sys.argv[1]
sys.path.insert(0, os.path.join(HOME, ".gwyddion", "pygwy"))

import tesm_process
import tesm_volume

data = standin_gwy.Container()
data.set_object_by_name("/brick/0", standin_gwy.Brick(4, 3))
data.set_object_by_name("/brick/1", standin_gwy.Brick(4, 3))
data.set_object_by_name("/brick/2", standin_gwy.Brick(5, 3))
data.set_string_by_name("/brick/1/title", "Traces (-3 V)")
data.set_object_by_name("/0/data", standin_gwy.Brick(4, 3))

standin_gwy.current[standin_gwy.APP_BRICK_ID] = 1
standin_gwy.current[standin_gwy.APP_DATA_FIELD] = data["/0/data"]
for plugin in (tesm_volume, tesm_process):
    before = set(data.keys_by_name())
    try:
        plugin.run(data, 1)
        print(" ".join(sorted(set(data.keys_by_name()) - before)))
    except RuntimeError as error:
        words = str(error)
        print("RuntimeError", words if isinstance(words, str) and str is not bytes else repr(words))
