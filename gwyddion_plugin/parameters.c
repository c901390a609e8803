/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What can be set, as Gwyddion remembers it and as the engine is told. */
#include "tesm.h"

#define FLUX_PULSE 6         /* of the kernels, the first with a lateral form */
#define TESM_OF_NOISE 3      /* what a threshold is of: no maximum */

static const GwyEnum kernels[] = {
    { "Exponential",       0 },
    { "Stretched",         1 },
    { "Two exponentials",  2 },
    { "Power law",         3 },
    { "erfc",              4 },
    { "Gaussian source",   5 },
    { "Flux pulse",        6 },
    { "Clamped",           7 },
};

/* Those that say what happens at the surface, with the numbers they have above. */
static const GwyEnum lateral_kernels[] = {
    { "Flux pulse",        FLUX_PULSE },
    { "Clamped",           7 },
};

/* What has no place beside a kernel is not sent: the engine refuses it, and what is remembered was another kernel's. */
static const struct {
    const gchar *name;
    gboolean own_geometry;   /* it says itself how D follows from tau */
    gboolean joint;          /* it describes pulse and relaxation together: no windows */
    gboolean own_shape;      /* it has parameters beside its time: nothing is fitted beside it */
} kernel_traits[] = {
    { "exponential",     FALSE, FALSE, FALSE },
    { "stretched",       FALSE, FALSE, TRUE  },
    { "biexponential",   FALSE, FALSE, TRUE  },
    { "power",           FALSE, FALSE, TRUE  },
    { "erfc",            TRUE,  FALSE, FALSE },
    { "gaussian-source", TRUE,  FALSE, FALSE },
    { "flux-pulse",      TRUE,  TRUE,  FALSE },
    { "clamped",         TRUE,  TRUE,  FALSE },
};

static const GwyEnum maxima[] = {
    { "maximum of three neighbours", 0 },
    { "plain maximum",               1 },
    { "99th percentile",             2 },
    { "noise of H in each pixel",    TESM_OF_NOISE },
};
static const gchar *maximum_names[] = { "robust", "max", "p99" };

static const GwyEnum noises[] = {
    { "as measured",    0 },
    { "taken for white", 1 },
};
static const gchar *noise_names[] = { "measured", "white" };

static const GwyEnum signs[] = {
    { "judged",     0 },
    { "any will do", 1 },
};
static const gchar *sign_names[] = { "auto", "any" };

static const GwyEnum geometries[] = {
    { "D = l²/τ",      0 },
    { "D = l²/2τ",     1 },
    { "D = l²/4τ",     2 },
    { "D = l²/6τ",     3 },
    { "D = l²/π²τ",    4 },
    { "D = 4l²/π²τ",   5 },
};
static const gchar *geometry_names[] = { "l2/tau", "l2/2tau", "l2/4tau", "l2/6tau", "l2/pi2tau", "4l2/pi2tau" };

/* Asked for only where the file does not say it: a value remembered from another file must not win over this one's. */
const TesmFileValue tesm_file_values[] = {
    { TESM_START,        "--pulse-start",    "Pulse start",            TRUE,  "s", "e.g. 0 ms"  },
    { TESM_DURATION,     "--pulse-duration", "Pulse duration",         TRUE,  "s", "e.g. 10 ms" },
    { TESM_VOLTAGE,      "--voltage",        "Pulse voltage",          TRUE,  "V", "e.g. -3 V"  },
    { TESM_TIME_UNIT,    "--time-unit",      "Unit of the time axis",  FALSE, "s", "e.g. s"     },
    { TESM_LATERAL_UNIT, "--lateral-unit",   "Unit of the image axes", FALSE, "m", "e.g. nm"    },
    { 0, NULL, NULL, FALSE, NULL, NULL },
};

const TesmRadius tesm_radii[] = {
    { TESM_RADIUS,  TESM_USE_RADIUS,  TESM_RADIUS_ERROR,  "--tip-radius",     "Tip radius"     },
    { TESM_CONTACT, TESM_USE_CONTACT, TESM_CONTACT_ERROR, "--contact-radius", "Contact radius" },
    { 0, 0, 0, NULL, NULL },
};

