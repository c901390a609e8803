/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What a function works on: the current traces, or those that belong to the current channel. */
#include "tesm.h"

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    return *(const gint*)a - *(const gint*)b;
}

#define SAME_GRID (GWY_DATA_COMPATIBILITY_RES | GWY_DATA_COMPATIBILITY_REAL)

static GObject*
brick_of(const TesmSource *source, gint id)
{
    return gwy_container_get_object(source->data, gwy_app_get_brick_key_for_id(id));
}

static GObject*
lawn_of(const TesmSource *source, gint id)
{
    return gwy_container_get_object(source->data, gwy_app_get_lawn_key_for_id(id));
}

static gboolean
brick_has_grid(const TesmSource *source, gint id, GwyDataField *field)
{
    return !gwy_data_field_check_compatibility_with_brick_xy(field, GWY_BRICK(brick_of(source, id)), SAME_GRID);
}

static gboolean
lawn_has_grid(const TesmSource *source, gint id, GwyDataField *field)
{
    return !gwy_data_field_check_compatibility_with_lawn(field, GWY_LAWN(lawn_of(source, id)), SAME_GRID);
}

static GwyDataField*
field_of(const TesmSource *source, gint id)
{
    GwyDataField *field = NULL;

    if (id >= 0)
        gwy_container_gis_object(source->data, gwy_app_get_data_key_for_id(id), &field);
    return field;
}

static void
add_traces_of_channel(TesmSource *source, GwyDataField *field)
{
    gint *ids, *id;

    ids = gwy_app_data_browser_get_volume_ids(source->data);
    for (id = ids; *id >= 0; id++) {
        if (brick_has_grid(source, *id, field))
            g_array_append_val(source->bricks, *id);
    }
    g_free(ids);
    ids = gwy_app_data_browser_get_curve_map_ids(source->data);
    for (id = ids; *id >= 0; id++) {
        if (lawn_has_grid(source, *id, field))
            g_array_append_val(source->lawns, *id);
    }
    g_free(ids);
    g_array_sort(source->bricks, compare_numbers);
    g_array_sort(source->lawns, compare_numbers);
}

/* Whose window shows progress and errors: any will do if what is worked on is hidden. */
static GtkWindow*
find_window(const TesmSource *source)
{
    GtkWindow *window;

    if (!gwy_app_data_browser_get_gui_enabled())
        return NULL;
    if (source->menu == TESM_VOLUME)
        window = gwy_app_find_window_for_volume(source->data, source->id);
    else if (source->menu == TESM_CURVE_MAP)
        window = gwy_app_find_window_for_curve_map(source->data, source->id);
    else
        window = gwy_app_find_window_for_channel(source->data, source->id);
    return window ? window : GTK_WINDOW(gwy_app_main_window_get());
}

/* Maps are of all traces of a grid, and so is what is said of regions on them. */
TesmSource*
tesm_source_new(GwyContainer *data, TesmMenu menu, gboolean all_traces)
{
    TesmSource *source = g_new0(TesmSource, 1);
    GwyDataField *field;

    source->data = g_object_ref(data);
    source->menu = menu;
    source->bricks = g_array_new(FALSE, FALSE, sizeof(gint));
    source->lawns = g_array_new(FALSE, FALSE, sizeof(gint));
    source->channel = -1;
    gwy_app_data_browser_get_current(GWY_APP_DATA_FIELD_ID, &source->channel, 0);
    field = field_of(source, source->channel);
    if (menu == TESM_VOLUME) {
        gwy_app_data_browser_get_current(GWY_APP_BRICK_ID, &source->id, 0);
        g_array_append_val(source->bricks, source->id);
        source->chosen = !all_traces;
    }
    else if (menu == TESM_CURVE_MAP) {
        gwy_app_data_browser_get_current(GWY_APP_LAWN_ID, &source->id, 0);
        g_array_append_val(source->lawns, source->id);
        source->chosen = !all_traces;
    }
    else {
        source->id = source->channel;
        add_traces_of_channel(source, field);
    }
    if (!field || !tesm_source_has_grid(source, field))
        source->channel = -1;
    else if (all_traces && menu != TESM_IMAGE) {
        g_array_set_size(source->bricks, 0);
        g_array_set_size(source->lawns, 0);
        add_traces_of_channel(source, field);
    }
    source->window = find_window(source);
    return source;
}

void
tesm_source_free(TesmSource *source)
{
    g_array_free(source->bricks, TRUE);
    g_array_free(source->lawns, TRUE);
    g_object_unref(source->data);
    g_free(source);
}

gboolean
tesm_source_has_traces(const TesmSource *source)
{
    return source->bricks->len || source->lawns->len;
}

/* Whether an image lies on the grid of the traces, or of the current channel if there are no traces. */
gboolean
tesm_source_has_grid(const TesmSource *source, GwyDataField *field)
{
    if (source->bricks->len)
        return brick_has_grid(source, g_array_index(source->bricks, gint, 0), field);
    if (source->lawns->len)
        return lawn_has_grid(source, g_array_index(source->lawns, gint, 0), field);
    return !gwy_data_field_check_compatibility(field, field_of(source, source->id), SAME_GRID);
}

guint
tesm_source_count(const TesmSource *source)
{
    return source->bricks->len + source->lawns->len;
}

