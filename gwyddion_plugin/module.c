/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The functions as Gwyddion's menus have them, and the course that all of them take. */
#include <string.h>
#include <glib/gstdio.h>
#include "tesm.h"

#define RUN_MODES (GWY_RUN_INTERACTIVE | GWY_RUN_IMMEDIATE)

static gboolean module_register(void);

static GwyModuleInfo module_info = {
    GWY_MODULE_ABI_VERSION,
    &module_register,
    "Diffusion coefficients from time-domain electrochemical strain microscopy (t-ESM), by the engine tesm.",
    "The napari-tesm developers",
    TESM_VERSION,
    "The napari-tesm developers",
    "2026",
};

GWY_MODULE_QUERY2(module_info, tesm)

static const TesmFunction functions[] = {
    {
        "tesm_diffusion_maps", "Diffusion Maps", "/_t-ESM/_Diffusion Maps...",
        "Fit the traces of all pixels: maps of tau and D", "fit", TRUE, FALSE, FALSE, FALSE,
        "Each trace is fitted by one curve for the pulse and one for the time after it. D follows from the time constant "
        "and the radius; without a radius there are maps of τ alone.\n\n"
        "D1 and D2 (or τ) of the current volume are shown with their histogram; all other maps are in the data browser. "
        "Pixels without a value are marked in the mask.\n\n"
        "Windows count from the start of the pulse. Limits are those that hold τ and D of a pixel with 95 %; they take "
        "several times as long.",
    },
    {
        "tesm_lateral_diffusion", "Lateral Diffusion", "/_t-ESM/_Lateral Diffusion...",
        "Take lateral diffusion out: D at the place itself, from the traces around it", "lateral", TRUE, TRUE, FALSE, TRUE,
        "Ions also move from pixel to pixel. One D(x, y) is sought that explains all traces of the map together, which "
        "takes a radius and pixels in metres.\n\n"
        "The kernel says whether the pulse drives ions through the surface or holds their concentration under the tip. "
        "What is resolved, and whether the traces are described, stands in a window of its own.",
    },
    {
        "tesm_displacement_map", "Displacement Map", "/_t-ESM/Displacement _Map...",
        "Map of H, the displacement caused by the pulse", "displacement", FALSE, FALSE, FALSE, FALSE,
        "H is the mean of the last samples of the pulse less the mean of those before it, with its sign. Nothing is "
        "fitted.",
    },
    {
        "tesm_which_kernel", "Which Kernel?", "/_t-ESM/Which _Kernel?...",
        "Compare kernels on the same traces: which of them do the data support", "kernels", FALSE, FALSE, FALSE, TRUE,
        "Kernels are compared on the same samples of every pixel with a response, by AICc: exponential, stretched, "
        "flux-pulse and clamped.\n\n"
        "The verdict and what D comes to over the kernels stand in a window of their own. The map of the best kernel is "
        "shown, the evidence and the misfit are in the data browser.",
    },
    {
        "tesm_region_statistics", "Region Statistics", "/_t-ESM/_Region Statistics...",
        "D and mean traces inside and outside of what is drawn on the channel", "regions", FALSE, FALSE, TRUE, TRUE,
        "What is drawn on the current channel (selections, the mask) is compared with the rest; nothing drawn is the "
        "whole image.\n\n"
        "The table can be copied and saved, and stays in the metadata of the channel. A second run changes the graphs "
        "that are there.",
    },
    {
        "tesm_open_in_napari", "Open in napari", "/_t-ESM/_Open in napari",
        "Open the file in napari, with the t-ESM workspace beside it", NULL, FALSE, FALSE, FALSE, FALSE, NULL,
    },
};

GQuark
tesm_error_quark(void)
{
    return g_quark_from_static_string("tesm-error");
}

/* What the engine has printed, without its last line about a file that is no more. */
static void
show_table(const TesmSource *source, const TesmFunction *function, gchar *printed)
{
    gchar *last;

    g_strchomp(printed);
    last = strrchr(printed, '\n');
    if (last && g_str_has_prefix(last + 1, "Written: "))
        *last = '\0';
    g_strchomp(printed);
    if (!*printed)
        return;
    if (function->about_regions)
        tesm_results_keep_table(source, printed);
    if (source->window)
        tesm_show_table(source->window, function->title, printed, function->lateral);
}

/* A large volume takes seconds, in which nothing else can be shown. */
static gboolean
write_input(const TesmSource *source, const gchar *path, GError **error)
{
    gboolean ok;

    if (source->window)
        gwy_app_wait_cursor_start(source->window);
    ok = tesm_handover_write(source, path, error);
    if (source->window)
        gwy_app_wait_cursor_finish(source->window);
    return ok;
}

