/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The temporary folder of one run, which only this user can look into and which is gone afterwards. */
#include <glib/gstdio.h>
#include "tesm.h"

gchar*
tesm_folder_new(GError **error)
{
    return g_dir_make_tmp("gwyddion-tesm-XXXXXX", error);
}

/* Removes the folder with all that is in it, also what an engine that was killed has left, and frees its name. */
void
tesm_folder_remove(gchar *folder)
{
    const gchar *name;
    GDir *entries;

    if (!folder)
        return;
    if ((entries = g_dir_open(folder, 0, NULL))) {
        while ((name = g_dir_read_name(entries))) {
            gchar *path = g_build_filename(folder, name, NULL);

            /* A link is removed, not followed. */
            if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
                tesm_folder_remove(path);
            else {
                g_unlink(path);
                g_free(path);
            }
        }
        g_dir_close(entries);
    }
    g_rmdir(folder);
    g_free(folder);
}
