/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */


/* What was typed belongs to the traces it was typed for: it is kept in their metadata, saved with the file, and is at most
 * a suggestion for others. */
#include <string.h>
#include "tesm.h"

#define ENTERED "Entered in t-ESM"           /* in the metadata of a volume: "Pulse start: 0 ms; Tip radius: 25 nm" */
#define SUGGESTED "/module/tesm/entered"     /* in the settings: what was typed last, and for which file */
#define SUGGESTED_OF "/module/tesm/entered_of"
#define LAST_OF "/module/tesm/last/"         /* what the last dialog of a function was given, nothing included */
#define DURATION_OF "/module/tesm/duration/" /* of the pulse for which the windows were typed */

static const struct { gint id; const gchar *name; } windows[] = {
    { TESM_WINDOW1, "Window 1" }, { TESM_WINDOW2, "Window 2" },
};

/* The value after "NAME: ", NULL if there is none. */
static gchar*
value_in_text(const gchar *text, const gchar *name)
{
    gchar **parts = g_strsplit(text ? text : "", "; ", -1), **part, *value = NULL;
    gsize length = strlen(name);

    for (part = parts; *part && !value; part++) {
        if (g_str_has_prefix(*part, name) && g_str_has_prefix(*part + length, ": "))
            value = g_strdup(*part + length + 2);
    }
    g_strfreev(parts);
    return value;
}

static void
add_to_text(GString *text, const gchar *name, const gchar *value)
{
    if (value && *value)
        g_string_append_printf(text, "%s%s: %s", text->len ? "; " : "", name, value);
}

/* Of one of the traces. */
static gchar*
entered_of(const TesmSource *source, guint i, const gchar *name)
{
    return value_in_text(tesm_source_metadata_of(source, i, ENTERED), name);
}

/* Whether the metadata of one of the traces have a value that was typed, and nobody has changed since. */
static gboolean
is_typed(const TesmSource *source, guint i, const gchar *name)
{
    gchar *entered = entered_of(source, i, name);
    gboolean typed = entered && !g_strcmp0(entered, tesm_source_metadata_of(source, i, name));

    g_free(entered);
    return typed;
}

/* What was typed for all of the traces, NULL if it differs or is missing. */
static gchar*
entered_value(const TesmSource *source, const gchar *name)
{
    guint i, n = tesm_source_count(source);
    gchar *value = n ? entered_of(source, 0, name) : NULL, *other;

    for (i = 1; i < n && value; i++) {
        other = entered_of(source, i, name);
        if (g_strcmp0(other, value)) {
            g_free(value);
            value = NULL;
        }
        g_free(other);
    }
    return value;
}

/* Whether the file says it itself.  What was typed into it can be typed anew. */
gboolean
tesm_source_says(const TesmSource *source, const TesmFileValue *value)
{
    guint i, n = tesm_source_count(source), n_typed = 0;

    if (value->id == TESM_TIME_UNIT)
        return tesm_source_has_time_unit(source);
    if (value->id == TESM_LATERAL_UNIT)
        return tesm_source_has_lateral_unit(source);
    for (i = 0; i < n; i++) {
        if (!tesm_source_metadata_of(source, i, value->name))
            return FALSE;
        n_typed += is_typed(source, i, value->name);
    }
    return n_typed < n;
}

/* Whether the dialog asks for it.  Of several volumes one value may be true of all only as long as none says its own, and a
 * voltage never is: there is a table for it. */
gboolean
tesm_source_asks(const TesmSource *source, const TesmFileValue *value)
{
    guint i, n = tesm_source_count(source);

    if (tesm_source_says(source, value))
        return FALSE;
    if (!value->in_metadata || n < 2)
        return TRUE;
    for (i = 0; i < n; i++) {
        if (tesm_source_metadata_of(source, i, value->name) && !is_typed(source, i, value->name))
            return FALSE;
    }
    return value->id != TESM_VOLTAGE;
}

static gboolean
knows(const TesmSource *source, const gchar *name)
{
    gchar *text = tesm_source_metadata(source, name);

    if (!text)
        text = entered_value(source, name);
    g_free(text);
    return text != NULL;
}

static const gchar*
setting(const gchar *start, const gchar *end)
{
    gchar *key = g_strconcat(start, end, NULL);
    const guchar *text = NULL;

    gwy_container_gis_string_by_name(gwy_app_settings_get(), key, &text);
    g_free(key);
    return (const gchar*)text;
}

static void
set_setting(const gchar *start, const gchar *end, const gchar *text)
{
    gchar *key = g_strconcat(start, end, NULL);

    gwy_container_set_const_string_by_name(gwy_app_settings_get(), key, (const guchar*)text);
    g_free(key);
}

