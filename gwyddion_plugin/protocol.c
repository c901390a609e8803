/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The table of all volumes and curve maps of a file with what is known of their pulses. */
#include <string.h>
#include "tesm.h"

#define TAKE_OVER 100        /* a response beside Gwyddion's own */
#define COLUMNS 3            /* start, duration and voltage: the first of the values that a file may say */
#define VOLTAGE 2
#define MOST_ROWS 12         /* more are scrolled */

typedef struct {
    GtkWidget *entries[COLUMNS];
    gchar *texts[COLUMNS];   /* as typed: the entries are gone when the dialog is */
    gchar *said;             /* a voltage in the title, NULL without one */
} Row;

typedef struct {
    TesmSource *source;
    Row *rows;
    GwyDialog *dialog;
    GtkWidget *problem;
} Protocol;

/* "-3 V" of "Traces (−3 V)"; NULL where there is no voltage, or more than one: nobody knows which is the pulse's. */
static gchar*
voltage_in_title(const gchar *title)
{
    GRegex *regex = g_regex_new("([-+−–]?)\\s*([0-9]+(?:\\.[0-9]+)?)\\s*(m?V)\\b", 0, 0, NULL);
    GMatchInfo *match = NULL;
    gchar *sign, *number, *unit, *voltage = NULL;
    gint count = 0;

    g_regex_match(regex, title, 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL), count++) {
        sign = g_match_info_fetch(match, 1);
        number = g_match_info_fetch(match, 2);
        unit = g_match_info_fetch(match, 3);
        g_free(voltage);
        voltage = g_strdup_printf("%s%s %s", *sign && *sign != '+' ? "-" : "", number, unit);
        g_free(sign);
        g_free(number);
        g_free(unit);
    }
    g_match_info_free(match);
    g_regex_unref(regex);
    if (count != 1) {
        g_free(voltage);
        voltage = NULL;
    }
    return voltage;
}

/* Whether something is in a title that is not in the table yet. */
static gboolean
has_suggestion(const Protocol *protocol, guint i)
{
    return protocol->rows[i].said && !*protocol->rows[i].texts[VOLTAGE];
}

static void
check(const Protocol *protocol)
{
    guint i, j, n = tesm_source_count(protocol->source);
    gboolean suggested = FALSE;
    gchar *problem = NULL, *markup;

    for (i = 0; i < n; i++) {
        suggested = suggested || has_suggestion(protocol, i);
        for (j = 0; j < COLUMNS && !problem; j++) {
            const TesmFileValue *value = tesm_file_values + j;
            const gchar *text = protocol->rows[i].texts[j];

            if (*text && !tesm_text_is_quantity(text, value->unit))
                problem = g_strdup_printf("%s: '%s' is no %s (%s).", value->name, text,
                                          *value->unit == 'V' ? "voltage" : "time", value->example);
        }
    }
    markup = problem ? g_markup_printf_escaped("<span foreground='#c00000'>%s</span>", problem) : g_strdup("");
    gtk_label_set_markup(GTK_LABEL(protocol->problem), markup);
    g_free(markup);
    gtk_dialog_set_response_sensitive(GTK_DIALOG(protocol->dialog), GTK_RESPONSE_OK, !problem);
    gtk_dialog_set_response_sensitive(GTK_DIALOG(protocol->dialog), TAKE_OVER, suggested);
    g_free(problem);
}

static void
entry_changed(GtkEditable *entry, const Protocol *protocol)
{
    guint i, j, n = tesm_source_count(protocol->source);

    for (i = 0; i < n; i++) {
        for (j = 0; j < COLUMNS; j++) {
            if (protocol->rows[i].entries[j] == GTK_WIDGET(entry)) {
                g_free(protocol->rows[i].texts[j]);
                protocol->rows[i].texts[j] = g_strstrip(gtk_editable_get_chars(entry, 0, -1));
            }
        }
    }
    check(protocol);
}

/* What is typed in the line for all is that of each. */
static void
common_changed(GtkEntry *entry, const Protocol *protocol)
{
    guint i, j = GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(entry), "tesm-column"));

    for (i = 0; i < tesm_source_count(protocol->source); i++)
        gtk_entry_set_text(GTK_ENTRY(protocol->rows[i].entries[j]), gtk_entry_get_text(entry));
}

static void
dialog_response(G_GNUC_UNUSED GtkDialog *dialog, gint response, const Protocol *protocol)
{
    guint i;

    for (i = 0; i < tesm_source_count(protocol->source) && response == TAKE_OVER; i++) {
        if (has_suggestion(protocol, i))
            gtk_entry_set_text(GTK_ENTRY(protocol->rows[i].entries[VOLTAGE]), protocol->rows[i].said);
    }
}

static void
attach(GtkWidget *table, GtkWidget *widget, guint column, guint row)
{
    if (GTK_IS_LABEL(widget))
        gtk_misc_set_alignment(GTK_MISC(widget), 0.0, 0.5);
    gtk_table_attach(GTK_TABLE(table), widget, column, column + 1, row, row + 1, GTK_FILL, GTK_FILL, 6, 2);
}

static GtkWidget*
new_entry(GtkWidget *table, const gchar *text, guint column, guint row)
{
    GtkWidget *entry = gtk_entry_new();
    gchar *name = g_strdup_printf("tesm-%u-%u", row, column);    /* for whoever types without hands */

    gtk_widget_set_name(entry, name);
    g_free(name);
    gtk_entry_set_text(GTK_ENTRY(entry), text);
    gtk_entry_set_width_chars(GTK_ENTRY(entry), 14);
    gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
    attach(table, entry, column, row);
    return entry;
}

