# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 The napari-tesm developers
"""Data Process, t-ESM: maps of tau and D from the volumes that have the pixels of the current channel."""

import os
import sys

import gwy

plugin_type = "PROCESS"
plugin_menu = "/t-ESM/Diffusion Maps"
plugin_desc = "Fit the traces that belong to the channel: maps of tau and D (t-ESM)"

# pygwy takes every file beside this one for a plug-in: what they share is a folder below. It is "gwyddion" on Windows.
for _folder in (".gwyddion", "gwyddion"):
    sys.path.append(os.path.join(os.path.expanduser("~"), _folder, "pygwy", "tesm"))

import tesm_pygwy


def run(data, mode):
    """Called by Gwyddion with the container of the open file."""
    channel = gwy.gwy_app_data_browser_get_current(gwy.APP_DATA_FIELD)
    numbers = tesm_pygwy.bricks_on_grid(data, channel.get_xres(), channel.get_yres())
    tesm_pygwy.add_maps(gwy, data, numbers, [])
