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
        .name = "tesm_diffusion_maps", .title = "Diffusion Maps", .menu_path = "/_t-ESM/_Diffusion Maps...",
        .tooltip = "Fit the traces of all pixels: maps of tau and D",
        .command = "fit", .recipe = TRUE, .fits = TRUE,
        .help =
        "Each trace is fitted by one curve for the pulse and one for the time after it. D follows from the time constant "
        "and the radius; without a radius there are maps of τ alone.\n\n"
        "D1 and D2 (or τ) of the current volume are shown with their histogram; all other maps are in the data browser. "
        "Pixels without a value are marked in the mask.\n\n"
        "Windows count from the start of the pulse. Limits are those that hold τ and D of a pixel with 95 %; they take "
        "several times as long.",
    },
    {
        .name = "tesm_lateral_diffusion", .title = "Lateral Diffusion", .menu_path = "/_t-ESM/_Lateral Diffusion...",
        .tooltip = "Take lateral diffusion out: D at the place itself, from the traces around it",
        .command = "lateral", .recipe = TRUE, .fits = TRUE, .lateral = TRUE, .tells = TRUE,
        .help =
        "Ions also move from pixel to pixel. One D(x, y) is sought that explains all traces of the map together, which "
        "takes a radius and pixels in metres.\n\n"
        "The kernel says whether the pulse drives ions through the surface or holds their concentration under the tip. "
        "What is resolved, and whether the traces are described, stands in a window of its own.",
    },
    {
        .name = "tesm_displacement_map", .title = "Displacement Map", .menu_path = "/_t-ESM/Displacement _Map...",
        .tooltip = "Map of H, the displacement caused by the pulse",
        .command = "displacement",
        .help =
        "H is the mean of the last samples of the pulse less the mean of those before it, with its sign. Nothing is "
        "fitted.",
    },
    {
        .name = "tesm_which_kernel", .title = "Which Kernel?", .menu_path = "/_t-ESM/Which _Kernel?...",
        .tooltip = "Compare kernels on the same traces: which of them do the data support",
        .command = "kernels", .tells = TRUE,
        .help =
        "Kernels are compared on the same samples of every pixel with a response, by AICc: exponential, stretched, "
        "flux-pulse and clamped.\n\n"
        "The verdict and what D comes to over the kernels stand in a window of their own. The map of the best kernel is "
        "shown, the evidence and the misfit are in the data browser.",
    },
    {
        .name = "tesm_null_curve", .title = "Null Curve", .menu_path = "/_t-ESM/_Null Curve...",
        .tooltip = "What D1, D2 and D2/D1 pure diffusion would have shown with this pulse and these windows",
        .command = "null", .recipe = TRUE, .graphs = TRUE, .tells = TRUE,
        .help =
        "Diffusion makes no exponentials: one D alone gives a D1 and a D2 that differ from it and from each other. What a "
        "map shows beyond that is a finding.\n\n"
        "Computed for pulse, sampling and radius of these traces and for the windows and the geometry that are set here; "
        "the traces themselves do not matter. The way back to the true D stands in a window of its own, beside graphs of "
        "the apparent D and of D2/D1.",
    },
    {
        .name = "tesm_region_statistics", .title = "Region Statistics", .menu_path = "/_t-ESM/_Region Statistics...",
        .tooltip = "D and mean traces inside and outside of what is drawn on the channel",
        .command = "regions", .on_image = TRUE, .tells = TRUE, .kept = "Region statistics",
        .help =
        "What is drawn on the current channel (selections, the mask) is compared with the rest; nothing drawn is the "
        "whole image.\n\n"
        "The table can be copied and saved, and stays in the metadata of the channel. A second run changes the graphs "
        "that are there.",
    },
    {
        .name = "tesm_grains", .title = "Grains", .menu_path = "/_t-ESM/_Grains...",
        .tooltip = "Find grains, and compare H, tau and D at their boundaries with those inside",
        .command = "grains", .on_image = TRUE, .grains = TRUE, .tells = TRUE, .kept = "Grain statistics",
        .help =
        "Grains are those of an earlier run, also where their labels were changed by hand; else they are found in the "
        "topography, or anew in the image that is ticked here. What the maps come to at boundaries and in interiors is "
        "compared by a test that knows that neighbours are alike.\n\n"
        "The labels and D2 with the boundaries as its mask are shown, the other maps are in the data browser. The tables "
        "can be copied and saved, and stay in the metadata of the channel. A second run changes the channels of grains "
        "that are there. Without maps of a fit only H is compared.",
    },
    {
        .name = "tesm_report", .title = "Report", .menu_path = "/_t-ESM/R_eport...",
        .tooltip = "Fit all traces and write figures and tables as a page for the browser",
        .command = "report", .recipe = TRUE, .fits = TRUE, .reports = TRUE, .asks = TRUE, .tells = TRUE,
        .help =
        "All traces are fitted as Diffusion Maps does it, and figures, tables and what is to be noted are written to a "
        "folder, as one page that is opened in the browser. Regions, points and grains of the file are in it.\n\n"
        "Nothing of the open file is changed.",
    },
    {
        .name = "tesm_protocol", .title = "Protocol", .menu_path = "/_t-ESM/_Protocol...",
        .tooltip = "Pulse start, duration and voltage of all volumes and curve maps of the file",
        .open = tesm_protocol_edit, .asks = TRUE,
        .help =
        "A line for each volume and curve map. What a title says of the voltage is only shown beside it: Take Over from "
        "Titles puts it into the entries that are empty, and OK keeps it. What is left empty is not known.",
    },
    {
        .name = "tesm_open_in_napari", .title = "Open in napari", .menu_path = "/_t-ESM/_Open in napari",
        .tooltip = "Open the file in napari, with the t-ESM workspace beside it",
        .open = tesm_open_in_napari,
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
    if (last && g_str_has_prefix(last + 1, "Written: ") && !function->reports)
        *last = '\0';
    g_strchomp(printed);
    if (!*printed)
        return;
    if (function->kept)
        tesm_results_keep_table(source, function->kept, printed);
    if (source->window)
        tesm_show_table(source, function, printed);
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

/* What the engine has made, in the open file or before the eyes. */
static gboolean
take_output(const TesmSource *source, const TesmFunction *function, const gchar *output, gchar **printed, GError **error)
{
    gchar *said;

    if (!function->reports) {
        if (tesm_results_adopt(source, function, output, error) < 0)
            return FALSE;
    }
    else if (source->window && !tesm_report_show(source, output)) {
        said = g_strconcat(*printed, "No program was found that shows pages: open this one in a browser.\n", NULL);
        g_free(*printed);
        *printed = said;
    }
    /* As what an inversion has to say against itself. */
    if (function->tells)
        show_table(source, function, *printed);
    return TRUE;
}

static gboolean
call_engine(const TesmSource *source, const TesmFunction *function, GwyParams *params, const gchar *folder,
            GError **error)
{
    gchar *input = tesm_handover_path(source->data, folder), *output_folder = g_build_filename(folder, "out", NULL);
    gchar *output = function->reports ? tesm_report_path(params, source)
                                      : g_build_filename(output_folder, "out" TESM_FILE_ENDING, NULL);
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
              && take_output(source, function, output, &printed, error));
    }
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

    if (!function->on_image && !tesm_source_has_traces(source)) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED,
                    "This file holds no volume and no curve map with the pixels of this channel: there are no traces "
                    "to work on.");
        return FALSE;
    }
    params = tesm_params_new(function, source);
    wanted = run == GWY_RUN_IMMEDIATE || tesm_dialog_run(params, function, source);
    if (wanted && !function->on_image && tesm_params_choose(params, source) && run == GWY_RUN_IMMEDIATE)
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
    source = tesm_source_new(data, menu, function->on_image);
    if (function->command)
        make_data(source, function, run, &error);
    else
        function->open(source, function, &error);
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
    GwyRunType modes;

    for (function = functions; function < functions + G_N_ELEMENTS(functions); function++) {
        modes = function->asks ? GWY_RUN_INTERACTIVE : RUN_MODES;
        gwy_process_func_register(function->name, run_on_image, function->menu_path, NULL, modes,
                                  GWY_MENU_FLAG_DATA, function->tooltip);
        gwy_volume_func_register(function->name, run_on_volume, function->menu_path, NULL, modes,
                                 GWY_MENU_FLAG_VOLUME, function->tooltip);
        gwy_curve_map_func_register(function->name, run_on_curve_map, function->menu_path, NULL, modes,
                                    GWY_MENU_FLAG_CURVE_MAP, function->tooltip);
    }
    return TRUE;
}
