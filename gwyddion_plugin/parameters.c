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

static const GwyEnum noises[] = {
    { "as measured",    0 },
    { "taken for white", 1 },
};

static const GwyEnum signs[] = {
    { "judged",     0 },
    { "any will do", 1 },
};

static const GwyEnum geometries[] = {
    { "D = l²/τ",      0 },
    { "D = l²/2τ",     1 },
    { "D = l²/4τ",     2 },
    { "D = l²/6τ",     3 },
    { "D = l²/π²τ",    4 },
    { "D = 4l²/π²τ",   5 },
};

/* Asked for only where the file does not say it: a value remembered from another file must not win over this one's. */
const TesmFileValue tesm_file_values[] = {
    { TESM_START,        "--pulse-start",    "Pulse start",            TRUE,  "s", "e.g. 0 ms"  },
    { TESM_DURATION,     "--pulse-duration", "Pulse duration",         TRUE,  "s", "e.g. 10 ms" },
    { TESM_VOLTAGE,      "--voltage",        "Pulse voltage",          TRUE,  "V", "e.g. -3 V"  },
    { TESM_TIME_UNIT,    "--time-unit",      "Unit of the time axis",  FALSE, "s", "e.g. s"     },
    { TESM_LATERAL_UNIT, "--lateral-unit",   "Unit of the image axes", FALSE, "m", "e.g. nm"    },
    { 0, NULL, NULL, FALSE, NULL, NULL },
};

static const GwyEnum methods[] = {
    { "what describes it better", 0 },
    { "steep edges",              1 },
    { "tops and grooves",         2 },
};

