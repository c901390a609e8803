# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 The napari-tesm developers
r"""What the pygwy plug-ins of napari-tesm share: they hand volumes to the engine and take its maps back.

For the Python 2.7 inside Gwyddion, and written so that Python 3 understands it, too. Against the module in C this
lacks curve maps (pygwy knows none), progress and Cancel, and a dialog; what is to be set stands in the file tesm.conf
in Gwyddion's folder:

    [engine]
    command = C:\Tools\tesm.exe
    [pygwy]
    options = --tip-radius=25nm --contact-radius=5nm --threshold=15%
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile

try:
    from configparser import RawConfigParser
except ImportError:  # Python 2
    from ConfigParser import RawConfigParser

BRICK = re.compile(r"^/brick/([0-9]+)$")
CHANNEL = re.compile(r"^/([0-9]+)/data$")
GRAPH = re.compile(r"^/0/graph/graph/([0-9]+)$")
BROWSERS_OWN = ("data", "data/visible", "data/log")


def bricks_on_grid(data, xres, yres):
    """Return the numbers of the volumes with so many pixels."""
    numbers = []
    for key in data.keys_by_name():
        found = BRICK.match(key)
        if found:
            brick = data[key]
            if (brick.get_xres(), brick.get_yres()) == (xres, yres):
                numbers.append(int(found.group(1)))
    return sorted(numbers)


def add_maps(gwy, data, numbers, words):
    """Fit the volumes of these numbers and add maps and graphs to the open file.

    A failure raises RuntimeError with the engine's own words, which Gwyddion shows.
    """
    if not numbers:
        raise RuntimeError("This file holds no volume with the pixels of this channel: there are no traces.")
    options = settings(gwy)
    folder = tempfile.mkdtemp(prefix="gwyddion-tesm-")
    try:
        source, target = os.path.join(folder, "in.gwy"), os.path.join(folder, "out.gwy")
        gwy.gwy_file_save(container_of_bricks(gwy, data, numbers), source, gwy.RUN_NONINTERACTIVE)
        command = [engine(options), "fit", source, "-o", target, "--maps-only", "--graphs", "--progress=none"]
        call(command + words + shlex.split(option(options, "pygwy", "options")), folder)
        adopt(gwy, data, gwy.gwy_file_load(target, gwy.RUN_NONINTERACTIVE))
    finally:
        shutil.rmtree(folder, True)


def container_of_bricks(gwy, data, numbers):
    """Return a new container: saving the open one would rename the file it stands for."""
    container, known = gwy.Container(), set(data.keys_by_name())
    for number in numbers:
        for key in ("/brick/%d" % number, "/brick/%d/title" % number, "/brick/%d/meta" % number):
            if key in known:
                put(container, key, data[key])
    return container


def adopt(gwy, data, results):
    """Add the channels of a container with all that belongs to them, and its graphs, in their order."""
    keys = list(results.keys_by_name())
    for number in numbers_of(CHANNEL, keys):
        prefix = "/%d/" % number
        shown = prefix + "data/visible" in keys and bool(results[prefix + "data/visible"])
        new = gwy.gwy_app_data_browser_add_data_field(results[prefix + "data"], data, shown)
        for key in keys:
            rest = key[len(prefix) :]
            # Graphs are kept below channel 0, to which they do not belong.
            if key.startswith(prefix) and rest not in BROWSERS_OWN and not rest.startswith("graph/"):
                put(data, "/%d/%s" % (new, rest), results[key])
    for number in numbers_of(GRAPH, keys):
        gwy.gwy_app_data_browser_add_graph_model(results["/0/graph/graph/%d" % number], data, True)


def numbers_of(pattern, keys):
    return sorted(int(found.group(1)) for found in map(pattern.match, keys) if found)


def put(container, key, value):
    """Store a value as what it is: Gwyddion distinguishes whole numbers from others."""
    if isinstance(value, bool):
        container.set_boolean_by_name(key, value)
    elif isinstance(value, int):
        container.set_int32_by_name(key, value)
    elif isinstance(value, float):
        container.set_double_by_name(key, value)
    elif isinstance(value, str):
        container.set_string_by_name(key, value)
    else:
        container.set_object_by_name(key, value)


def settings(gwy):
    """Return what stands in tesm.conf."""
    found = RawConfigParser()
    home = os.path.expanduser("~")
    found.read([os.path.join(home, name, "tesm.conf") for name in (".gwyddion", "gwyddion")])
    return found


def option(found, section, name):
    return found.get(section, name) if found.has_option(section, name) else ""


def engine(options):
    """Return the program to call: $TESM_ENGINE, what the installation remembered, or tesm on the PATH."""
    return (
        os.environ.get("TESM_ENGINE") or option(options, "engine", "command").replace("\\\\", "\\") or "tesm"
    )


def call(command, folder):
    """Run the engine to its end; its words go through files, which never fill up as pipes do."""
    name = os.path.join(folder, "words")
    with open(name, "wb") as words:
        try:
            # The engine then calls what can be set as tesm.conf does.
            environment = dict(os.environ, TESM_READER="pygwy")
            process = subprocess.Popen(
                command, env=environment, stdout=words, stderr=subprocess.STDOUT, **quietly()
            )
        except OSError as error:
            raise RuntimeError("The engine '%s' cannot be started: %s" % (command[0], error))
        status = process.wait()
    if status:
        with open(name, "rb") as words:
            lines = words.read().decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()] or ["it did not say why (status %d)" % status]
        reason = said[-1][6:] if said[-1].startswith("tesm: ") else said[-1]
        # Python 2 shows bytes, Python 3 text.
        raise RuntimeError(reason if isinstance(reason, str) else reason.encode("utf-8"))
    if not os.path.exists(command[command.index("-o") + 1]):
        raise RuntimeError("The engine has ended without a result.")


def quietly():
    """On Windows, a program of the console would open a window."""
    if os.name != "nt":
        return {}
    start = subprocess.STARTUPINFO()
    start.dwFlags |= subprocess.STARTF_USESHOWWINDOW
    return {"startupinfo": start}
