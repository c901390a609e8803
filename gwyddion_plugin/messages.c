/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What the user gets to read. */
#include "tesm.h"

enum { COPY = 1, SAVE };

/* Without a window there is nobody to read a dialog: scripts and tests find the sentence in the log. */
void
tesm_show_error(GtkWindow *window, const gchar *title, const GError *error)
{
    GtkWidget *dialog;

    if (!window) {
        g_warning("%s: %s", title, error->message);
        return;
    }
    dialog = gtk_message_dialog_new(window, GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT, GTK_MESSAGE_ERROR,
                                    GTK_BUTTONS_CLOSE, "%s could not be done.", title);
    gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%s", error->message);
    gtk_window_set_title(GTK_WINDOW(dialog), "t-ESM");
    gtk_dialog_run(GTK_DIALOG(dialog));
    gtk_widget_destroy(dialog);
}

/* Beside a dialog, which keeps everybody from windows that are not its own. */
void
tesm_show_help(GtkWindow *window, const TesmFunction *function)
{
    GtkWidget *dialog = gtk_message_dialog_new(window, GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
                                               GTK_MESSAGE_INFO, GTK_BUTTONS_CLOSE, "%s", function->title);

    gtk_message_dialog_format_secondary_text(
        GTK_MESSAGE_DIALOG(dialog), "%s\n\nPulse start, duration and voltage stand in the metadata of the volume "
        "(Metadata Browser in the menu of the right mouse button); what is missing there is asked for here, and kept with "
        "these traces.", function->help);
    gtk_window_set_title(GTK_WINDOW(dialog), "t-ESM");
    gtk_dialog_run(GTK_DIALOG(dialog));
    gtk_widget_destroy(dialog);
}

/* What belongs to a window of text, by these names. */
#define TABLE "tesm-table"
#define VIEW "tesm-view"
#define OF "tesm-of"

static void
table_response(GtkDialog *dialog, gint response)
{
    const gchar *text = g_object_get_data(G_OBJECT(dialog), TABLE);

    if (response == COPY)
        gtk_clipboard_set_text(gtk_clipboard_get(GDK_SELECTION_CLIPBOARD), text, -1);
    else if (response == SAVE)
        gwy_save_auxiliary_data("Save Table", GTK_WINDOW(dialog), -1, text);
    else
        gtk_widget_destroy(GTK_WIDGET(dialog));
}

/* The window that shows what an earlier run has said of the same, NULL if it was closed. */
static GtkWidget*
shown_before(const gchar *of)
{
    GList *windows = gtk_window_list_toplevels(), *item;
    GtkWidget *found = NULL;

    for (item = windows; item && !found; item = g_list_next(item)) {
        if (!g_strcmp0(g_object_get_data(G_OBJECT(item->data), OF), of))
            found = item->data;
    }
    g_list_free(windows);
    return found;
}

static GtkWidget*
new_window(const TesmSource *source, const TesmFunction *function)
{
    GtkWidget *dialog = gtk_dialog_new_with_buttons(function->title, source->window, GTK_DIALOG_DESTROY_WITH_PARENT,
                                                    GTK_STOCK_SAVE, SAVE, GTK_STOCK_COPY, COPY, GTK_STOCK_CLOSE,
                                                    GTK_RESPONSE_CLOSE, NULL);
    GtkWidget *view = gtk_text_view_new(), *scrolled = gtk_scrolled_window_new(NULL, NULL);
    PangoFontDescription *font = pango_font_description_from_string("monospace");

    gtk_widget_modify_font(view, font);
    pango_font_description_free(font);
    gtk_text_view_set_editable(GTK_TEXT_VIEW(view), FALSE);
    /* Of a table the lines must not be broken. */
    if (!function->kept)
        gtk_text_view_set_wrap_mode(GTK_TEXT_VIEW(view), GTK_WRAP_WORD);
    gtk_text_view_set_cursor_visible(GTK_TEXT_VIEW(view), FALSE);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
    gtk_container_add(GTK_CONTAINER(scrolled), view);
    gtk_box_pack_start(GTK_BOX(gtk_dialog_get_content_area(GTK_DIALOG(dialog))), scrolled, TRUE, TRUE, 6);
    gtk_window_set_default_size(GTK_WINDOW(dialog), 860, 420);
    gtk_dialog_set_default_response(GTK_DIALOG(dialog), GTK_RESPONSE_CLOSE);
    g_object_set_data(G_OBJECT(dialog), VIEW, view);
    g_signal_connect(dialog, "response", G_CALLBACK(table_response), NULL);
    return dialog;
}

/* What the engine says, to read, to copy and to save; it does not keep anybody from working on.  A second run on the same
 * opens no second window. */
void
tesm_show_table(const TesmSource *source, const TesmFunction *function, const gchar *text)
{
    gchar *of = g_strdup_printf("%s:%d:%d:%d:%d", function->name, gwy_app_data_browser_get_number(source->data),
                                source->menu, source->id, source->channel);
    GtkWidget *dialog = shown_before(of);

    if (!dialog)
        dialog = new_window(source, function);
    gtk_text_buffer_set_text(gtk_text_view_get_buffer(g_object_get_data(G_OBJECT(dialog), VIEW)), text, -1);
    g_object_set_data_full(G_OBJECT(dialog), TABLE, g_strdup(text), g_free);
    g_object_set_data_full(G_OBJECT(dialog), OF, of, g_free);
    gtk_widget_show_all(dialog);
    gtk_window_present(GTK_WINDOW(dialog));
}