static void
add_text(GwyParamDef *definition, gint id, const gchar *name, const gchar *label)
{
    gwy_param_def_add_string(definition, id, name, label, GWY_PARAM_STRING_NULL_IS_EMPTY, NULL, "");
}

static gint
first_kernel(const TesmFunction *function)
{
    return function->lateral ? FLUX_PULSE : 0;
}

static GwyParamDef*
new_definition(const TesmFunction *function)
{
    GwyParamDef *definition = gwy_param_def_new();

    /* The log shows the settings that are stored under the name of the function. */
    gwy_param_def_set_function_name(definition, function->name);
    if (function->fits) {
        gwy_param_def_add_boolean(definition, TESM_USE_RADIUS, "use_tip_radius", "Set the tip radius", FALSE);
        gwy_param_def_add_double(definition, TESM_RADIUS, "tip_radius", "_Tip radius", 1e-9, 1e-5, 25e-9);
        gwy_param_def_add_double(definition, TESM_RADIUS_ERROR, "tip_radius_error", "Its _standard error", 0.0, 1e-6,
                                 0.0);
        gwy_param_def_add_boolean(definition, TESM_USE_CONTACT, "use_contact_radius", "Set the contact radius", FALSE);
        gwy_param_def_add_double(definition, TESM_CONTACT, "contact_radius", "_Contact radius", 1e-10, 1e-5, 5e-9);
        gwy_param_def_add_double(definition, TESM_CONTACT_ERROR, "contact_radius_error",
                                 "Error of the contact _radius", 0.0, 1e-6, 0.0);
        gwy_param_def_add_gwyenum(definition, TESM_GEOMETRY, "geometry", "_Geometry", geometries,
                                  G_N_ELEMENTS(geometries), 0);
        gwy_param_def_add_percentage(definition, TESM_THRESHOLD, "threshold", "T_hreshold of |H|", 0.15);
        gwy_param_def_add_gwyenum(definition, TESM_THRESHOLD_OF, "threshold_of", "o_f the", maxima,
                                  G_N_ELEMENTS(maxima), 0);
        gwy_param_def_add_double(definition, TESM_SIGMAS, "sigmas", "Standard errors of H", 0.0, 100.0, 5.0);
        gwy_param_def_add_gwyenum(definition, TESM_NOISE, "noise", "_Noise", noises, G_N_ELEMENTS(noises), 0);
        add_text(definition, TESM_NUISANCE, "nuisance", "Drift, step, _mains (empty: found)");
        gwy_param_def_add_gwyenum(definition, TESM_SIGN, "sign", "S_ign of a pixel", signs, G_N_ELEMENTS(signs), 0);
        gwy_param_def_add_gwyenum(definition, TESM_KERNEL, "kernel", "_Kernel",
                                  function->lateral ? lateral_kernels : kernels,
                                  function->lateral ? G_N_ELEMENTS(lateral_kernels) : G_N_ELEMENTS(kernels),
                                  first_kernel(function));
        add_text(definition, TESM_WINDOW1, "window1", "Window _1 (empty: the pulse)");
        add_text(definition, TESM_WINDOW2, "window2", "Window _2 (empty: after the pulse)");
        add_text(definition, TESM_SKIP, "skip_after_edge", "_Leave out after an edge");
        gwy_param_def_add_boolean(definition, TESM_INTERVALS, "intervals", "Limits of _τ and D in each pixel", FALSE);
    }
    if (function->lateral) {
        add_text(definition, TESM_PRIOR, "prior", "Ho_w ln D varies (empty: found)");
        gwy_param_def_add_boolean(definition, TESM_TOGETHER, "together", "All _pulse settings share their D", FALSE);
    }
    add_text(definition, TESM_START, "pulse_start", "Pulse s_tart");
    add_text(definition, TESM_DURATION, "pulse_duration", "Pulse _duration");
    add_text(definition, TESM_VOLTAGE, "voltage", "Pulse _voltage");
    add_text(definition, TESM_TIME_UNIT, "time_unit", "_Unit of the time axis");
    add_text(definition, TESM_LATERAL_UNIT, "lateral_unit", "U_nit of the image axes");
    if (!function->about_regions) {
        gwy_param_def_add_boolean(definition, TESM_USE_VOLUME, "one_volume", "One volume only", FALSE);
        gwy_param_def_add_volume_id(definition, TESM_VOLUME_ID, "volume", "Onl_y");
    }
    add_text(definition, TESM_ENGINE, "engine", "_Engine (empty: found by itself)");
    return definition;
}

