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

/* A table of the engine in columns, to read and to copy; it does not keep anybody from working on. */
void
tesm_show_table(GtkWindow *window, const gchar *title, const gchar *text)
{
    GtkWidget *dialog = gtk_dialog_new_with_buttons(title, window, GTK_DIALOG_DESTROY_WITH_PARENT, GTK_STOCK_CLOSE,
                                                    GTK_RESPONSE_CLOSE, NULL);
    GtkWidget *view = gtk_text_view_new(), *scrolled = gtk_scrolled_window_new(NULL, NULL);
    PangoFontDescription *font = pango_font_description_from_string("monospace");

    gtk_widget_modify_font(view, font);
    pango_font_description_free(font);
    gtk_text_buffer_set_text(gtk_text_view_get_buffer(GTK_TEXT_VIEW(view)), text, -1);
    gtk_text_view_set_editable(GTK_TEXT_VIEW(view), FALSE);
    gtk_text_view_set_cursor_visible(GTK_TEXT_VIEW(view), FALSE);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
    gtk_container_add(GTK_CONTAINER(scrolled), view);
    gtk_box_pack_start(GTK_BOX(GTK_DIALOG(dialog)->vbox), scrolled, TRUE, TRUE, 6);
    gtk_window_set_default_size(GTK_WINDOW(dialog), 860, 420);
    g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy), NULL);
    gtk_widget_show_all(dialog);
}
