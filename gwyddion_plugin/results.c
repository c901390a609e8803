/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What the engine wrote, as new data in the open file. */
#include <string.h>
#include "tesm.h"

#define GRAINS "t-ESM grains"    /* in the metadata of a channel of grains */

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    return *(const gint*)a - *(const gint*)b;
}

/* The numbers N of the keys PREFIX N SUFFIX, in order.  The data browser knows only the containers it manages. */
static GArray*
numbers_of_items(GwyContainer *container, const gchar *prefix, const gchar *suffix)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(gint));
    const gchar **keys = gwy_container_keys_by_name(container);
    guint i, n = gwy_container_get_n_items(container);    /* the list has no end mark */
    gchar *end;
    gint number;

    for (i = 0; i < n; i++) {
        if (!g_str_has_prefix(keys[i], prefix) || !g_ascii_isdigit(keys[i][strlen(prefix)]))
            continue;
        number = g_ascii_strtoll(keys[i] + strlen(prefix), &end, 10);
        if (gwy_strequal(end, suffix))
            g_array_append_val(numbers, number);
    }
    g_free(keys);
    g_array_sort(numbers, compare_numbers);
    return numbers;
}

typedef struct {
    GwyContainer *data;
    const gchar *from;    /* "/3/" */
    gchar *to;            /* "/17/" */
} Move;

static void
move_value(gpointer key, gpointer value, gpointer user_data)
{
    static const gchar* const not_moved[] = { TESM_NOT_MOVED, NULL };
    const Move *move = user_data;
    const gchar *rest = g_quark_to_string(GPOINTER_TO_UINT(key)) + strlen(move->from);
    gchar *name;

    if (g_strv_contains(not_moved, rest))
        return;
    /* All graphs of a file are kept below channel 0, to which they do not belong. */
    if (g_str_has_prefix(rest, "graph/"))
        return;
    name = g_strconcat(move->to, rest, NULL);
    gwy_container_set_value(move->data, g_quark_from_string(name), value, 0);
    g_free(name);
}

static gboolean
is_visible(GwyContainer *container, const gchar *format, gint number)
{
    gchar *key = g_strdup_printf(format, number);
    gboolean visible = FALSE;

    gwy_container_gis_boolean_by_name(container, key, &visible);
    g_free(key);
    return visible;
}

static gchar*
name_in_log(const TesmSource *source, const TesmFunction *function)
{
    static const gchar *kinds[] = { TESM_LOG_OF_CHANNELS, "volume", "cmap" };

    return g_strconcat(kinds[source->menu], "::", function->name, NULL);
}

/* The engine has read a file that is no more: nobody could ever compare its digest with anything. */
static void
forget_digest(GwyContainer *results, gint number)
{
    GwyContainer *metadata;

    if (gwy_container_gis_object(results, gwy_app_get_data_meta_key_for_id(number), &metadata))
        gwy_container_remove_by_name(metadata, "Input SHA-256");
}

static const gchar*
metadata_of_channel(GwyContainer *data, gint number, const gchar *name)
{
    GwyContainer *metadata;
    const guchar *text = NULL;

    if (gwy_container_gis_object(data, gwy_app_get_data_meta_key_for_id(number), &metadata))
        gwy_container_gis_string_by_name(metadata, name, &text);
    return (const gchar*)text;
}

/* The channel of an earlier run that another run replaces, -1 if there is none.  Of grains there is one set in a file: of
 * two the engine would not know which is meant. */
static gint
channel_to_replace(const TesmSource *source, GwyContainer *results, gint number)
{
    gint *ids = gwy_app_data_browser_get_data_ids(source->data), *id, found = -1;
    gchar *wanted = gwy_app_get_data_field_title(results, number), *title;

    for (id = ids; *id >= 0 && found < 0 && metadata_of_channel(results, number, GRAINS); id++) {
        title = gwy_app_get_data_field_title(source->data, *id);
        if (gwy_strequal(title, wanted) && metadata_of_channel(source->data, *id, GRAINS)
            && tesm_source_has_grid(source, gwy_container_get_object(source->data, gwy_app_get_data_key_for_id(*id))))
            found = *id;
        g_free(title);
    }
    g_free(wanted);
    g_free(ids);
    return found;
}

static void
adopt_channel(const TesmSource *source, const TesmFunction *function, GwyContainer *results, gint number)
{
    gchar *from = g_strdup_printf(TESM_CHANNEL, number), *name;
    GwyDataField *field = gwy_container_get_object(results, gwy_app_get_data_key_for_id(number));
    Move move = { source->data, from, NULL };
    gint id = channel_to_replace(source, results, number);
    GwyDataField *mask = NULL;

    if (id >= 0) {
        /* Gwyddion 3 lets go of a mask that is replaced only after it is gone, if nobody holds it. */
        if (gwy_container_gis_object(source->data, gwy_app_get_mask_key_for_id(id), &mask))
            g_object_ref(mask);
        gwy_app_undo_qcheckpoint(source->data, gwy_app_get_data_key_for_id(id), gwy_app_get_mask_key_for_id(id), 0);
        gwy_container_set_object(source->data, gwy_app_get_data_key_for_id(id), field);
    }
    else
        id = gwy_app_data_browser_add_data_field(field, source->data,
                                                 is_visible(results, TESM_CHANNEL_VISIBLE, number));
    move.to = g_strdup_printf(TESM_CHANNEL, id);
    forget_digest(results, number);
    gwy_container_foreach(results, from, move_value, &move);
    g_clear_object(&mask);
    name = name_in_log(source, function);
    gwy_app_channel_log_add(source->data, source->channel, id, name, NULL);
    g_free(name);
    g_free(move.to);
    g_free(from);
}