/* Whether one of the volumes of these data was chosen: what is remembered may be of another file. */
static gboolean
volume_is_chosen(GwyParams *params, const TesmSource *source)
{
    GwyAppDataId volume = gwy_params_get_data_id(params, TESM_VOLUME_ID);

    return (source->menu == TESM_IMAGE && gwy_params_get_boolean(params, TESM_USE_VOLUME)
            && volume.datano == gwy_app_data_browser_get_number(source->data)
            && tesm_source_has_volume(source, volume.id));
}

/* What was typed of a file comes from that file; the rest is how to evaluate, and remembered. */
GwyParams*
tesm_params_new(const TesmFunction *function, const TesmSource *source)
{
    static GHashTable *definitions = NULL;
    GwyParamDef *definition;
    GwyParams *params;
    gchar *engine;

    if (!definitions)
        definitions = g_hash_table_new(g_str_hash, g_str_equal);
    if (!(definition = g_hash_table_lookup(definitions, function->name))) {
        definition = new_definition(function);
        g_hash_table_insert(definitions, (gpointer)function->name, definition);
    }
    params = gwy_params_new_from_settings(definition);
    engine = tesm_engine_setting();
    gwy_params_set_string(params, TESM_ENGINE, engine);
    /* What was remembered may be of a later engine. */
    if (function->fits && !tesm_engine_knows(tesm_kernel_name(gwy_params_get_enum(params, TESM_KERNEL))))
        gwy_params_set_enum(params, TESM_KERNEL, first_kernel(function));
    g_free(engine);
    tesm_entered_load(source, function, params);
    if (!function->about_regions && !volume_is_chosen(params, source))
        gwy_params_set_boolean(params, TESM_USE_VOLUME, FALSE);
    return params;
}

void
tesm_params_save(GwyParams *params)
{
    tesm_engine_set(gwy_params_get_string(params, TESM_ENGINE));
    gwy_params_save_to_settings(params);
}

/* One volume instead of all on the grid of the channel; returns whether it is so. */
gboolean
tesm_params_choose(GwyParams *params, TesmSource *source)
{
    if (!volume_is_chosen(params, source))
        return FALSE;
    tesm_source_choose_volume(source, gwy_params_get_data_id(params, TESM_VOLUME_ID).id);
    return TRUE;
}

const gchar*
tesm_kernel_name(gint kernel)
{
    return kernel_traits[kernel].name;
}

/* Whether a parameter of the fit means something beside the kernel that is chosen. */
gboolean
tesm_params_use(GwyParams *params, gint id)
{
    gint kernel = gwy_params_get_enum(params, TESM_KERNEL);

    if (id == TESM_GEOMETRY)
        return !kernel_traits[kernel].own_geometry;
    if (id == TESM_WINDOW1 || id == TESM_WINDOW2)
        return !kernel_traits[kernel].joint;
    if (id == TESM_NUISANCE)
        return !kernel_traits[kernel].own_shape;
    if (id == TESM_THRESHOLD)
        return gwy_params_get_enum(params, TESM_THRESHOLD_OF) != TESM_OF_NOISE;
    if (id == TESM_SIGMAS)
        return gwy_params_get_enum(params, TESM_THRESHOLD_OF) == TESM_OF_NOISE;
    return TRUE;
}

static gchar*
problem_of_entry(const gchar *text, const gchar *name, const gchar *kind, const gchar *example)
{
    return g_strdup_printf("%s: '%s' is no %s (%s).", name, text, kind, example);
}

