/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* What the files of the module have in common; one block per file. */
#ifndef TESM_H
#define TESM_H

#include <gtk/gtk.h>
#ifdef TESM_GWYDDION_3
#include "gwyddion3/gwyddion3.h"
#else
#include "gwyddion2.h"
#endif

#define TESM_VERSION "0.1.0"

/* The menu a function was called from. */
typedef enum { TESM_IMAGE, TESM_VOLUME, TESM_CURVE_MAP } TesmMenu;

typedef struct TesmFunction TesmFunction;
typedef struct TesmSource TesmSource;

struct TesmFunction {
    const gchar *name;       /* as registered, and as the settings and the log have it */
    const gchar *title;
    const gchar *menu_path;
    const gchar *tooltip;
    const gchar *command;    /* of the engine; NULL for none that is waited for */
    gboolean (*open)(const TesmSource *source, const TesmFunction *function, GError **error);   /* without a command */
    gboolean recipe;         /* takes radii, geometry and windows: what makes D of a trace */
    gboolean fits;           /* and the other parameters of a fit */
    gboolean lateral;        /* fits all pixels together: only kernels that say what happens at the surface */
    gboolean on_image;       /* is about the current channel and the maps on its grid: can do without traces */
    gboolean grains;         /* has to find them */
    gboolean reports;        /* writes a folder for people, which has to be named */
    gboolean asks;           /* is nothing without its dialog */
    gboolean graphs;         /* makes graphs and no maps */
    gboolean tells;          /* prints what no map shows */
    const gchar *kept;       /* under this name in the metadata of the channel, what it prints */
    const gchar *help;       /* what it does, to read beside the dialog */
};

/* What a function works on. */
struct TesmSource {
    GwyContainer *data;
    TesmMenu menu;
    gint id;                 /* current channel, volume or curve map */
    gint channel;            /* current channel, if it lies on the grid of the traces, else -1 */
    GtkWindow *window;       /* NULL where there is no GUI */
    GArray *bricks, *lawns;  /* numbers of the traces */
    gboolean chosen;         /* it is one of them that somebody has named */
};

#define TESM_ERROR (tesm_error_quark())
typedef enum { TESM_ERROR_CANCELLED, TESM_ERROR_FAILED } TesmError;

GQuark        tesm_error_quark(void);

/* source.c */
TesmSource*   tesm_source_new     (GwyContainer *data, TesmMenu menu, gboolean all_traces);
void          tesm_source_free    (TesmSource *source);
gboolean      tesm_source_has_traces(const TesmSource *source);
gboolean      tesm_source_has_grid(const TesmSource *source, GwyDataField *field);
guint         tesm_source_count   (const TesmSource *source);
const gchar*  tesm_source_metadata_of(const TesmSource *source, guint i, const gchar *name);
GwyContainer* tesm_source_metadata_container(const TesmSource *source, guint i);
gchar*        tesm_source_metadata(const TesmSource *source, const gchar *name);
gboolean      tesm_source_has_time_unit   (const TesmSource *source);
gboolean      tesm_source_has_lateral_unit(const TesmSource *source);
gchar*        tesm_source_title   (const TesmSource *source, guint i);
gchar*        tesm_source_titles  (const TesmSource *source);
TesmSource*   tesm_source_of_all  (const TesmSource *source);
gboolean      tesm_source_has_volume(const TesmSource *source, gint id);
void          tesm_source_choose_volume(TesmSource *source, gint id);

/* handover.c */
gboolean      tesm_handover_write(const TesmSource *source, const gchar *path, GError **error);
gchar*        tesm_file_name     (GwyContainer *data);
gchar*        tesm_handover_path (GwyContainer *data, const gchar *folder);
gboolean      tesm_handover_write_all(GwyContainer *data, const gchar *path, GError **error);

/* disk.c */
gboolean      tesm_file_holds    (const gchar *path, GwyContainer *data);

/* engine.c */
gchar*        tesm_engine_find   (const gchar *chosen, const gchar **origin, GError **error);
gchar*        tesm_engine_setting(void);
void          tesm_engine_set    (const gchar *chosen);
gboolean      tesm_engine_knows  (const gchar *kernel);

/* process.c */
gboolean      tesm_process_run(gchar **words, GtkWindow *window, const gchar *title, gchar **output, GError **error);
gchar*        tesm_reason_from_status(gint status, const gchar *line);

/* folder.c */
gchar*        tesm_folder_new   (GError **error);
void          tesm_folder_remove(gchar *folder);

