/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The dialog of the functions that have parameters. */
#include <string.h>
#include "tesm.h"

#define TAKE_OVER 100        /* a response beside Gwyddion's own */
#define CHOOSE_FOLDER 101
#define LONGEST_ORIGIN 24

/* An entry that says at once what is wrong with it. */
static void
append_entry(GwyParamTable *table, gint id, const gchar *example)
{
    gwy_param_table_append_entry(table, id);
    gwy_param_table_entry_set_instant_changes(table, id, TRUE);
    gwy_param_table_set_unitstr(table, id, example);
}

static gboolean
engine_has_kernel(const GwyEnum *kernel, G_GNUC_UNUSED gpointer unused)
{
    return tesm_engine_knows(tesm_kernel_name(kernel->value));
}

/* Two columns: one below the other they would not fit a screen of 800 lines. */
typedef struct {
    GwyParamTable *measured, *evaluated;     /* the same where there is nothing to evaluate */
    GwyParams *params;
    GtkDialog *dialog;
    const TesmFunction *function;
    const TesmSource *source;
} Shown;

/* What cannot be understood or is missing is said before the engine is called, not by it. */
static void
show_problem(const Shown *shown)
{
    gchar *problem = tesm_params_problem(shown->params, shown->function, shown->source);

    gwy_param_table_set_label(shown->measured, TESM_MESSAGE, problem ? problem : "");
    gtk_dialog_set_response_sensitive(shown->dialog, GTK_RESPONSE_OK, !problem);
    g_free(problem);
}

/* One below the other, or NULL: in one line they would make the dialog wider than a screen. */
static gchar*
lines_of_suggestion(const TesmSource *source, const TesmFunction *function, GwyParams *params)
{
    gchar *text = tesm_entered_suggest(source, function, params, NULL, NULL), *lines;

    lines = text ? gwy_strreplace(text, "; ", "\n", (gsize)-1) : NULL;
    g_free(text);
    return lines;
}

static void
show_suggestion(const Shown *shown)
{
    gchar *text;

    if (!gwy_param_table_exists(shown->measured, TESM_INFO_SUGGESTED))
        return;
    text = lines_of_suggestion(shown->source, shown->function, shown->params);
    gwy_param_table_info_set_valuestr(shown->measured, TESM_INFO_SUGGESTED, text ? text : "nothing more");
    gwy_param_table_set_sensitive(shown->measured, TESM_BUTTON_SUGGESTED, text != NULL);
    g_free(text);
}

/* The error belongs to the radius that is set here; an enabler switches only one row. */
static void
param_changed(G_GNUC_UNUSED GwyParamTable *table, gint id, const Shown *shown)
{
    GwyParams *params = shown->params;
    const TesmRadius *radius;

    for (radius = tesm_radii; shown->function->recipe && radius->option; radius++) {
        if (id < 0 || id == radius->use)
            gwy_param_table_set_sensitive(shown->measured, radius->error, gwy_params_get_boolean(params, radius->use));
    }
    if (shown->function->fits && (id < 0 || id == TESM_KERNEL || id == TESM_THRESHOLD_OF)) {
        static const gint beside_kernel[] = {
            TESM_GEOMETRY, TESM_WINDOW1, TESM_WINDOW2, TESM_NUISANCE, TESM_THRESHOLD, TESM_SIGMAS
        };
        guint i;

        for (i = 0; i < G_N_ELEMENTS(beside_kernel); i++) {
            if (gwy_param_table_exists(shown->evaluated, beside_kernel[i]))
                gwy_param_table_set_sensitive(shown->evaluated, beside_kernel[i],
                                              tesm_params_use(params, beside_kernel[i]));
        }
    }
    show_suggestion(shown);
    show_problem(shown);
}

static void
dialog_response(GtkDialog *dialog, gint response, const Shown *shown)
{
    if (response == TAKE_OVER)
        g_free(tesm_entered_suggest(shown->source, shown->function, shown->params, shown->measured,
                                    shown->evaluated));
    if (response == CHOOSE_FOLDER)
        tesm_report_choose(shown->params, shown->measured, shown->source, GTK_WINDOW(dialog));
}