static gchar*
title_of_graph(GwyGraphModel *graph)
{
    gchar *title;

    g_object_get(graph, "title", &title, NULL);
    return title;
}

/* The graph of the open file with the title of another, NULL if there is none. */
static GwyGraphModel*
graph_with_title_of(GwyContainer *data, GwyGraphModel *other)
{
    gint *ids = gwy_app_data_browser_get_graph_ids(data), *id;
    gchar *wanted = title_of_graph(other), *title;
    GwyGraphModel *graph, *same = NULL;

    for (id = ids; *id >= 0 && !same; id++) {
        graph = gwy_container_get_object(data, gwy_app_get_graph_key_for_id(*id));
        title = title_of_graph(graph);
        if (!g_strcmp0(title, wanted))
            same = graph;
        g_free(title);
    }
    g_free(wanted);
    g_free(ids);
    return same;
}

/* Another run of the same kind changes the graphs that are there, in the windows in which they are. */
static void
replace_graph(GwyGraphModel *graph, GwyGraphModel *other)
{
    static const gchar *names[] = {
        "axis-label-left", "axis-label-bottom", TESM_UNIT_X, TESM_UNIT_Y, "x-logarithmic", "y-logarithmic",
    };
    GValue value = { 0 };
    guint i;

    gwy_graph_model_remove_all_curves(graph);
    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        g_value_init(&value, g_object_class_find_property(G_OBJECT_GET_CLASS(other), names[i])->value_type);
        g_object_get_property(G_OBJECT(other), names[i], &value);
        g_object_set_property(G_OBJECT(graph), names[i], &value);
        g_value_unset(&value);
    }
    for (i = 0; i < (guint)gwy_graph_model_get_n_curves(other); i++)
        gwy_graph_model_add_curve(graph, gwy_graph_model_get_curve(other, i));
}

static void
adopt_graph(const TesmSource *source, GwyContainer *results, gint number)
{
    GwyGraphModel *graph = gwy_container_get_object(results, gwy_app_get_graph_key_for_id(number)), *same;

    if ((same = graph_with_title_of(source->data, graph)))
        replace_graph(same, graph);
    else
        gwy_app_data_browser_add_graph_model(graph, source->data,
                                             is_visible(results, TESM_GRAPH_VISIBLE, number));
}

/* Adds everything that is in a file to the open one and returns how much it was, -1 with an error. */
gint
tesm_results_adopt(const TesmSource *source, const TesmFunction *function, const gchar *path, GError **error)
{
    GwyContainer *results;
    GArray *channels, *graphs;
    GError *cause = NULL;
    guint i, n;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "The engine has ended without a result.");
        return -1;
    }
    results = gwy_file_func_run_load(TESM_FILE_MODULE, path, GWY_RUN_NONINTERACTIVE, &cause);
    if (!results) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "The result of the engine cannot be read: %s",
                    cause ? cause->message : "it is no Gwyddion file");
        g_clear_error(&cause);
        return -1;
    }
    channels = numbers_of_items(results, TESM_CHANNELS, TESM_CHANNEL_IMAGE);
    graphs = numbers_of_items(results, TESM_GRAPHS, "");
    for (i = 0; i < channels->len; i++)
        adopt_channel(source, function, results, g_array_index(channels, gint, i));
    for (i = 0; i < graphs->len; i++)
        adopt_graph(source, results, g_array_index(graphs, gint, i));
    n = channels->len + graphs->len;
    if (!n)
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "The engine has written a file without a result.");
    g_array_free(channels, TRUE);
    g_array_free(graphs, TRUE);
    g_object_unref(results);
    return n ? (gint)n : -1;
}

/* Keeps a table with the channel that it is about: graphs have no metadata in Gwyddion. */
void
tesm_results_keep_table(const TesmSource *source, const gchar *name, const gchar *table)
{
    GwyContainer *metadata;
    GQuark key;

    if (source->channel < 0)
        return;
    key = gwy_app_get_data_meta_key_for_id(source->channel);
    if (!gwy_container_gis_object(source->data, key, &metadata)) {
        metadata = gwy_container_new();
        gwy_container_set_object(source->data, key, metadata);
        g_object_unref(metadata);
    }
    gwy_container_set_const_string_by_name(metadata, name, (const guchar*)table);
}