/* What taking lateral diffusion out needs beside a fit; NULL if all is there. */
static gchar*
problem_of_lateral(GwyParams *params, const TesmSource *source)
{
    const gchar *text = gwy_params_get_string(params, TESM_PRIOR);
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
    if (*text && !tesm_text_is_prior(text))
        return problem_of_entry(text, "How ln D varies", "standard deviation with a length", "e.g. 0.5:50 nm");
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
    return function->lateral ? problem_of_lateral(params, source) : NULL;
}

/* Whether windows are typed, so that the pulse need not be known. */
static gboolean
has_windows(GwyParams *params, const TesmFunction *function)
{
    return (function->fits && tesm_params_use(params, TESM_WINDOW1)
            && (*gwy_params_get_string(params, TESM_WINDOW1) || *gwy_params_get_string(params, TESM_WINDOW2)));
}

/* Why the engine would refuse what is set, in the words of the dialog; NULL if nothing is known that it would. */
gchar*
tesm_params_problem(GwyParams *params, const TesmFunction *function, const TesmSource *source)
{
    const TesmFileValue *value;
    const gchar *text;
    gboolean ok;

    for (value = tesm_file_values; value->option; value++) {
        if (!tesm_source_has_traces(source) || tesm_source_says(source, value))
            continue;
        text = gwy_params_get_string(params, value->id);
        ok = value->in_metadata ? tesm_text_is_quantity(text, value->unit) : tesm_text_is_unit(text, value->unit);
        if (*text && !ok)
            return problem_of_entry(text, value->name, !value->in_metadata ? "such unit"
                                                       : *value->unit == 'V' ? "voltage" : "time", value->example);
        if (!*text && !function->about_regions && value->id != TESM_VOLTAGE
            && (value->id != TESM_LATERAL_UNIT || function->lateral)
            && (value->id == TESM_TIME_UNIT || !has_windows(params, function)))
            return g_strdup_printf("%s: the file does not say it (%s).", value->name, value->example);
    }
    return function->fits ? problem_of_fit(params, function, source) : NULL;
}

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
add_fit_words(GwyParams *params, GPtrArray *words)
{
    const TesmRadius *radius;
    gchar *text;

    for (radius = tesm_radii; radius->option; radius++) {
        if ((text = tesm_radius_text(params, radius, "+/-")))
            add_option(words, radius->option, text);
    }
    if (tesm_params_use(params, TESM_GEOMETRY))
        add_text_option(words, "--geometry", geometry_names[gwy_params_get_enum(params, TESM_GEOMETRY)]);
    add_threshold_words(params, words);
    add_text_option(words, "--noise", noise_names[gwy_params_get_enum(params, TESM_NOISE)]);
    add_text_option(words, "--sign", sign_names[gwy_params_get_enum(params, TESM_SIGN)]);
    if (tesm_params_use(params, TESM_NUISANCE))
        add_text_option(words, "--nuisance", gwy_params_get_string(params, TESM_NUISANCE));
    add_text_option(words, "--kernel", tesm_kernel_name(gwy_params_get_enum(params, TESM_KERNEL)));
    if (tesm_params_use(params, TESM_WINDOW1)) {
        add_text_option(words, "--window1", gwy_params_get_string(params, TESM_WINDOW1));
        add_text_option(words, "--window2", gwy_params_get_string(params, TESM_WINDOW2));
    }
    add_text_option(words, "--skip-after-edge", gwy_params_get_string(params, TESM_SKIP));
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
    if (function->about_regions && source->channel >= 0)
        add_option(words, "--channel", g_strdup_printf("%d", source->channel));
    if (function->fits)
        add_fit_words(params, words);
    if (function->lateral)
        add_lateral_words(params, source, words);
    for (value = tesm_file_values; value->option; value++) {
        if (!tesm_source_says(source, value))
            add_text_option(words, value->option, gwy_params_get_string(params, value->id));
    }
    if (!function->about_regions)
        g_ptr_array_add(words, g_strdup("--maps-only"));
    if (function->fits && !function->lateral) {
        g_ptr_array_add(words, g_strdup("--graphs"));
        if (gwy_params_get_boolean(params, TESM_INTERVALS))
            g_ptr_array_add(words, g_strdup("--intervals"));
    }
    g_ptr_array_add(words, g_strdup("--progress=lines"));
}