/* parameters.c */
enum {
    TESM_USE_VOLUME, TESM_VOLUME_ID, TESM_USE_RADIUS, TESM_RADIUS, TESM_RADIUS_ERROR,
    TESM_USE_CONTACT, TESM_CONTACT, TESM_CONTACT_ERROR, TESM_GEOMETRY, TESM_THRESHOLD,
    TESM_THRESHOLD_OF, TESM_SIGMAS, TESM_NOISE, TESM_NUISANCE, TESM_SIGN, TESM_KERNEL, TESM_WINDOW1, TESM_WINDOW2, TESM_SKIP, TESM_INTERVALS, TESM_START, TESM_DURATION, TESM_VOLTAGE,
    TESM_PRIOR, TESM_TOGETHER,
    TESM_USE_IMAGE, TESM_IMAGE_ID, TESM_METHOD, TESM_SMOOTH, TESM_MIN_AREA, TESM_NOISE_FACTOR, TESM_CONTRAST, TESM_WIDTH, TESM_BIN,
    TESM_FOLDER, TESM_REPLACE,
    TESM_TIME_UNIT, TESM_LATERAL_UNIT, TESM_ENGINE,
    TESM_INFO_TRACES, TESM_INFO_DRAWN, TESM_INFO_RADIUS, TESM_INFO_CONTACT, TESM_INFO_ENGINE,
    TESM_HEADER_FIT, TESM_HEADER_GRAINS, TESM_HEADER_PULSE, TESM_HEADER_REPORT, TESM_BUTTON_FOLDER, TESM_HEADER_ENGINE, TESM_INFO_SUGGESTED, TESM_BUTTON_SUGGESTED, TESM_MESSAGE,
};
GwyParams*    tesm_params_new   (const TesmFunction *function, const TesmSource *source);
void          tesm_params_save  (GwyParams *params);
gboolean      tesm_params_choose(GwyParams *params, TesmSource *source);
gboolean      tesm_params_use   (GwyParams *params, gint id);
#define TESM_OF_NOISE 3          /* what a threshold is of: no maximum */
const gchar*  tesm_kernel_name  (gint kernel);

typedef struct {
    gint id;
    const gchar *option, *name;
    gboolean in_metadata;    /* of its name; else it is an axis that says it */
    const gchar *unit, *example;
} TesmFileValue;
extern const TesmFileValue tesm_file_values[];   /* what a file may say itself; ends with a NULL option */

typedef struct {
    gint id, use, error;
    const gchar *option, *name;
} TesmRadius;
extern const TesmRadius tesm_radii[];            /* ends with a NULL option */

typedef struct {
    gint id;
    const gchar *option, *name, *label, *unit, *example;
} TesmGrainEntry;
extern const TesmGrainEntry tesm_grain_entries[];    /* ends with a NULL option */

#define TESM_PLUS_MINUS "±"      /* as people read it; a command line takes only "+/-" in every locale */

/* words.c */
gchar*        tesm_radius_text  (GwyParams *params, const TesmRadius *radius, const gchar *plus_minus);
void          tesm_params_add_words(GwyParams *params, const TesmFunction *function, const TesmSource *source,
                                    GPtrArray *words);

/* problems.c */
gchar*        tesm_params_problem(GwyParams *params, const TesmFunction *function, const TesmSource *source);

/* entered.c */
gboolean      tesm_source_says    (const TesmSource *source, const TesmFileValue *value);
gboolean      tesm_source_asks    (const TesmSource *source, const TesmFileValue *value);
void          tesm_entered_load   (const TesmSource *source, const TesmFunction *function, GwyParams *params);
void          tesm_entered_remember(const TesmSource *source, const TesmFunction *function, GwyParams *params);
void          tesm_entered_keep   (const TesmSource *source, const TesmFunction *function, GwyParams *params);
gchar*        tesm_entered_missing(const TesmSource *source, const TesmFunction *function);
gchar*        tesm_entered_suggest(const TesmSource *source, const TesmFunction *function, GwyParams *params,
                                   GwyParamTable *measured, GwyParamTable *evaluated);
const gchar*  tesm_entered_origin (void);

/* protocol.c */
gboolean      tesm_protocol_edit(const TesmSource *source, const TesmFunction *function, GError **error);

/* texts.c */
gboolean      tesm_text_is_unit    (const gchar *text, const gchar *unit);
gboolean      tesm_text_is_quantity(const gchar *text, const gchar *unit);
gboolean      tesm_text_is_window  (const gchar *text);
gboolean      tesm_text_is_prior   (const gchar *text);
gboolean      tesm_text_is_number  (const gchar *text);
gboolean      tesm_text_is_nuisance(const gchar *text);
gchar*        tesm_text_rounded    (const gchar *text);

/* dialog.c */
void          tesm_dialog_add_help(GtkDialog *dialog, const TesmFunction *function);
gboolean      tesm_dialog_run(GwyParams *params, const TesmFunction *function, const TesmSource *source);

/* results.c */
gint          tesm_results_adopt(const TesmSource *source, const TesmFunction *function, const gchar *path,
                                 GError **error);

void          tesm_results_keep_table(const TesmSource *source, const gchar *name, const gchar *table);

/* report.c */
gchar*        tesm_report_folder (const TesmSource *source);
gchar*        tesm_report_problem(GwyParams *params, const TesmSource *source);
gchar*        tesm_report_path   (GwyParams *params, const TesmSource *source);
void          tesm_report_choose (GwyParams *params, GwyParamTable *table, const TesmSource *source, GtkWindow *window);
gboolean      tesm_report_show   (const TesmSource *source, const gchar *folder);

/* messages.c */
void          tesm_show_error(GtkWindow *window, const gchar *title, const GError *error);
void          tesm_show_help (GtkWindow *window, const TesmFunction *function);
void          tesm_show_table(const TesmSource *source, const TesmFunction *function, const gchar *text);

/* napari.c */
gboolean      tesm_open_in_napari(const TesmSource *source, const TesmFunction *function, GError **error);

#endif
