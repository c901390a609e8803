/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What of Gwyddion 2 the module calls, and how its files call things; gwyddion3/gwyddion3.h is the same for Gwyddion 3. */
#ifndef TESM_GWYDDION2_H
#define TESM_GWYDDION2_H

#include <libgwyddion/gwyddion.h>
#include <libprocess/arithmetic.h>
#include <libprocess/brick.h>
#include <libprocess/datafield.h>
#include <libprocess/lawn.h>
#include <libgwydgets/gwygraphmodel.h>
#include <libgwymodule/gwymodule.h>
#include <app/gwyapp.h>
#include <app/gwymoduleutils.h>

/* Keys of channels and graphs, by their numbers. */
#define TESM_CHANNELS "/"                       /* before the number */
#define TESM_CHANNEL_IMAGE "/data"              /* after it */
#define TESM_CHANNEL "/%d/"
#define TESM_CHANNEL_VISIBLE "/%d/data/visible"
#define TESM_SELECTIONS "/%d/select/"
#define TESM_GRAPHS "/0/graph/graph/"
#define TESM_GRAPH_VISIBLE "/0/graph/graph/%d/visible"
/* Of what belongs to a channel, the field itself and whether it is shown are the data browser's; the log gets its entry
 * later. */
#define TESM_NOT_MOVED "data", "data/visible", "data/log"

#define TESM_FILE_MODULE "gwyfile"              /* reads and writes Gwyddion's own files */
#define TESM_FILE_ENDING ".gwy"
#define TESM_LOG_OF_CHANNELS "proc"
#define TESM_UNIT_X "si-unit-x"                 /* properties of a graph */
#define TESM_UNIT_Y "si-unit-y"

/* What a menu calls runs run_function(). */
#define TESM_MENU_FUNCTION(function, kind, menu) \
    static void function(GwyContainer *data, GwyRunType run, const gchar *name) \
    { \
        run_function(data, run, name, menu); \
    }

#define tesm_show_uri(window, uri) \
    gtk_show_uri(gtk_widget_get_screen(GTK_WIDGET(window)), uri, GDK_CURRENT_TIME, NULL)

/* A file of its own, not one that the user sees. */
#define tesm_file_new gwy_container_new
#define tesm_file_is_complete(file)

#endif