/* Windows count from the start of the pulse, and mean something else in a pulse of another length. */
static gboolean
windows_fit(const TesmSource *source, const TesmFunction *function)
{
    const gchar *of = setting(DURATION_OF, function->name);
    gchar *duration = tesm_source_metadata(source, "Pulse duration");
    gboolean fit = !of || !g_strcmp0(of, duration ? duration : "");

    g_free(duration);
    return fit;
}

/* Reads "27.5 nm ± 2.5 nm" as this module has written it. */
static gboolean
read_radius(const gchar *text, gdouble *value, gdouble *error)
{
    const gchar *rest = text ? strstr(text, TESM_PLUS_MINUS) : NULL;

    *value = text ? 1e-9*g_ascii_strtod(text, NULL) : 0.0;
    *error = rest ? 1e-9*g_ascii_strtod(rest + strlen(TESM_PLUS_MINUS), NULL) : 0.0;
    return text != NULL;
}

static void
set_radius(GwyParams *params, const TesmRadius *radius, const gchar *text)
{
    gdouble value, error;

    gwy_params_set_boolean(params, radius->use, read_radius(text, &value, &error));
    if (!text)
        return;
    gwy_params_set_double(params, radius->id, value);
    gwy_params_set_double(params, radius->error, error);
}

/* Puts what was typed for these traces in the place of what is remembered of others. */
void
tesm_entered_load(const TesmSource *source, const TesmFunction *function, GwyParams *params)
{
    const TesmFileValue *value;
    const TesmRadius *radius;
    gchar *text;
    guint i;

    for (value = tesm_file_values; value->option; value++) {
        text = entered_value(source, value->name);
        gwy_params_set_string(params, value->id, text ? text : "");
        g_free(text);
    }
    for (radius = tesm_radii; function->recipe && radius->option; radius++) {
        text = entered_value(source, radius->name);
        set_radius(params, radius, text);
        g_free(text);
    }
    for (i = 0; i < G_N_ELEMENTS(windows) && function->recipe && !windows_fit(source, function); i++)
        gwy_params_set_string(params, windows[i].id, "");
}

/* What a run was given that the file did not say. */
static gchar*
text_of_run(const TesmSource *source, const TesmFunction *function, GwyParams *params)
{
    GString *text = g_string_new(NULL);
    const TesmFileValue *value;
    const TesmRadius *radius;
    gchar *written;
    guint i;

    for (value = tesm_file_values; value->option; value++) {
        if (tesm_source_asks(source, value))
            add_to_text(text, value->name, gwy_params_get_string(params, value->id));
    }
    for (radius = tesm_radii; function->recipe && radius->option; radius++) {
        if ((written = tesm_radius_text(params, radius, TESM_PLUS_MINUS)))
            add_to_text(text, radius->name, written);
        g_free(written);
    }
    for (i = 0; i < G_N_ELEMENTS(windows) && function->recipe; i++) {
        if (tesm_params_use(params, windows[i].id))
            add_to_text(text, windows[i].name, gwy_params_get_string(params, windows[i].id));
    }
    return g_string_free(text, FALSE);
}

/* Writes into the metadata of one of the traces what the file does not say; other metadata stay as they are. */
static void
keep_with_traces(const TesmSource *source, guint i, const TesmFunction *function, const gchar *run)
{
    GwyContainer *metadata = tesm_source_metadata_container(source, i);
    GString *text = g_string_new(NULL);
    const TesmFileValue *value;
    const TesmRadius *radius;
    gchar *typed;

    for (value = tesm_file_values; value->option; value++) {
        gboolean free = is_typed(source, i, value->name) || !tesm_source_metadata_of(source, i, value->name);

        typed = value_in_text(run, value->name);
        if (free)
            add_to_text(text, value->name, typed);
        if (free && value->in_metadata && typed)
            gwy_container_set_const_string_by_name(metadata, value->name, (const guchar*)typed);
        else if (free && value->in_metadata)
            gwy_container_remove_by_name(metadata, value->name);
        g_free(typed);
    }
    for (radius = tesm_radii; radius->option; radius++) {
        typed = function->recipe ? value_in_text(run, radius->name) : entered_of(source, i, radius->name);
        add_to_text(text, radius->name, typed);
        g_free(typed);
    }
    if (text->len)
        gwy_container_set_const_string_by_name(metadata, ENTERED, (const guchar*)text->str);
    else
        gwy_container_remove_by_name(metadata, ENTERED);
    g_string_free(text, TRUE);
}