/* A line for all volumes, where there are several, and one for each. */
static GtkWidget*
new_table(Protocol *protocol)
{
    guint i, j, n = tesm_source_count(protocol->source);
    GtkWidget *table = gtk_table_new(n + 2, COLUMNS + 2, FALSE), *entry;
    gchar *text, *shown;

    for (j = 0; j < COLUMNS; j++) {
        text = g_strdup_printf("%s (%s)", tesm_file_values[j].name, tesm_file_values[j].example);
        attach(table, gtk_label_new(text), j + 1, 0);
        g_free(text);
    }
    attach(table, gtk_label_new("Its title says"), COLUMNS + 1, 0);
    for (i = 0; i < n; i++) {
        text = tesm_source_title(protocol->source, i);
        attach(table, gtk_label_new(text), 0, i + 2);
        protocol->rows[i].said = voltage_in_title(text);
        attach(table, gtk_label_new(protocol->rows[i].said ? protocol->rows[i].said : "nothing"), COLUMNS + 1, i + 2);
        g_free(text);
        for (j = 0; j < COLUMNS; j++) {
            const gchar *said = tesm_source_metadata_of(protocol->source, i, tesm_file_values[j].name);

            shown = tesm_text_rounded(said ? said : "");
            protocol->rows[i].texts[j] = g_strdup(shown);
            protocol->rows[i].entries[j] = new_entry(table, shown, j + 1, i + 2);
            g_signal_connect(protocol->rows[i].entries[j], "changed", G_CALLBACK(entry_changed), protocol);
            g_free(shown);
        }
    }
    if (n > 1)
        attach(table, gtk_label_new("All of them"), 0, 1);
    for (j = 0; j < COLUMNS && n > 1; j++) {
        entry = new_entry(table, "", j + 1, 1);
        g_object_set_data(G_OBJECT(entry), "tesm-column", GUINT_TO_POINTER(j));
        g_signal_connect(entry, "changed", G_CALLBACK(common_changed), protocol);
    }
    return table;
}

static GtkWidget*
scrolled_if_long(GtkWidget *table, guint n)
{
    GtkWidget *scrolled;

    if (n <= MOST_ROWS)
        return table;
    scrolled = gtk_scrolled_window_new(NULL, NULL);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
    gtk_scrolled_window_add_with_viewport(GTK_SCROLLED_WINDOW(scrolled), table);
    gtk_widget_set_size_request(scrolled, 820, 420);
    return scrolled;
}

/* What was not touched stays as it is, with all its digits. */
static void
keep(const Protocol *protocol)
{
    guint i, j;

    for (i = 0; i < tesm_source_count(protocol->source); i++) {
        for (j = 0; j < COLUMNS; j++) {
            const gchar *name = tesm_file_values[j].name, *text = protocol->rows[i].texts[j];
            const gchar *said = tesm_source_metadata_of(protocol->source, i, name);
            gchar *shown = tesm_text_rounded(said ? said : "");

            if (*text && !gwy_strequal(text, shown))
                gwy_container_set_const_string_by_name(tesm_source_metadata_container(protocol->source, i), name,
                                                       (const guchar*)text);
            else if (!*text && said)
                gwy_container_remove_by_name(tesm_source_metadata_container(protocol->source, i), name);
            g_free(shown);
        }
    }
}

/* Nobody is told what a title says before somebody has confirmed it: it is written into the metadata as what is typed. */
gboolean
tesm_protocol_edit(const TesmSource *source, const TesmFunction *function, GError **error)
{
    Protocol protocol = { tesm_source_of_all(source), NULL, NULL, gtk_label_new("") };
    guint i, j, n = tesm_source_count(protocol.source);

    if (!n) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "This file holds no volume and no curve map.");
        tesm_source_free(protocol.source);
        return FALSE;
    }
    protocol.rows = g_new0(Row, n);
    protocol.dialog = GWY_DIALOG(gwy_dialog_new(function->title));
    tesm_dialog_add_help(GTK_DIALOG(protocol.dialog), function);
    gtk_dialog_add_button(GTK_DIALOG(protocol.dialog), "_Take Over from Titles", TAKE_OVER);
    gtk_dialog_add_button(GTK_DIALOG(protocol.dialog), GTK_STOCK_CANCEL, GTK_RESPONSE_CANCEL);
    gtk_dialog_add_button(GTK_DIALOG(protocol.dialog), GTK_STOCK_OK, GTK_RESPONSE_OK);
    gtk_dialog_set_default_response(GTK_DIALOG(protocol.dialog), GTK_RESPONSE_OK);
    gwy_dialog_add_content(protocol.dialog, scrolled_if_long(new_table(&protocol), n), FALSE, FALSE, 4);
    gwy_dialog_add_content(protocol.dialog, protocol.problem, FALSE, FALSE, 4);
    g_signal_connect(protocol.dialog, "response", G_CALLBACK(dialog_response), &protocol);
    check(&protocol);
    if (gwy_dialog_run(protocol.dialog) != GWY_DIALOG_CANCEL)
        keep(&protocol);
    for (i = 0; i < n; i++) {
        for (j = 0; j < COLUMNS; j++)
            g_free(protocol.rows[i].texts[j]);
        g_free(protocol.rows[i].said);
    }
    g_free(protocol.rows);
    tesm_source_free(protocol.source);
    return TRUE;
}