/* Rows in which another radius than the file's, and its error, are set. */
static void
append_radius(GwyParamTable *table, gint use, gint radius, gint error)
{
    gwy_param_table_append_slider(table, radius);
    gwy_param_table_add_enabler(table, use, radius);
    gwy_param_table_slider_set_factor(table, radius, 1e9);
    gwy_param_table_slider_set_mapping(table, radius, GWY_SCALE_MAPPING_LOG);
    gwy_param_table_set_unitstr(table, radius, "nm");
    gwy_param_table_append_slider(table, error);
    gwy_param_table_slider_set_factor(table, error, 1e9);
    gwy_param_table_slider_set_mapping(table, error, GWY_SCALE_MAPPING_SQRT);
    gwy_param_table_set_unitstr(table, error, "nm");
}

static void
append_info(GwyParamTable *table, gint id, const gchar *label, gchar *text, const gchar *otherwise)
{
    gwy_param_table_append_info(table, id, label);
    gwy_param_table_info_set_valuestr(table, id, text ? text : otherwise);
    g_free(text);
}

static void
append_radii(GwyParamTable *table, const TesmSource *source, const TesmFunction *function)
{
    gchar *contact = tesm_source_metadata(source, "Contact radius");
    gboolean known = contact != NULL || function->lateral || function->graphs;

    append_info(table, TESM_INFO_RADIUS, "Tip radius in the file", tesm_source_metadata(source, "Tip radius"),
                known ? "not known" : "not known: maps of τ only");
    append_radius(table, TESM_USE_RADIUS, TESM_RADIUS, TESM_RADIUS_ERROR);
    append_info(table, TESM_INFO_CONTACT, "Contact radius in the file", contact, "not known: D by the tip radius");
    append_radius(table, TESM_USE_CONTACT, TESM_CONTACT, TESM_CONTACT_ERROR);
}

static void
append_gates(GwyParamTable *table)
{
    gwy_param_table_append_slider(table, TESM_THRESHOLD);
    gwy_param_table_slider_set_factor(table, TESM_THRESHOLD, 100.0);
    gwy_param_table_set_unitstr(table, TESM_THRESHOLD, "%");
    gwy_param_table_append_combo(table, TESM_THRESHOLD_OF);
    gwy_param_table_append_slider(table, TESM_SIGMAS);
    gwy_param_table_slider_set_mapping(table, TESM_SIGMAS, GWY_SCALE_MAPPING_SQRT);
    gwy_param_table_set_unitstr(table, TESM_SIGMAS, "σ");
    gwy_param_table_append_combo(table, TESM_NOISE);
    gwy_param_table_append_combo(table, TESM_SIGN);
    append_entry(table, TESM_NUISANCE, "e.g. none");
}

static void
append_recipe(GwyParamTable *table, const TesmFunction *function, const TesmSource *source)
{
    gwy_param_table_append_header(table, TESM_HEADER_FIT, "Fit");
    if (function->fits) {
        gwy_param_table_append_combo(table, TESM_KERNEL);
        gwy_param_table_combo_set_filter(table, TESM_KERNEL, engine_has_kernel, NULL, NULL);
    }
    if (!function->lateral)
        gwy_param_table_append_combo(table, TESM_GEOMETRY);
    if (function->fits)
        append_gates(table);
    if (function->lateral) {
        append_entry(table, TESM_PRIOR, "e.g. 0.5:50 nm");
        if (tesm_source_count(source) > 1)
            gwy_param_table_append_checkbox(table, TESM_TOGETHER);
    }
    else {
        append_entry(table, TESM_WINDOW1, "e.g. 0 ms:10 ms");
        append_entry(table, TESM_WINDOW2, "or none");
    }
    append_entry(table, TESM_SKIP, "e.g. 0.1 ms");
    if (function->fits && !function->lateral)
        gwy_param_table_append_checkbox(table, TESM_INTERVALS);
}

static gboolean
has_grid_of_source(GwyContainer *data, gint id, gpointer user_data)
{
    const TesmSource *source = user_data;
    GwyDataField *field = NULL;

    return (data == source->data && gwy_container_gis_object(data, gwy_app_get_data_key_for_id(id), &field)
            && tesm_source_has_grid(source, field));
}

static void
append_grains(GwyParamTable *table, const TesmSource *source)
{
    const TesmGrainEntry *entry;

    gwy_param_table_append_header(table, TESM_HEADER_GRAINS, "Grains of the file, else of the topography");
    gwy_param_table_append_image_id(table, TESM_IMAGE_ID);
    gwy_param_table_data_id_set_filter(table, TESM_IMAGE_ID, has_grid_of_source, (gpointer)source, NULL);
    gwy_param_table_add_enabler(table, TESM_USE_IMAGE, TESM_IMAGE_ID);
    gwy_param_table_append_combo(table, TESM_METHOD);
    for (entry = tesm_grain_entries; entry->option; entry++)
        append_entry(table, entry->id, entry->example);
}

