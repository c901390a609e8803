/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The folder of a report: where it goes, and its page in the browser. */
#include <string.h>
#include "tesm.h"

#define PAGE "report.html"

/* Where the open file lies, in the encoding of file names; of one that was never saved, at home. */
static gchar*
folder_of_source(const TesmSource *source)
{
    gchar *path = tesm_file_name(source->data), *folder = path ? g_path_get_dirname(path) : g_strdup(g_get_home_dir());

    g_free(path);
    return folder;
}

/* Beside the open file and under its name, the first that is nowhere yet: "scan_report", "scan_report_2". */
gchar*
tesm_report_folder(const TesmSource *source)
{
    gchar *path = tesm_file_name(source->data), *name = path ? g_path_get_basename(path) : g_strdup("t-ESM");
    gchar *folder = folder_of_source(source), *end = strrchr(name, '.'), *full, *longer, *shown;
    gint number;

    if (end && end > name)
        *end = '\0';
    longer = g_strconcat(name, "_report", NULL);
    full = g_build_filename(folder, longer, NULL);
    for (number = 2; g_file_test(full, G_FILE_TEST_EXISTS) && number < 1000; number++) {
        g_free(longer);
        g_free(full);
        longer = g_strdup_printf("%s_report_%d", name, number);
        full = g_build_filename(folder, longer, NULL);
    }
    shown = g_filename_to_utf8(full, -1, NULL, NULL, NULL);
    g_free(full);
    g_free(longer);
    g_free(folder);
    g_free(name);
    g_free(path);
    return shown ? shown : g_strdup("");
}

/* The folder that is set, in the encoding of file names, seen from where the open file lies; NULL without a name. */
gchar*
tesm_report_path(GwyParams *params, const TesmSource *source)
{
    gchar *typed = g_strstrip(g_strdup(gwy_params_get_string(params, TESM_FOLDER))), *folder, *path = NULL;
    gchar *name = g_filename_from_utf8(typed, -1, NULL, NULL, NULL);

    if (name && *name) {
        folder = folder_of_source(source);
        if (g_str_has_prefix(name, "~" G_DIR_SEPARATOR_S))
            path = g_build_filename(g_get_home_dir(), name + 2, NULL);
        else
            path = g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(folder, name, NULL);
        g_free(folder);
    }
    g_free(name);
    g_free(typed);
    return path;
}

/* Why nothing can be written there, NULL if it can; what is in a folder that is to be replaced, the engine looks at. */
gchar*
tesm_report_problem(GwyParams *params, const TesmSource *source)
{
    gchar *path = tesm_report_path(params, source), *parent, *problem = NULL;

    if (!path)
        return g_strdup("Folder: it has to be named.");
    parent = g_path_get_dirname(path);
    if (!g_file_test(parent, G_FILE_TEST_IS_DIR))
        problem = g_strdup("Folder: the one in which it should lie is not there.");
    else if (g_file_test(path, G_FILE_TEST_EXISTS) && !gwy_params_get_boolean(params, TESM_REPLACE))
        problem = g_strdup("Folder: it is there already: name another one, or tick 'Replace'.");
    g_free(parent);
    g_free(path);
    return problem;
}

/* Has the user look for a place. */
void
tesm_report_choose(GwyParams *params, GwyParamTable *table, const TesmSource *source, GtkWindow *window)
{
    GtkWidget *dialog = gtk_file_chooser_dialog_new("Folder of the Report", window, GTK_FILE_CHOOSER_ACTION_SAVE,
                                                    GTK_STOCK_CANCEL, GTK_RESPONSE_CANCEL, GTK_STOCK_OK,
                                                    GTK_RESPONSE_OK, NULL);
    GtkFileChooser *chooser = GTK_FILE_CHOOSER(dialog);
    gchar *path = tesm_report_path(params, source), *folder, *name, *shown;

    if (path) {
        folder = g_path_get_dirname(path);
        name = g_filename_display_basename(path);
        gtk_file_chooser_set_current_folder(chooser, folder);
        gtk_file_chooser_set_current_name(chooser, name);
        g_free(name);
        g_free(folder);
    }
    g_free(path);
    gtk_dialog_set_default_response(GTK_DIALOG(dialog), GTK_RESPONSE_OK);
    if (gtk_dialog_run(GTK_DIALOG(dialog)) == GTK_RESPONSE_OK && (path = gtk_file_chooser_get_filename(chooser))) {
        if ((shown = g_filename_to_utf8(path, -1, NULL, NULL, NULL)))
            gwy_param_table_set_string(table, TESM_FOLDER, shown);
        g_free(shown);
        g_free(path);
    }
    gtk_widget_destroy(dialog);
}

/* By the program for pages as the desktop knows it, or by what asks all desktops; returns whether one was started. */
gboolean
tesm_report_show(const TesmSource *source, const gchar *folder)
{
    gchar *page = g_build_filename(folder, PAGE, NULL), *uri = g_filename_to_uri(page, NULL, NULL);
    gchar *program = g_find_program_in_path("xdg-open"), *words[] = { program, page, NULL };
    gboolean ok = uri && tesm_show_uri(source->window, uri);

    if (!ok && program)
        ok = g_spawn_async(NULL, words, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                           NULL);
    g_free(program);
    g_free(uri);
    g_free(page);
    return ok;
}