/* Makes what somebody has typed a suggestion, also where the engine will not take it. */
void
tesm_entered_remember(const TesmSource *source, const TesmFunction *function, GwyParams *params)
{
    gchar *run = text_of_run(source, function, params), *path = tesm_file_name(source->data), *name;

    if (*run) {
        name = path ? g_filename_display_basename(path) : g_strdup("an unsaved file");
        set_setting(SUGGESTED, "", run);
        set_setting(SUGGESTED_OF, "", name);
        g_free(name);
    }
    g_free(path);
    g_free(run);
}

/* Keeps what somebody has typed and the engine could use. */
void
tesm_entered_keep(const TesmSource *source, const TesmFunction *function, GwyParams *params)
{
    gchar *run = text_of_run(source, function, params), *duration;
    guint i;

    for (i = 0; i < tesm_source_count(source); i++) {
        if (*run || tesm_source_metadata_of(source, i, ENTERED))
            keep_with_traces(source, i, function, run);
    }
    duration = tesm_source_metadata(source, "Pulse duration");
    set_setting(DURATION_OF, function->name, duration ? duration : "");
    set_setting(LAST_OF, function->name, run);
    g_free(duration);
    g_free(run);
}

static void
add_name(GString *names, const gchar *name)
{
    g_string_append_printf(names, "%s'%s'", names->len ? ", " : "", name);
}

/* What was typed for the last run and nobody has said of these traces, as names to read; NULL if nothing is missing. */
gchar*
tesm_entered_missing(const TesmSource *source, const TesmFunction *function)
{
    const gchar *last = setting(LAST_OF, function->name);
    GString *names = g_string_new(NULL);
    const TesmFileValue *value;
    const TesmRadius *radius;
    gchar *typed;
    guint i;

    for (value = tesm_file_values; value->option; value++) {
        if ((typed = value_in_text(last, value->name)) && !tesm_source_says(source, value)
            && !knows(source, value->name))
            add_name(names, value->name);
        g_free(typed);
    }
    for (radius = tesm_radii; function->recipe && radius->option; radius++) {
        if ((typed = value_in_text(last, radius->name)) && !knows(source, radius->name))
            add_name(names, radius->name);
        g_free(typed);
    }
    for (i = 0; i < G_N_ELEMENTS(windows) && function->recipe && !windows_fit(source, function); i++) {
        if ((typed = value_in_text(last, windows[i].name)))
            add_name(names, windows[i].name);
        g_free(typed);
    }
    return g_string_free(names, !names->len);
}

/* Where the suggestion comes from; never NULL. */
const gchar*
tesm_entered_origin(void)
{
    const gchar *of = setting(SUGGESTED_OF, "");

    return of ? of : "another file";
}

/* What was typed last, of what these traces lack, as text, NULL if there is nothing; and, if there are tables, into
 * their entries. */
gchar*
tesm_entered_suggest(const TesmSource *source, const TesmFunction *function, GwyParams *params,
                     GwyParamTable *measured, GwyParamTable *evaluated)
{
    const gchar *suggested = setting(SUGGESTED, "");
    GString *text = g_string_new(NULL);
    const TesmFileValue *value;
    const TesmRadius *radius;
    gdouble size, error;
    gchar *typed;
    guint i;

    for (value = tesm_file_values; value->option; value++) {
        typed = value_in_text(suggested, value->name);
        if (typed && tesm_source_asks(source, value) && !*gwy_params_get_string(params, value->id)) {
            add_to_text(text, value->name, typed);
            if (measured)
                gwy_param_table_set_string(measured, value->id, typed);
        }
        g_free(typed);
    }
    for (radius = tesm_radii; function->recipe && radius->option; radius++) {
        typed = value_in_text(suggested, radius->name);
        if (typed && !gwy_params_get_boolean(params, radius->use) && !knows(source, radius->name)) {
            add_to_text(text, radius->name, typed);
            if (measured) {
                read_radius(typed, &size, &error);
                gwy_param_table_set_boolean(measured, radius->use, TRUE);
                gwy_param_table_set_double(measured, radius->id, size);
                gwy_param_table_set_double(measured, radius->error, error);
            }
        }
        g_free(typed);
    }
    for (i = 0; i < G_N_ELEMENTS(windows) && function->recipe; i++) {
        typed = value_in_text(suggested, windows[i].name);
        if (typed && !function->lateral && !*gwy_params_get_string(params, windows[i].id)
            && !windows_fit(source, function)) {
            add_to_text(text, windows[i].name, typed);
            if (evaluated)
                gwy_param_table_set_string(evaluated, windows[i].id, typed);
        }
        g_free(typed);
    }
    return g_string_free(text, !text->len);
}
