/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What Gwyddion 3 does otherwise than Gwyddion 2. */
#include <string.h>
#include "../tesm.h"

typedef struct {
    GHFunc function;
    gpointer user_data;
    const gchar *prefix;
} Call;

static void
call_with_key(GQuark key, GValue *value, gpointer user_data)
{
    const Call *call = user_data;

    if (!call->prefix || g_str_has_prefix(g_quark_to_string(key), call->prefix))
        call->function(GUINT_TO_POINTER(key), value, call->user_data);
}

void
tesm_dict_foreach(GwyDict *dict, const gchar *prefix, GHFunc function, gpointer user_data)
{
    Call call = { function, user_data, prefix };

    gwy_dict_foreach(dict, NULL, call_with_key, &call);
}

gint
tesm_add_image(GwyField *field, GwyDict *file, gboolean visible)
{
    gint id = gwy_file_add_image(GWY_FILE(file), field);

    gwy_file_set_visible(GWY_FILE(file), GWY_FILE_IMAGE, id, visible);
    return id;
}

gint
tesm_add_graph(GwyGraphModel *graph, GwyDict *file, gboolean visible)
{
    gint id = gwy_file_add_graph(GWY_FILE(file), graph);

    gwy_file_set_visible(GWY_FILE(file), GWY_FILE_GRAPH, id, visible);
    return id;
}

/* Of a file on disk nothing is known: a copy of what is open is as good. */
gboolean
tesm_file_holds(G_GNUC_UNUSED const gchar *path, G_GNUC_UNUSED GwyContainer *data)
{
    return FALSE;
}