static void
append_report(GwyParamTable *table)
{
    gwy_param_table_append_header(table, TESM_HEADER_REPORT, "Report");
    gwy_param_table_append_entry(table, TESM_FOLDER);
    gwy_param_table_entry_set_instant_changes(table, TESM_FOLDER, TRUE);
    gwy_param_table_entry_set_width(table, TESM_FOLDER, 24);
    gwy_param_table_append_button(table, TESM_BUTTON_FOLDER, -1, CHOOSE_FOLDER, "Choose...");
    gwy_param_table_append_checkbox(table, TESM_REPLACE);
}

/* What was typed last for other traces is said, and taken over only by whoever wants it. */
static void
append_suggestion(GwyParamTable *table, GwyParams *params, const TesmFunction *function, const TesmSource *source)
{
    gchar *text = lines_of_suggestion(source, function, params), *start, *label;
    const gchar *origin = tesm_entered_origin();

    if (!text)
        return;
    start = g_utf8_substring(origin, 0, MIN(g_utf8_strlen(origin, -1), LONGEST_ORIGIN));
    label = g_strdup_printf("Typed last, for %s%s", start, strlen(start) < strlen(origin) ? "…" : "");
    g_free(start);
    append_info(table, TESM_INFO_SUGGESTED, label, text, "");
    gwy_param_table_append_button(table, TESM_BUTTON_SUGGESTED, -1, TAKE_OVER, "Take O_ver");
    g_free(label);
}

static void
append_pulse(GwyParamTable *table, const TesmSource *source)
{
    const TesmFileValue *value;
    gchar *text, *shown;

    gwy_param_table_append_header(table, TESM_HEADER_PULSE, "Pulse");
    for (value = tesm_file_values; value->option; value++) {
        if (tesm_source_asks(source, value))
            append_entry(table, value->id, value->example);
        else if (value->in_metadata) {
            /* An info row goes by a number of its own: that of the parameter is the entry's. */
            text = tesm_source_metadata(source, value->name);
            gwy_param_table_append_info(table, 100 + value->id, value->name);
            shown = text ? tesm_text_rounded(text) : g_strdup("see 'Protocol' in the menu");
            gwy_param_table_info_set_valuestr(table, 100 + value->id, shown);
            g_free(shown);
            g_free(text);
        }
    }
}

static gboolean
is_of_source(GwyContainer *data, gint id, gpointer source)
{
    return data == ((const TesmSource*)source)->data && tesm_source_has_volume(source, id);
}

/* Several volumes on the grid of a channel are fitted together, but not where their pulses differ. */
static void
append_volume(GwyParamTable *table, const TesmSource *source)
{
    gwy_param_table_append_volume_id(table, TESM_VOLUME_ID);
    gwy_param_table_data_id_set_filter(table, TESM_VOLUME_ID, is_of_source, (gpointer)source, NULL);
    gwy_param_table_add_enabler(table, TESM_USE_VOLUME, TESM_VOLUME_ID);
}

/* What is drawn on the current channel: without it, all regions of the file count. */
static void
append_drawn(GwyParamTable *table, const TesmSource *source)
{
    gchar *title = NULL;

    if (source->channel >= 0)
        title = gwy_app_get_data_field_title(source->data, source->channel);
    gwy_param_table_append_info(table, TESM_INFO_DRAWN, "Drawn on");
    gwy_param_table_info_set_valuestr(table, TESM_INFO_DRAWN, title ? title : "all channels");
    g_free(title);
}

static gchar*
name_to_show(const gchar *path)
{
    const gchar *home = g_get_home_dir();
    gchar *shown = g_filename_display_name(path), *shorter;

    if (g_str_has_prefix(path, home) && path[strlen(home)] == G_DIR_SEPARATOR) {
        shorter = g_filename_display_name(path + strlen(home));
        g_free(shown);
        shown = g_strconcat("~", shorter, NULL);
        g_free(shorter);
    }
    return shown;
}

