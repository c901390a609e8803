/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The file that the engine reads: the traces, and the channels on their grid. */
#include <string.h>
#include "tesm.h"

/* Sizes in a .gwy file are 32-bit: Gwyddion writes what is larger without a word and cannot read it again. */
#define LARGEST_FILE (G_MAXUINT32 - 1024)
#define LONGEST_NAME 240

/* Values are shared, not copied. */
static void
share(GwyContainer *data, GwyContainer *target, GQuark key)
{
    GValue value;

    if (gwy_container_contains(data, key)) {
        value = gwy_container_get_value(data, key);
        gwy_container_set_value(target, key, &value, 0);
        g_value_unset(&value);
    }
}

static void
share_one(gpointer key, G_GNUC_UNUSED gpointer value, gpointer user_data)
{
    GwyContainer **containers = user_data;

    share(containers[0], containers[1], GPOINTER_TO_UINT(key));
}

static void
share_channel(const TesmSource *source, GwyContainer *target, gint id)
{
    GwyContainer *containers[] = { source->data, target };
    gchar *selections = g_strdup_printf(TESM_SELECTIONS, id);

    share(source->data, target, gwy_app_get_data_key_for_id(id));
    share(source->data, target, gwy_app_get_data_title_key_for_id(id));
    share(source->data, target, gwy_app_get_data_meta_key_for_id(id));
    share(source->data, target, gwy_app_get_mask_key_for_id(id));
    gwy_container_foreach(source->data, selections, share_one, containers);
    g_free(selections);
}

static gboolean
write_container(GwyContainer *container, const gchar *path, GError **error)
{
    gsize size = gwy_serializable_get_size(G_OBJECT(container));
    gchar *text;

    if (size > LARGEST_FILE) {
        text = g_format_size(size);
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED,
                    "The data take %s, and a Gwyddion file ends at 4 GiB: crop them, or work on one volume at a time.",
                    text);
        g_free(text);
        return FALSE;
    }
    /* It reports what it could not write, but not always why. */
    if (!gwy_file_func_run_save(TESM_FILE_MODULE, container, path, GWY_RUN_NONINTERACTIVE, error)) {
        if (error && !*error)
            g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "%s cannot be written.", path);
        return FALSE;
    }
    return TRUE;
}

/* Writes a container of the traces and of the channels on their grid: nothing is ever written from the live container,
 * as saving one changes the file name it goes by, and what was changed since it was saved counts too.  All keep their
 * numbers. */
gboolean
tesm_handover_write(const TesmSource *source, const gchar *path, GError **error)
{
    GwyContainer *target = tesm_file_new();
    gboolean ok;
    gint *ids, *channel, id;
    guint i;

    for (i = 0; i < source->bricks->len; i++) {
        id = g_array_index(source->bricks, gint, i);
        share(source->data, target, gwy_app_get_brick_key_for_id(id));
        share(source->data, target, gwy_app_get_brick_title_key_for_id(id));
        share(source->data, target, gwy_app_get_brick_meta_key_for_id(id));
    }
    for (i = 0; i < source->lawns->len; i++) {
        id = g_array_index(source->lawns, gint, i);
        share(source->data, target, gwy_app_get_lawn_key_for_id(id));
        share(source->data, target, gwy_app_get_lawn_title_key_for_id(id));
        share(source->data, target, gwy_app_get_lawn_meta_key_for_id(id));
    }
    ids = gwy_app_data_browser_get_data_ids(source->data);
    for (channel = ids; *channel >= 0; channel++) {
        if (tesm_source_has_grid(source, gwy_container_get_object(source->data,
                                                                  gwy_app_get_data_key_for_id(*channel))))
            share_channel(source, target, *channel);
    }
    g_free(ids);
    tesm_file_is_complete(target);
    ok = write_container(target, path, error);
    g_object_unref(target);
    return ok;
}

/* Writes everything that is open, as a file of its own. */
gboolean
tesm_handover_write_all(GwyContainer *data, const gchar *path, GError **error)
{
    GwyContainer *target = tesm_file_new(), *containers[] = { data, target };
    gboolean ok;

    gwy_container_foreach(data, NULL, share_one, containers);
    gwy_container_remove_by_name(target, "/filename");
    tesm_file_is_complete(target);
    ok = write_container(target, path, error);
    g_object_unref(target);
    return ok;
}

/* The name of the open file, in the encoding of file names; NULL if it was never saved. */
gchar*
tesm_file_name(GwyContainer *data)
{
    const guchar *name;

    if (!gwy_container_gis_string_by_name(data, "/filename", &name))
        return NULL;
    return g_filename_from_utf8((const gchar*)name, -1, NULL, NULL, NULL);
}

/* Where a copy goes: it carries the name under which the user knows the data. */
gchar*
tesm_handover_path(GwyContainer *data, const gchar *folder)
{
    gchar *path = tesm_file_name(data), *name = path ? g_path_get_basename(path) : g_strdup("unsaved"), *copy, *full;

    /* Not every name can take an ending. */
    if (strlen(name) > LONGEST_NAME)
        strcpy(name, "data");
    if (g_str_has_suffix(name, ".gwy") || g_str_has_suffix(name, TESM_FILE_ENDING))
        copy = g_strdup(name);
    else
        copy = g_strconcat(name, TESM_FILE_ENDING, NULL);
    full = g_build_filename(folder, copy, NULL);
    g_free(copy);
    g_free(name);
    g_free(path);
    return full;
}
