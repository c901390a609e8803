/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What is set, as words of a command line. */
#include "tesm.h"

static const gchar *maximum_names[] = { "robust", "max", "p99" };
static const gchar *noise_names[] = { "measured", "white" };
static const gchar *sign_names[] = { "auto", "any" };
static const gchar *geometry_names[] = { "l2/tau", "l2/2tau", "l2/4tau", "l2/6tau", "l2/pi2tau", "4l2/pi2tau" };
static const gchar *method_names[] = { "auto", "edges", "domes" };

static void
add_option(GPtrArray *words, const gchar *option, gchar *value)
{
    /* In one word: a value such as -3 V would be taken for an option otherwise. */
    g_ptr_array_add(words, g_strconcat(option, "=", value, NULL));
    g_free(value);
}

static void
add_text_option(GPtrArray *words, const gchar *option, const gchar *text)
{
    if (text && *text)
        add_option(words, option, g_strdup(text));
}

/* Six digits are what the dialog shows; more would turn 25 nm into 25.000000000000004 nm.  Never printf: the decimal
 * point is the locale's there. */
static gchar*
text_from_number(gdouble value)
{
    gchar buffer[G_ASCII_DTOSTR_BUF_SIZE];

    return g_strdup(g_ascii_formatd(buffer, sizeof(buffer), "%.6g", value));
}

/* "27.5 nm ± 2.5 nm" as set, NULL if it is not. */
gchar*
tesm_radius_text(GwyParams *params, const TesmRadius *radius, const gchar *plus_minus)
{
    gchar *value, *error, *text;

    if (!gwy_params_get_boolean(params, radius->use))
        return NULL;
    value = text_from_number(1e9*gwy_params_get_double(params, radius->id));
    error = text_from_number(1e9*gwy_params_get_double(params, radius->error));
    if (gwy_params_get_double(params, radius->error) > 0.0)
        text = g_strdup_printf("%s nm %s %s nm", value, plus_minus, error);
    else
        text = g_strdup_printf("%s nm", value);
    g_free(value);
    g_free(error);
    return text;
}

/* A share of the map's maximum, or a number of standard errors of each pixel's own H. */
static void
add_threshold_words(GwyParams *params, GPtrArray *words)
{
    gboolean of_noise = tesm_params_use(params, TESM_SIGMAS);
    gchar *number = text_from_number(of_noise ? gwy_params_get_double(params, TESM_SIGMAS)
                                              : 100.0*gwy_params_get_double(params, TESM_THRESHOLD));

    add_option(words, "--threshold", g_strconcat(number, of_noise ? "sigma" : "%", NULL));
    if (!of_noise)
        add_text_option(words, "--threshold-of", maximum_names[gwy_params_get_enum(params, TESM_THRESHOLD_OF)]);
    g_free(number);
}

static void
add_recipe_words(GwyParams *params, GPtrArray *words)
{
    const TesmRadius *radius;
    gchar *text;

    for (radius = tesm_radii; radius->option; radius++) {
        if ((text = tesm_radius_text(params, radius, "+/-")))
            add_option(words, radius->option, text);
    }
    if (tesm_params_use(params, TESM_GEOMETRY))
        add_text_option(words, "--geometry", geometry_names[gwy_params_get_enum(params, TESM_GEOMETRY)]);
    if (tesm_params_use(params, TESM_WINDOW1)) {
        add_text_option(words, "--window1", gwy_params_get_string(params, TESM_WINDOW1));
        add_text_option(words, "--window2", gwy_params_get_string(params, TESM_WINDOW2));
    }
    add_text_option(words, "--skip-after-edge", gwy_params_get_string(params, TESM_SKIP));
}

static void
add_fit_words(GwyParams *params, GPtrArray *words)
{
    add_threshold_words(params, words);
    add_text_option(words, "--noise", noise_names[gwy_params_get_enum(params, TESM_NOISE)]);
    add_text_option(words, "--sign", sign_names[gwy_params_get_enum(params, TESM_SIGN)]);
    if (tesm_params_use(params, TESM_NUISANCE))
        add_text_option(words, "--nuisance", gwy_params_get_string(params, TESM_NUISANCE));
    add_text_option(words, "--kernel", tesm_kernel_name(gwy_params_get_enum(params, TESM_KERNEL)));
}

/* Without an image the engine takes the grains of the file, else it looks for them in the topography. */
static void
add_grain_words(GwyParams *params, const TesmSource *source, GPtrArray *words)
{
    const TesmGrainEntry *entry;
    gchar *title;

    if (gwy_params_get_boolean(params, TESM_USE_IMAGE)) {
        title = gwy_app_get_data_field_title(source->data, gwy_params_get_data_id(params, TESM_IMAGE_ID).id);
        add_option(words, "--from", title);
    }
    add_text_option(words, "--method", method_names[gwy_params_get_enum(params, TESM_METHOD)]);
    for (entry = tesm_grain_entries; entry->option; entry++)
        add_text_option(words, entry->option, gwy_params_get_string(params, entry->id));
}

static void
add_lateral_words(GwyParams *params, const TesmSource *source, GPtrArray *words)
{
    add_text_option(words, "--prior", gwy_params_get_string(params, TESM_PRIOR));
    if (tesm_source_count(source) > 1 && gwy_params_get_boolean(params, TESM_TOGETHER))
        g_ptr_array_add(words, g_strdup("--together"));
}

void
tesm_params_add_words(GwyParams *params, const TesmFunction *function, const TesmSource *source, GPtrArray *words)
{
    const TesmFileValue *value;

    if (source->chosen) {
        const GArray *traces = source->bricks->len ? source->bricks : source->lawns;

        add_option(words, "--traces", g_strdup_printf("%d", g_array_index(traces, gint, 0)));
    }
    if (function->on_image && !function->grains && source->channel >= 0)
        add_option(words, "--channel", g_strdup_printf("%d", source->channel));
    if (function->recipe)
        add_recipe_words(params, words);
    if (function->fits)
        add_fit_words(params, words);
    if (function->lateral)
        add_lateral_words(params, source, words);
    if (function->grains)
        add_grain_words(params, source, words);
    for (value = tesm_file_values; value->option; value++) {
        if (tesm_source_asks(source, value))
            add_text_option(words, value->option, gwy_params_get_string(params, value->id));
    }
    if (function->fits && !function->lateral && gwy_params_get_boolean(params, TESM_INTERVALS))
        g_ptr_array_add(words, g_strdup("--intervals"));
    if (function->fits && !function->lateral && !function->reports)
        g_ptr_array_add(words, g_strdup("--graphs"));
    if (function->reports && gwy_params_get_boolean(params, TESM_REPLACE))
        g_ptr_array_add(words, g_strdup("--overwrite"));
    if (function->grains || !(function->on_image || function->reports || function->graphs))
        g_ptr_array_add(words, g_strdup("--maps-only"));
    if (!function->graphs)
        g_ptr_array_add(words, g_strdup("--progress=lines"));
}
