/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What is wrong with what is typed, in the words of the dialog. */
#include "tesm.h"

static gchar*
problem_of_entry(const gchar *text, const gchar *name, const gchar *kind, const gchar *example)
{
    return g_strdup_printf("%s: '%s' is no %s (%s).", name, text, kind, example);
}

/* Where there is no D without a radius; NULL if it is there. */
static gchar*
problem_of_radius(GwyParams *params, const TesmSource *source)
{
    const TesmRadius *radius;
    gboolean known = FALSE;
    gchar *said;

    for (radius = tesm_radii; radius->option; radius++) {
        said = tesm_source_metadata(source, radius->name);
        known = known || said || gwy_params_get_boolean(params, radius->use);
        g_free(said);
    }
    if (!known)
        return g_strdup("Tip radius: the file does not say it: tick it and set it.");
    return NULL;
}

/* What cannot be understood of a part of the fit; NULL if all can. */
static gchar*
problem_of_fit(GwyParams *params, const TesmFunction *function, const TesmSource *source)
{
    static const struct { gint id; const gchar *name; } edges[] = {
        { TESM_WINDOW1, "Window 1" }, { TESM_WINDOW2, "Window 2" },
    };
    const gchar *text;
    guint i;

    for (i = 0; i < G_N_ELEMENTS(edges); i++) {
        text = gwy_params_get_string(params, edges[i].id);
        if (*text && tesm_params_use(params, edges[i].id) && !tesm_text_is_window(text))
            return problem_of_entry(text, edges[i].name, "window", "e.g. 0 ms:10 ms, or none");
    }
    text = gwy_params_get_string(params, TESM_SKIP);
    if (*text && !tesm_text_is_quantity(text, "s"))
        return problem_of_entry(text, "Leave out after an edge", "time", "e.g. 0.1 ms");
    text = function->fits ? gwy_params_get_string(params, TESM_NUISANCE) : "";
    if (*text && tesm_params_use(params, TESM_NUISANCE) && !tesm_text_is_nuisance(text))
        return problem_of_entry(text, "Drift, step, mains", "list of these", "e.g. drift,step,mains:50Hz, or none");
    text = function->lateral ? gwy_params_get_string(params, TESM_PRIOR) : "";
    if (*text && !tesm_text_is_prior(text))
        return problem_of_entry(text, "How ln D varies", "standard deviation with a length", "e.g. 0.5:50 nm");
    return function->lateral || function->graphs ? problem_of_radius(params, source) : NULL;
}

/* As that, of how grains are found. */
static gchar*
problem_of_grains(GwyParams *params)
{
    const TesmGrainEntry *entry;
    gchar **parts, *name, *problem;
    const gchar *text;
    gboolean ok;

    for (entry = tesm_grain_entries; entry->option; entry++) {
        text = gwy_params_get_string(params, entry->id);
        ok = *entry->unit ? tesm_text_is_quantity(text, entry->unit) : tesm_text_is_number(text);
        if (!*text || ok)
            continue;
        parts = g_strsplit(entry->label, " (", 2);
        name = gwy_strreplace(parts[0], "_", "", (gsize)-1);
        problem = problem_of_entry(text, name, gwy_strequal(entry->unit, "m") ? "length"
                                               : *entry->unit ? "area" : "number", entry->example);
        g_free(name);
        g_strfreev(parts);
        return problem;
    }
    return NULL;
}

/* Whether windows are typed, so that the pulse need not be known. */
static gboolean
has_windows(GwyParams *params, const TesmFunction *function)
{
    return (function->recipe && tesm_params_use(params, TESM_WINDOW1)
            && (*gwy_params_get_string(params, TESM_WINDOW1) || *gwy_params_get_string(params, TESM_WINDOW2)));
}

/* Why the engine would refuse what is set, in the words of the dialog; NULL if nothing is known that it would. */
gchar*
tesm_params_problem(GwyParams *params, const TesmFunction *function, const TesmSource *source)
{
    const TesmFileValue *value;
    const gchar *text;
    gchar *problem;
    gboolean ok, needed;

    for (value = tesm_file_values; value->option; value++) {
        if (!tesm_source_has_traces(source) || tesm_source_says(source, value))
            continue;
        needed = (!function->on_image && value->id != TESM_VOLTAGE
                  && (value->id != TESM_LATERAL_UNIT || function->lateral)
                  && (value->id == TESM_TIME_UNIT || !has_windows(params, function)));
        if (!tesm_source_asks(source, value)) {
            if (needed)
                return g_strdup_printf("%s: not all of the volumes say it: see 'Protocol' in the menu.", value->name);
            continue;
        }
        text = gwy_params_get_string(params, value->id);
        ok = value->in_metadata ? tesm_text_is_quantity(text, value->unit) : tesm_text_is_unit(text, value->unit);
        if (*text && !ok)
            return problem_of_entry(text, value->name, !value->in_metadata ? "such unit"
                                                       : *value->unit == 'V' ? "voltage" : "time", value->example);
        if (!*text && needed)
            return g_strdup_printf("%s: the file does not say it (%s).", value->name, value->example);
    }
    if (function->reports && (problem = tesm_report_problem(params, source)))
        return problem;
    if (function->grains)
        return problem_of_grains(params);
    return function->recipe ? problem_of_fit(params, function, source) : NULL;
}