/* How grains are found and compared; what is empty, the engine finds itself. */
const TesmGrainEntry tesm_grain_entries[] = {
    { TESM_SMOOTH,       "--smooth",       "smooth",       "S_moothing (empty: by the noise)",            "m",  "e.g. 5 nm"    },
    { TESM_MIN_AREA,     "--min-area",     "min_area",     "Smallest _grain (empty: by the smoothing)",   "m2", "e.g. 500 nm2" },
    { TESM_NOISE_FACTOR, "--noise-factor", "noise_factor", "Borders above n_oise (empty: 1.5 times)",     "",   "e.g. 2"       },
    { TESM_CONTRAST,     "--contrast",     "contrast",     "Borders above _others (empty: 0.15 of them)", "",   "e.g. 0.3"     },
    { TESM_WIDTH,        "--width",        "width",        "_Band at boundaries (empty: twice the tip)",  "m",  "e.g. 30 nm"   },
    { TESM_BIN,          "--bin",          "bin",          "B_ins of distance (empty: two pixels)",       "m",  "e.g. 10 nm"   },
    { 0, NULL, NULL, NULL, NULL, NULL },
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

/* What makes D of a trace. */
static void
define_recipe(GwyParamDef *definition, const TesmFunction *function)
{
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
    gwy_param_def_add_gwyenum(definition, TESM_KERNEL, "kernel", "_Kernel",
                              function->lateral ? lateral_kernels : kernels,
                              function->lateral ? G_N_ELEMENTS(lateral_kernels)
                              : function->fits ? G_N_ELEMENTS(kernels) : 1,
                              first_kernel(function));
    add_text(definition, TESM_WINDOW1, "window1", "Window _1 (empty: the pulse)");
    add_text(definition, TESM_WINDOW2, "window2", "Window _2 (empty: after the pulse)");
    add_text(definition, TESM_SKIP, "skip_after_edge", "_Leave out after an edge");
}

static void
define_fit(GwyParamDef *definition)
{
    gwy_param_def_add_percentage(definition, TESM_THRESHOLD, "threshold", "T_hreshold of |H|", 0.15);
    gwy_param_def_add_gwyenum(definition, TESM_THRESHOLD_OF, "threshold_of", "o_f the", maxima,
                              G_N_ELEMENTS(maxima), 0);
    gwy_param_def_add_double(definition, TESM_SIGMAS, "sigmas", "Standard errors of H", 0.0, 100.0, 5.0);
    gwy_param_def_add_gwyenum(definition, TESM_NOISE, "noise", "_Noise", noises, G_N_ELEMENTS(noises), 0);
    add_text(definition, TESM_NUISANCE, "nuisance", "Drift, step, _mains (empty: found)");
    gwy_param_def_add_gwyenum(definition, TESM_SIGN, "sign", "S_ign of a pixel", signs, G_N_ELEMENTS(signs), 0);
    gwy_param_def_add_boolean(definition, TESM_INTERVALS, "intervals", "Limits of _τ and D in each pixel", FALSE);
}

static void
define_grains(GwyParamDef *definition)
{
    const TesmGrainEntry *entry;

    gwy_param_def_add_boolean(definition, TESM_USE_IMAGE, "find_anew", "Find them in one image", FALSE);
    gwy_param_def_add_image_id(definition, TESM_IMAGE_ID, "source", "_Find them anew in");
    gwy_param_def_add_gwyenum(definition, TESM_METHOD, "method", "B_y", methods, G_N_ELEMENTS(methods), 0);
    for (entry = tesm_grain_entries; entry->option; entry++)
        add_text(definition, entry->id, entry->name, entry->label);
}

static GwyParamDef*
new_definition(const TesmFunction *function)
{
    GwyParamDef *definition = gwy_param_def_new();

    /* The log shows the settings that are stored under the name of the function. */
    gwy_param_def_set_function_name(definition, function->name);
    if (function->recipe)
        define_recipe(definition, function);
    if (function->fits)
        define_fit(definition);
    if (function->lateral) {
        add_text(definition, TESM_PRIOR, "prior", "Ho_w ln D varies (empty: found)");
        gwy_param_def_add_boolean(definition, TESM_TOGETHER, "together", "All _pulse settings share their D", FALSE);
    }
    if (function->grains)
        define_grains(definition);
    if (function->reports) {
        add_text(definition, TESM_FOLDER, "folder", "Fol_der");
        gwy_param_def_add_boolean(definition, TESM_REPLACE, "replace", "Replace a re_port that is there", FALSE);
    }
    add_text(definition, TESM_START, "pulse_start", "Pulse s_tart");
    add_text(definition, TESM_DURATION, "pulse_duration", "Pulse _duration");
    add_text(definition, TESM_VOLTAGE, "voltage", "Pulse _voltage");
    add_text(definition, TESM_TIME_UNIT, "time_unit", "_Unit of the time axis");
    add_text(definition, TESM_LATERAL_UNIT, "lateral_unit", "U_nit of the image axes");
    if (!function->on_image) {
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

/* As that, of the image in which grains are to be found; else it is the current one, to be ticked. */
static void
suggest_image(GwyParams *params, const TesmSource *source)
{
    GwyAppDataId image = gwy_params_get_data_id(params, TESM_IMAGE_ID);
    GwyDataField *field = NULL;

    if (image.datano == gwy_app_data_browser_get_number(source->data) && image.id >= 0)
        gwy_container_gis_object(source->data, gwy_app_get_data_key_for_id(image.id), &field);
    if (field && tesm_source_has_grid(source, field))
        return;
    image.datano = gwy_app_data_browser_get_number(source->data);
    image.id = source->channel;
    gwy_params_set_image_id(params, TESM_IMAGE_ID, image);
    gwy_params_set_boolean(params, TESM_USE_IMAGE, FALSE);
}

/* What was typed of a file comes from that file; the rest is how to evaluate, and remembered. */
GwyParams*
tesm_params_new(const TesmFunction *function, const TesmSource *source)
{
    static GHashTable *definitions = NULL;
    GwyParamDef *definition;
    GwyParams *params;
    gchar *engine, *folder;

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
    if (!function->on_image && !volume_is_chosen(params, source))
        gwy_params_set_boolean(params, TESM_USE_VOLUME, FALSE);
    if (function->grains)
        suggest_image(params, source);
    if (function->reports) {
        folder = tesm_report_folder(source);
        gwy_params_set_string(params, TESM_FOLDER, folder);
        gwy_params_set_boolean(params, TESM_REPLACE, FALSE);
        g_free(folder);
    }
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
