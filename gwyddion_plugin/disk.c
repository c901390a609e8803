/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* Whether a file holds what is open.  Gwyddion itself counts only what can be undone as a change: new channels, graphs
 * and selections are none to it. */
#include <stdio.h>
#include <string.h>
#include <glib/gstdio.h>
#include "tesm.h"

#define CONTAINER "GwyContainer"
#define LONGEST_KEY 4096
#define LARGEST_SELECTION (1 << 20)

typedef struct {
    glong start;        /* of the name of the type, after which come the size and the components */
    gsize length;
} Place;

static gboolean
read_name(FILE *file, GString *name)
{
    gint letter;

    g_string_truncate(name, 0);
    while ((letter = getc(file)) > 0 && name->len < LONGEST_KEY)
        g_string_append_c(name, letter);
    return letter == 0;
}

static gboolean
read_size(FILE *file, gsize *size)
{
    guint32 little;

    if (fread(&little, sizeof(little), 1, file) != 1)
        return FALSE;
    *size = GUINT32_FROM_LE(little);
    return TRUE;
}

static gboolean
skip(FILE *file, gsize n)
{
    return fseek(file, n, SEEK_CUR) == 0;
}

/* Goes over a value and notes where it is if it is an object.  A container in a file holds nothing else but these. */
static gboolean
pass_value(FILE *file, gint type, GString *name, Place *place)
{
    gsize size;

    if (type == 'b' || type == 'c')
        return skip(file, 1);
    if (type == 'i')
        return skip(file, 4);
    if (type == 'q' || type == 'd')
        return skip(file, 8);
    if (type == 's')
        return read_name(file, name);
    if (type != 'o')
        return FALSE;
    place->start = ftell(file);
    if (!read_name(file, name) || !read_size(file, &size))
        return FALSE;
    place->length = name->len + 1 + 4 + size;
    return skip(file, size);
}

/* The objects of a .gwy file by their keys, NULL if it is not understood. */
static GHashTable*
objects_in_file(FILE *file)
{
    GHashTable *objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GString *key = g_string_new(NULL), *name = g_string_new(NULL);
    gboolean ok = FALSE;
    gsize size;
    glong end;
    gint type;

    if (skip(file, 4) && read_name(file, name) && gwy_strequal(name->str, CONTAINER) && read_size(file, &size)) {
        end = ftell(file) + size;
        ok = TRUE;
        while (ok && ftell(file) < end) {
            Place *place = g_new0(Place, 1);

            ok = read_name(file, key) && (type = getc(file)) != EOF && pass_value(file, type, name, place);
            if (ok && type == 'o')
                g_hash_table_insert(objects, g_strdup(key->str), place);
            else
                g_free(place);
        }
    }
    g_string_free(key, TRUE);
    g_string_free(name, TRUE);
    if (ok)
        return objects;
    g_hash_table_destroy(objects);
    return NULL;
}

/* Selections can be moved without anybody noticing; they are small enough to be compared. */
static gboolean
same_object(FILE *file, const Place *place, GObject *object)
{
    GByteArray *bytes;
    guchar *there;
    gboolean same;

    if (place->length > LARGEST_SELECTION)
        return FALSE;
    bytes = gwy_serializable_serialize(object, NULL);
    there = g_malloc(place->length);
    same = (bytes->len == place->length && fseek(file, place->start, SEEK_SET) == 0
            && fread(there, place->length, 1, file) == 1 && !memcmp(there, bytes->data, bytes->len));
    g_free(there);
    g_byte_array_free(bytes, TRUE);
    return same;
}

typedef struct {
    FILE *file;
    GHashTable *objects;
    guint n_found;
    gboolean same;
} Comparison;

/* What Gwyddion makes by itself when it opens a file, and where one of its tools points. */
static gboolean
is_by_the_way(const gchar *key)
{
    return (g_str_has_suffix(key, "/log") || g_str_has_suffix(key, "/preview")
            || g_str_has_suffix(key, "/select/pointer"));
}

/* A tool leaves one on each channel it looks at. */
static gboolean
is_empty_selection(const GValue *value)
{
    GObject *object = g_value_get_object(value);

    return GWY_IS_SELECTION(object) && !gwy_selection_get_data(GWY_SELECTION(object), NULL);
}

static void
compare_value(gpointer quark, gpointer value, gpointer user_data)
{
    Comparison *comparison = user_data;
    const gchar *key = g_quark_to_string(GPOINTER_TO_UINT(quark));
    const Place *place;

    if (!G_VALUE_HOLDS_OBJECT((GValue*)value) || is_by_the_way(key))
        return;
    place = g_hash_table_lookup(comparison->objects, key);
    if (!place)
        comparison->same = comparison->same && is_empty_selection(value);
    else {
        comparison->n_found++;
        if (strstr(key, "/select/"))
            comparison->same = comparison->same && same_object(comparison->file, place,
                                                               g_value_get_object((GValue*)value));
    }
}

static guint
count_objects(GHashTable *objects)
{
    GHashTableIter iterator;
    gpointer key;
    guint n = 0;

    g_hash_table_iter_init(&iterator, objects);
    while (g_hash_table_iter_next(&iterator, &key, NULL))
        n += !is_by_the_way(key);
    return n;
}

/* In doubt the answer is no. */
gboolean
tesm_file_holds(const gchar *path, GwyContainer *data)
{
    Comparison comparison = { NULL, NULL, 0, TRUE };

    if (gwy_undo_container_get_modified(data) || !(comparison.file = g_fopen(path, "rb")))
        return FALSE;
    if ((comparison.objects = objects_in_file(comparison.file))) {
        gwy_container_foreach(data, NULL, compare_value, &comparison);
        /* Nothing was added, and nothing taken away. */
        comparison.same = comparison.same && comparison.n_found == count_objects(comparison.objects);
        g_hash_table_destroy(comparison.objects);
    }
    else
        comparison.same = FALSE;
    fclose(comparison.file);
    return comparison.same;
}