static gboolean
call_engine(const TesmSource *source, const TesmFunction *function, GwyParams *params, const gchar *folder,
            GError **error)
{
    gchar *input = tesm_handover_path(source->data, folder), *output_folder = g_build_filename(folder, "out", NULL);
    gchar *output = g_build_filename(output_folder, "out" TESM_FILE_ENDING, NULL);
    gchar *engine = NULL, *printed = NULL;
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    gboolean ok = FALSE;

    g_mkdir(output_folder, 0700);
    if ((engine = tesm_engine_find(gwy_params_get_string(params, TESM_ENGINE), NULL, error))
        && write_input(source, input, error)) {
        g_ptr_array_add(words, g_strdup(engine));
        g_ptr_array_add(words, g_strdup(function->command));
        g_ptr_array_add(words, g_strdup(input));
        g_ptr_array_add(words, g_strdup("-o"));
        g_ptr_array_add(words, g_strdup(output));
        tesm_params_add_words(params, function, source, words);
        g_ptr_array_add(words, NULL);
        ok = (tesm_process_run((gchar**)words->pdata, source->window, function->title, &printed, error)
              && tesm_results_adopt(source, function, output, error) >= 0);
    }
    /* As what an inversion has to say against itself. */
    if (ok && function->tells)
        show_table(source, function, printed);
    g_ptr_array_free(words, TRUE);
    g_free(printed);
    g_free(engine);
    g_free(output);
    g_free(output_folder);
    g_free(input);
    return ok;
}

/* The engine names the files it was given; the user knows them without the folder. */
static void
forget_folder(GError *error, const gchar *folder)
{
    gchar *prefix = g_strconcat(folder, G_DIR_SEPARATOR_S, NULL), *message;

    if (error && strstr(error->message, prefix)) {
        message = gwy_strreplace(error->message, prefix, "", (gsize)-1);
        g_free(error->message);
        error->message = message;
    }
    g_free(prefix);
}

/* The same again is what nobody is asked about: it takes the values of these traces, and nobody else's. */
static gboolean
can_be_repeated(const TesmSource *source, const TesmFunction *function, GError **error)
{
    gchar *names = tesm_entered_missing(source, function);

    if (!names)
        return TRUE;
    g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED,
                "Typed for other traces (%s) and not known of these: %s. Choose '%s' in the menu, to take it over or to "
                "type it.", tesm_entered_origin(), names, function->title);
    g_free(names);
    return FALSE;
}

/* Asks for the parameters, if somebody is to be asked, and has the engine do it. */
static gboolean
make_data(TesmSource *source, const TesmFunction *function, GwyRunType run, GError **error)
{
    GwyParams *params;
    gboolean ok = FALSE, wanted;
    gchar *folder;

    if (!function->about_regions && !tesm_source_has_traces(source)) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED,
                    "This file holds no volume and no curve map with the pixels of this channel: there are no traces "
                    "to work on.");
        return FALSE;
    }
    params = tesm_params_new(function, source);
    wanted = run == GWY_RUN_IMMEDIATE || tesm_dialog_run(params, function, source);
    if (wanted && !function->about_regions && tesm_params_choose(params, source) && run == GWY_RUN_IMMEDIATE)
        tesm_entered_load(source, function, params);
    /* Also where nobody was asked: the log takes the parameters from the settings. */
    tesm_params_save(params);
    if (wanted && run != GWY_RUN_IMMEDIATE)
        tesm_entered_remember(source, function, params);
    if (wanted && (run != GWY_RUN_IMMEDIATE || can_be_repeated(source, function, error))
        && (folder = tesm_folder_new(error))) {
        ok = call_engine(source, function, params, folder, error);
        forget_folder(*error, folder);
        tesm_folder_remove(folder);
    }
    if (ok && run != GWY_RUN_IMMEDIATE)
        tesm_entered_keep(source, function, params);
    g_object_unref(params);
    return ok;
}

static void
run_function(GwyContainer *data, GwyRunType run, const gchar *name, TesmMenu menu)
{
    const TesmFunction *function = functions;
    TesmSource *source;
    GError *error = NULL;

    g_return_if_fail(run & RUN_MODES);
    while (!gwy_strequal(function->name, name))
        function++;
    source = tesm_source_new(data, menu, function->about_regions);
    if (function->command)
        make_data(source, function, run, &error);
    else
        tesm_open_in_napari(source, function, &error);
    if (error && !g_error_matches(error, TESM_ERROR, TESM_ERROR_CANCELLED))
        tesm_show_error(source->window, function->title, error);
    g_clear_error(&error);
    tesm_source_free(source);
}

TESM_MENU_FUNCTION(run_on_image, image, TESM_IMAGE)
TESM_MENU_FUNCTION(run_on_volume, volume, TESM_VOLUME)
TESM_MENU_FUNCTION(run_on_curve_map, cmap, TESM_CURVE_MAP)

static gboolean
module_register(void)
{
    const TesmFunction *function;

    for (function = functions; function < functions + G_N_ELEMENTS(functions); function++) {
        gwy_process_func_register(function->name, run_on_image, function->menu_path, NULL, RUN_MODES,
                                  GWY_MENU_FLAG_DATA, function->tooltip);
        gwy_volume_func_register(function->name, run_on_volume, function->menu_path, NULL, RUN_MODES,
                                 GWY_MENU_FLAG_VOLUME, function->tooltip);
        gwy_curve_map_func_register(function->name, run_on_curve_map, function->menu_path, NULL, RUN_MODES,
                                    GWY_MENU_FLAG_CURVE_MAP, function->tooltip);
    }
    return TRUE;
}
