/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */


/* Whether what is typed can be understood: the engine's own rules for numbers with their units, in short. */
#include <string.h>
#include "tesm.h"

/* Where a number ends, NULL if there is none. */
static const gchar*
end_of_number(const gchar *text)
{
    static const gchar *signs[] = { "-", "+", "−", "–" };    /* of the keyboard, and as typeset text has it */
    gchar *end;
    guint i;

    for (i = 0; i < G_N_ELEMENTS(signs); i++) {
        if (g_str_has_prefix(text, signs[i])) {
            text += strlen(signs[i]);
            break;
        }
    }
    /* strtod() would take a second sign, "inf" and hexadecimal digits, too. */
    if (!g_ascii_isdigit(*text) && !(*text == '.' && g_ascii_isdigit(text[1])))
        return NULL;
    if (*text == '0' && (text[1] == 'x' || text[1] == 'X'))
        return NULL;
    g_ascii_strtod(text, &end);
    return end;
}

static gchar*
stripped(const gchar *text)
{
    gchar *copy = g_strdup(text ? text : "");

    return g_strstrip(copy);
}

/* Whether it is a unit with or without a prefix, such as "ms" for "s". */
gboolean
tesm_text_is_unit(const gchar *text, const gchar *unit)
{
    static const gchar *prefixes[] = { "", "a", "f", "p", "n", "u", "µ", "μ", "m", "c", "k", "M", "G", "T" };
    gchar *as_typed = stripped(text), *without = gwy_strreplace(as_typed, "²", "2", (gsize)-1), *wanted;
    gchar *written = gwy_strreplace(without, "^2", "2", (gsize)-1);
    gboolean is = gwy_strequal(unit, "m") && (gwy_strequal(written, "Å") || gwy_strequal(written, "Å"));
    guint i;

    for (i = 0; i < G_N_ELEMENTS(prefixes) && !is; i++) {
        wanted = g_strconcat(prefixes[i], unit, NULL);
        is = gwy_strequal(written, wanted);
        g_free(wanted);
    }
    g_free(written);
    g_free(without);
    g_free(as_typed);
    return is;
}

/* Whether it is a number with its unit, such as "10 ms" for "s". */
gboolean
tesm_text_is_quantity(const gchar *text, const gchar *unit)
{
    gchar *written = stripped(text);
    const gchar *end = end_of_number(written);
    gboolean is = end && tesm_text_is_unit(end, unit);

    g_free(written);
    return is;
}

/* Whether it is a number and nothing else. */
gboolean
tesm_text_is_number(const gchar *text)
{
    gchar *written = stripped(text);
    const gchar *end = end_of_number(written);
    gboolean is = end && !*end;

    g_free(written);
    return is;
}

static gboolean
is_nuisance(const gchar *name)
{
    const gchar *end = name + strlen("mains");

    if (gwy_strequal(name, "drift") || gwy_strequal(name, "step"))
        return TRUE;
    if (!g_str_has_prefix(name, "mains"))
        return FALSE;
    end += *end == '1' || *end == '2';      /* the window in which they are fitted */
    return !*end || (*end == ':' && (tesm_text_is_quantity(end + 1, "Hz") || tesm_text_is_number(end + 1)));
}

/* Whether it is "auto", "none", or a list of what is fitted beside a curve, as "drift,step,mains:50Hz". */
gboolean
tesm_text_is_nuisance(const gchar *text)
{
    gchar **parts = g_strsplit(text, ",", -1), **part;
    gboolean is = TRUE;

    for (part = parts; *part; part++)
        is = is && is_nuisance(g_strstrip(*part));
    is = is || (g_strv_length(parts) == 1 && (gwy_strequal(parts[0], "auto") || gwy_strequal(parts[0], "none")));
    g_strfreev(parts);
    return is;
}

/* Whether it is "none", or two times with a colon between them of which the second may be left out. */
gboolean
tesm_text_is_window(const gchar *text)
{
    gchar *written = stripped(text), **edges = g_strsplit(written, ":", -1), *stop;
    gboolean is = gwy_strequal(written, "none");

    if (!is && g_strv_length(edges) == 2) {
        stop = stripped(edges[1]);
        is = tesm_text_is_quantity(edges[0], "s") && (!*stop || tesm_text_is_quantity(stop, "s"));
        g_free(stop);
    }
    g_strfreev(edges);
    g_free(written);
    return is;
}

/* Whether it is "auto", or a number and a length with a colon between them, as "0.5:50 nm". */
gboolean
tesm_text_is_prior(const gchar *text)
{
    gchar *written = stripped(text), **parts = g_strsplit(written, ":", -1), *deviation;
    const gchar *end;
    gboolean is = gwy_strequal(written, "auto");

    if (!is && g_strv_length(parts) == 2) {
        deviation = stripped(parts[0]);
        end = end_of_number(deviation);
        is = end && !*end && g_ascii_strtod(deviation, NULL) > 0.0 && tesm_text_is_quantity(parts[1], "m");
        g_free(deviation);
    }
    g_strfreev(parts);
    g_free(written);
    return is;
}

/* A quantity with six digits, as it is to be read; what is none stays as it is. */
gchar*
tesm_text_rounded(const gchar *text)
{
    const gchar *end = text ? end_of_number(text) : NULL;
    gchar buffer[G_ASCII_DTOSTR_BUF_SIZE];

    if (!end || end - text < 9 || strchr(text, ','))
        return g_strdup(text);
    return g_strconcat(g_ascii_formatd(buffer, sizeof(buffer), "%.6g", g_ascii_strtod(text, NULL)), end, NULL);
}