static void
append_engine(GwyParamTable *table, GwyParams *params)
{
    const gchar *origin;
    gchar *path = tesm_engine_find(gwy_params_get_string(params, TESM_ENGINE), &origin, NULL);
    gchar *shown = path ? name_to_show(path) : NULL;
    gchar *text = shown ? g_strdup_printf("%s (%s)", shown, origin) : g_strdup("not found");

    gwy_param_table_append_header(table, TESM_HEADER_ENGINE, "Engine");
    gwy_param_table_append_info(table, TESM_INFO_ENGINE, "Program");
    gwy_param_table_info_set_valuestr(table, TESM_INFO_ENGINE, text);
    gwy_param_table_append_entry(table, TESM_ENGINE);
    gwy_param_table_entry_set_width(table, TESM_ENGINE, 24);
    g_free(text);
    g_free(shown);
    g_free(path);
}

static GtkWidget*
columns_of(const Shown *shown)
{
    GtkWidget *columns = gtk_hbox_new(FALSE, 24);

    gtk_box_pack_start(GTK_BOX(columns), gwy_param_table_widget(shown->measured), FALSE, FALSE, 0);
    if (shown->evaluated != shown->measured)
        gtk_box_pack_start(GTK_BOX(columns), gwy_param_table_widget(shown->evaluated), FALSE, FALSE, 0);
    return columns;
}

static void
help_clicked(GtkWidget *button, const TesmFunction *function)
{
    tesm_show_help(GTK_WINDOW(gtk_widget_get_toplevel(button)), function);
}

/* On the side of the others, as in all dialogs of the program; none of its responses, for any of them ends the dialog. */
void
tesm_dialog_add_help(GtkDialog *dialog, const TesmFunction *function)
{
    GtkWidget *button = gtk_button_new_from_stock(GTK_STOCK_HELP), *area = gtk_dialog_get_action_area(dialog);

    gtk_box_pack_start(GTK_BOX(area), button, FALSE, FALSE, 0);
    gtk_button_box_set_child_secondary(GTK_BUTTON_BOX(area), button, TRUE);
    gtk_widget_show(button);
    g_signal_connect(button, "clicked", G_CALLBACK(help_clicked), (gpointer)function);
}

/* Returns whether the user wants it done; what was set is in `params` either way. */
gboolean
tesm_dialog_run(GwyParams *params, const TesmFunction *function, const TesmSource *source)
{
    GwyDialog *dialog = GWY_DIALOG(gwy_dialog_new(function->title));
    GwyParamTable *table = gwy_param_table_new(params), *other = table;
    Shown shown = { table, table, params, GTK_DIALOG(dialog), function, source };
    gchar *titles = tesm_source_titles(source);

    if (function->recipe)
        shown.evaluated = other = gwy_param_table_new(params);
    tesm_dialog_add_help(GTK_DIALOG(dialog), function);
    gwy_dialog_add_buttons(dialog, GWY_RESPONSE_RESET, GTK_RESPONSE_CANCEL, GTK_RESPONSE_OK, 0);
    gwy_param_table_append_info(table, TESM_INFO_TRACES, "Traces");
    gwy_param_table_info_set_valuestr(table, TESM_INFO_TRACES, *titles ? titles : "none on this grid");
    g_free(titles);
    if (function->on_image && !function->grains)
        append_drawn(table, source);
    if (!function->on_image && source->menu == TESM_IMAGE && source->bricks->len > 1)
        append_volume(table, source);
    if (function->grains)
        append_grains(table, source);
    if (function->recipe)
        append_radii(table, source, function);
    if (tesm_source_has_traces(source))
        append_pulse(table, source);
    append_suggestion(table, params, function, source);
    if (function->reports)
        append_report(table);
    if (function->recipe)
        append_recipe(other, function, source);
    append_engine(other, params);
    gwy_param_table_append_message(table, TESM_MESSAGE, "");
    gwy_param_table_message_set_type(table, TESM_MESSAGE, GTK_MESSAGE_ERROR);
    gwy_dialog_add_param_table(dialog, table);
    if (other != table)
        gwy_dialog_add_param_table(dialog, other);
    gwy_dialog_add_content(dialog, columns_of(&shown), FALSE, FALSE, 0);
    g_signal_connect(table, "param-changed", G_CALLBACK(param_changed), &shown);
    if (other != table)
        g_signal_connect(other, "param-changed", G_CALLBACK(param_changed), &shown);
    g_signal_connect(dialog, "response", G_CALLBACK(dialog_response), &shown);
    param_changed(table, -1, &shown);
    return gwy_dialog_run(dialog) != GWY_DIALOG_CANCEL;
}
