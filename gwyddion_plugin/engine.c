/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* Which engine is called: $TESM_ENGINE, what the user chose, what the installation remembered, "tesm" on the PATH. */
#include <string.h>
#include "tesm.h"

#define SETTING "/module/tesm/engine"

/* Written by `tesm gwyddion install` next to the module folder: [engine] command=..., kernels=...;... */
static GKeyFile*
installation(void)
{
    GKeyFile *file = g_key_file_new();
    gchar *path = g_build_filename(gwy_get_user_dir(), "tesm.conf", NULL);

    g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL);
    g_free(path);
    return file;
}

/* Returns the path of the program, in the encoding of file names, and where it was found as words for the dialog. */
gchar*
tesm_engine_find(const gchar *chosen, const gchar **origin, GError **error)
{
    const gchar *given = g_getenv("TESM_ENGINE"), *where = "from $TESM_ENGINE";
    gchar *name = NULL, *path, *remembered;
    GKeyFile *file;

    if (given && *given)
        name = g_strdup(given);
    else if (chosen && *chosen) {
        name = g_filename_from_utf8(chosen, -1, NULL, NULL, NULL);
        given = chosen;
        where = "chosen here";
    }
    else
        given = NULL;
    if (given) {
        path = name ? g_find_program_in_path(name) : NULL;
        if (!path)
            g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "The engine '%s' (%s) is no program.", given, where);
    }
    else {
        file = installation();
        remembered = g_key_file_get_string(file, "engine", "command", NULL);
        g_key_file_free(file);
        where = "remembered at installation";
        path = remembered ? g_find_program_in_path(remembered) : NULL;
        if (!path) {
            where = "found on the PATH";
            path = g_find_program_in_path("tesm");
        }
        if (!path && remembered)
            g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED,
                        "The engine '%s' is not there any more: run 'tesm gwyddion install' again.", remembered);
        else if (!path)
            g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED,
                        "The engine 'tesm' was not found: install it (pip install napari-tesm) and run "
                        "'tesm gwyddion install', or give its path in the dialog.");
        g_free(remembered);
    }
    if (origin)
        *origin = where;
    g_free(name);
    return path;
}

/* The user's choice is one for all functions; each of them has settings of its own. */
gchar*
tesm_engine_setting(void)
{
    const guchar *text = NULL;

    gwy_container_gis_string_by_name(gwy_app_settings_get(), SETTING, &text);
    return g_strdup(text ? (const gchar*)text : "");
}

void
tesm_engine_set(const gchar *chosen)
{
    gwy_container_set_const_string_by_name(gwy_app_settings_get(), SETTING, (const guchar*)(chosen ? chosen : ""));
}

/* Whether the engine that was installed with the module can use a kernel; without an installation nobody knows. */
gboolean
tesm_engine_knows(const gchar *kernel)
{
    GKeyFile *file = installation();
    gchar **kernels = g_key_file_get_string_list(file, "engine", "kernels", NULL, NULL);
    gboolean known = !kernels || g_strv_contains((const gchar* const*)kernels, kernel);

    g_strfreev(kernels);
    g_key_file_free(file);
    return known;
}