/* Volumes first, then curve maps. */
static GQuark
metadata_key(const TesmSource *source, guint i)
{
    if (i < source->bricks->len)
        return gwy_app_get_brick_meta_key_for_id(g_array_index(source->bricks, gint, i));
    return gwy_app_get_lawn_meta_key_for_id(g_array_index(source->lawns, gint, i - source->bricks->len));
}

/* What one of the traces says, NULL if it does not. */
const gchar*
tesm_source_metadata_of(const TesmSource *source, guint i, const gchar *name)
{
    GwyContainer *metadata;
    const guchar *text;

    if (gwy_container_gis_object(source->data, metadata_key(source, i), &metadata)
        && gwy_container_gis_string_by_name(metadata, name, &text))
        return (const gchar*)text;
    return NULL;
}

/* To write into; made where there are none. */
GwyContainer*
tesm_source_metadata_container(const TesmSource *source, guint i)
{
    GQuark key = metadata_key(source, i);
    GwyContainer *metadata;

    if (!gwy_container_gis_object(source->data, key, &metadata)) {
        metadata = gwy_container_new();
        gwy_container_set_object(source->data, key, metadata);
        g_object_unref(metadata);
    }
    return metadata;
}

static void
append_text(GString *string, const gchar *text)
{
    g_string_append_printf(string, "%s%s", string->len ? ", " : "", text);
}

/* What the traces say, "3 V, -3 V" where they differ; NULL if one of them does not say it. */
gchar*
tesm_source_metadata(const TesmSource *source, const gchar *name)
{
    GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
    GString *joined = g_string_new(NULL);
    guint i, n = tesm_source_count(source);
    gboolean complete = n > 0;
    const gchar *text;

    for (i = 0; i < n && complete; i++) {
        text = tesm_source_metadata_of(source, i, name);
        complete = text != NULL;
        if (complete && g_hash_table_add(seen, (gpointer)text))
            append_text(joined, text);
    }
    g_hash_table_destroy(seen);
    return g_string_free(joined, !complete);
}

gboolean
tesm_source_has_time_unit(const TesmSource *source)
{
    GwyBrick *brick;

    /* The unit of a curve map belongs to one of its curves, and which is the time the engine finds out. */
    if (!source->bricks->len)
        return TRUE;
    brick = GWY_BRICK(brick_of(source, g_array_index(source->bricks, gint, 0)));
    return !gwy_si_unit_equal_string(gwy_brick_get_si_unit_z(brick), NULL);
}

gboolean
tesm_source_has_lateral_unit(const TesmSource *source)
{
    GwySIUnit *unit;

    if (!tesm_source_has_traces(source))
        return TRUE;
    if (source->bricks->len)
        unit = gwy_brick_get_si_unit_x(GWY_BRICK(brick_of(source, g_array_index(source->bricks, gint, 0))));
    else
        unit = gwy_lawn_get_si_unit_xy(GWY_LAWN(lawn_of(source, g_array_index(source->lawns, gint, 0))));
    return !gwy_si_unit_equal_string(unit, NULL);
}

gboolean
tesm_source_has_volume(const TesmSource *source, gint id)
{
    guint i;

    for (i = 0; i < source->bricks->len; i++) {
        if (g_array_index(source->bricks, gint, i) == id)
            return TRUE;
    }
    return FALSE;
}

void
tesm_source_choose_volume(TesmSource *source, gint id)
{
    g_array_set_size(source->bricks, 0);
    g_array_set_size(source->lawns, 0);
    g_array_append_val(source->bricks, id);
    source->chosen = TRUE;
}

/* Of one of the traces; volumes first, then curve maps. */
gchar*
tesm_source_title(const TesmSource *source, guint i)
{
    if (i < source->bricks->len)
        return gwy_app_get_brick_title(source->data, g_array_index(source->bricks, gint, i));
    return gwy_app_get_lawn_title(source->data, g_array_index(source->lawns, gint, i - source->bricks->len));
}

/* For the dialog: "Traces (+3 V), Traces (-3 V)". */
gchar*
tesm_source_titles(const TesmSource *source)
{
    GString *titles = g_string_new(NULL);
    gchar *title;
    guint i;

    for (i = 0; i < tesm_source_count(source); i++) {
        title = tesm_source_title(source, i);
        append_text(titles, title);
        g_free(title);
    }
    return g_string_free(titles, FALSE);
}

static void
add_numbers(GArray *numbers, gint *ids)
{
    gint *id;

    for (id = ids; *id >= 0; id++)
        g_array_append_val(numbers, *id);
    g_free(ids);
    g_array_sort(numbers, compare_numbers);
}

/* All volumes and curve maps of the file, on whatever grid. */
TesmSource*
tesm_source_of_all(const TesmSource *source)
{
    TesmSource *all = g_new0(TesmSource, 1);

    *all = *source;
    g_object_ref(all->data);
    all->bricks = g_array_new(FALSE, FALSE, sizeof(gint));
    all->lawns = g_array_new(FALSE, FALSE, sizeof(gint));
    add_numbers(all->bricks, gwy_app_data_browser_get_volume_ids(all->data));
    add_numbers(all->lawns, gwy_app_data_browser_get_curve_map_ids(all->data));
    return all;
}
