/*
 * modulehost MODULE.so KIND FUNCTION ID IN.gwy OUT.gwy [CHANNEL]
 *
 * Runs module functions, separated by commas, on a file without a screen, as Gwyddion would (the function "move" stands
 * for a user who moves the first point of a selection): KIND is proc, volume or cmap, ID the number of
 * the current channel, volume or curve map, CHANNEL that of the channel that is current beside it.  IN.gwy may be
 * "huge:NX:NY:NZ", a volume of zeros in no file.  What the function has made of the data is saved to OUT.gwy.
 *
 * "ask:FUNCTION" runs it with its dialog, which needs a display: $HOST_TYPES holds what is typed there, NAME=VALUE with "|"
 * between them ("+" presses the button that takes over what was typed last), and OK is pressed if it can be.
 *
 * Prints, on stdout: "function NAME" for each function of the module, "milliseconds T" for the run, "filename PATH" under
 * which the data go afterwards, "decimal POINT" of the locale, "peak KB" of memory.  Every warning of the libraries goes
 * to stderr as "LOG DOMAIN: TEXT".  Settings are read and saved as Gwyddion does.
 *
 * Of a dialog: "entry NAME TEXT" as it comes up, "label TEXT" of what is to be read when all is typed, "ok 0" or "ok 1".
 *
 * Exit status: 0 no warnings, 1 warnings, 2 could not be run.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <locale.h>
#include <gtk/gtk.h>
#include "tesm.h"
#ifndef TESM_GWYDDION_3
#include <libprocess/gwyprocess.h>
#include <libprocess/gwycalibration.h>
#include <libprocess/gwygrainvalue.h>
#include <libdraw/gwydraw.h>
#include <libgwydgets/gwydgets.h>
#endif

#define TAKE_OVER 100        /* the response of the button of the module's dialog */

static GwyParamTable *tables[2] = { NULL, NULL };     /* of the dialog that is up */
static gint n_warnings = 0;

static void
note_warning(const gchar *domain, GLogLevelFlags level, const gchar *message, G_GNUC_UNUSED gpointer data)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) {
        fprintf(stderr, "LOG %s: %s\n", domain ? domain : "", message);
        n_warnings++;
    }
}

static void
load_module(const gchar *path)
{
    GError *error = NULL;

    if (!gwy_module_register_module(path, &error)) {
        fprintf(stderr, "%s: %s\n", path, error->message);
        exit(2);
    }
}

static void
load_settings(void)
{
    gchar *path = gwy_app_settings_get_settings_filename();

    gwy_app_settings_create_config_dir(NULL);
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        gwy_app_settings_load(path, NULL);
    g_free(path);
    gwy_app_settings_get();
}

/* What gwyddion itself does before it shows a window. */
#ifdef TESM_GWYDDION_3
#define gwy_si_unit_set_from_string gwy_unit_set_from_string
#define gwy_brick_get_si_unit_y gwy_brick_get_unit_y
#define gwy_file_load(name, run, error) ((GwyDict*)(gwy_file_load)(name, run, error))
#define gwy_app_data_browser_add(data) gwy_data_browser_add(GWY_FILE(data))
#define gwy_app_data_browser_select_data_field(data, id) gwy_data_browser_select_data(GWY_FILE(data), GWY_FILE_IMAGE, id)
#define gwy_app_data_browser_select_brick(data, id) gwy_data_browser_select_data(GWY_FILE(data), GWY_FILE_VOLUME, id)
#define gwy_app_data_browser_select_lawn(data, id) gwy_data_browser_select_data(GWY_FILE(data), GWY_FILE_CMAP, id)
#define gwy_process_func_run(name, data, run) gwy_image_func_run(name, GWY_FILE(data), run)
#define gwy_volume_func_run(name, data, run) (gwy_volume_func_run)(name, GWY_FILE(data), run)
#define gwy_curve_map_func_run(name, data, run) gwy_cmap_func_run(name, GWY_FILE(data), run)
#define gwy_container_get_object_by_name gwy_dict_get_object_by_name

static void
start_gwyddion(void)
{
    g_set_prgname("gwyddion3");
    gwy_app_init(FALSE, NULL);
    gwy_data_browser_set_gui_enabled(FALSE);
    gwy_app_wait_set_enabled(FALSE);
    load_settings();
    if (!gwy_file_func_exists(TESM_FILE_MODULE))
        load_module(g_getenv("HOST_FILE_MODULE"));
}
#else
static void
start_gwyddion(void)
{
    gchar *modules, *path;

    gwy_widgets_type_init();
    gwy_app_data_browser_set_gui_enabled(FALSE);
    gwy_app_wait_set_enabled(FALSE);
    gwy_resource_class_load(g_type_class_peek(GWY_TYPE_GRADIENT));
    gwy_resource_class_load(g_type_class_peek(GWY_TYPE_GL_MATERIAL));
    gwy_resource_class_load(g_type_class_peek(GWY_TYPE_GRAIN_VALUE));
    gwy_resource_class_load(g_type_class_peek(GWY_TYPE_CALIBRATION));
    load_settings();
    modules = gwy_find_self_dir("modules");
    load_module(path = g_build_filename(modules, "layer", "layer.so", NULL));
    g_free(path);
    load_module(path = g_build_filename(modules, "file", "file.so", NULL));
    g_free(path);
    g_free(modules);
}
#endif

static GwyContainer*
load_data(const gchar *name)
{
    GwyContainer *data;
    GwyBrick *brick;
    GError *error = NULL;
    gint nx, ny, nz;

    if (sscanf(name, "huge:%d:%d:%d", &nx, &ny, &nz) == 3) {
        data = gwy_container_new();
        brick = gwy_brick_new(nx, ny, nz, 1e-6, 1e-6, 1e-3, TRUE);
        gwy_si_unit_set_from_string(gwy_brick_get_si_unit_x(brick), "m");
        gwy_si_unit_set_from_string(gwy_brick_get_si_unit_y(brick), "m");
        gwy_si_unit_set_from_string(gwy_brick_get_si_unit_z(brick), "s");
        gwy_container_set_object(data, gwy_app_get_brick_key_for_id(0), brick);
        g_object_unref(brick);
        return data;
    }
    if (!(data = gwy_file_load(name, GWY_RUN_NONINTERACTIVE, &error))) {
        fprintf(stderr, "%s: %s\n", name, error->message);
        exit(2);
    }
    gwy_container_set_const_string_by_name(data, "/filename", (const guchar*)name);
    return data;
}

/* The module asks the program for these two before the libraries: it is answered in the user's place. */
GwyParamTable*
gwy_param_table_new(GwyParams *params)
{
    GwyParamTable* (*original)(GwyParams*) = (GwyParamTable* (*)(GwyParams*))dlsym(RTLD_NEXT, "gwy_param_table_new");

    tables[1] = tables[0];
    return tables[0] = original(params);
}

static GwyParamTable*
table_with(gint id)
{
    return tables[1] && gwy_param_table_exists(tables[1], id) ? tables[1] : tables[0];
}

static const struct { const gchar *name; gint id; } typed_entries[] = {
    { "pulse_start", TESM_START }, { "pulse_duration", TESM_DURATION }, { "voltage", TESM_VOLTAGE },
    { "time_unit", TESM_TIME_UNIT }, { "lateral_unit", TESM_LATERAL_UNIT }, { "window1", TESM_WINDOW1 },
    { "window2", TESM_WINDOW2 }, { "skip_after_edge", TESM_SKIP }, { "prior", TESM_PRIOR },
    { "nuisance", TESM_NUISANCE }, { "min_area", TESM_MIN_AREA }, { "noise_factor", TESM_NOISE_FACTOR },
    { "folder", TESM_FOLDER },
};

static void
print_label(const gchar *text)
{
    gchar *line = g_strdelimit(g_strdup(text), "\n", '|');

    if (*line)
        printf("label %s\n", line);
    g_free(line);
}

static void
print_labels(GtkWidget *widget, gpointer unused)
{
    if (GTK_IS_LABEL(widget))
        print_label(gtk_label_get_text(GTK_LABEL(widget)));
    if (GTK_IS_ENTRY(widget))
        print_label(gtk_entry_get_text(GTK_ENTRY(widget)));
    if (GTK_IS_CONTAINER(widget))
        gtk_container_forall(GTK_CONTAINER(widget), print_labels, unused);
}

static void
type_one(GwyDialog *dialog, const gchar *text)
{
    gchar **parts = g_strsplit(text, "=", 2);
    guint i;

    if (gwy_strequal(text, "+"))
        gtk_dialog_response(GTK_DIALOG(dialog), TAKE_OVER);
    else if (gwy_strequal(parts[0], "tip_radius")) {
        gwy_param_table_set_boolean(table_with(TESM_USE_RADIUS), TESM_USE_RADIUS, TRUE);
        gwy_param_table_set_double(table_with(TESM_RADIUS), TESM_RADIUS, g_ascii_strtod(parts[1], NULL));
    }
    else if (gwy_strequal(parts[0], "tip_radius_error"))
        gwy_param_table_set_double(table_with(TESM_RADIUS_ERROR), TESM_RADIUS_ERROR, g_ascii_strtod(parts[1], NULL));
    for (i = 0; i < G_N_ELEMENTS(typed_entries); i++) {
        if (gwy_strequal(parts[0], typed_entries[i].name))
            gwy_param_table_set_string(table_with(typed_entries[i].id), typed_entries[i].id, parts[1]);
    }
    g_strfreev(parts);
}

/* Of a dialog without tables: "NAME=TEXT" by the names of its entries. */
static void
type_by_name(GtkWidget *widget, gpointer text)
{
    gchar **parts = g_strsplit(text, "=", 2);

    if (GTK_IS_ENTRY(widget) && gwy_strequal(gtk_widget_get_name(widget), parts[0]))
        gtk_entry_set_text(GTK_ENTRY(widget), parts[1]);
    g_strfreev(parts);
    if (GTK_IS_CONTAINER(widget))
        gtk_container_forall(GTK_CONTAINER(widget), type_by_name, text);
}

GwyDialogOutcome
gwy_dialog_run(GwyDialog *dialog)
{
    gchar **typed = g_strsplit(g_getenv("HOST_TYPES") ? g_getenv("HOST_TYPES") : "", "|", -1), **text;
    GwyParams *params = tables[0] ? gwy_param_table_params(tables[0]) : NULL;
    gboolean ok;
    guint i;

    for (i = 0; i < G_N_ELEMENTS(typed_entries) && params; i++) {
        if (gwy_param_table_exists(table_with(typed_entries[i].id), typed_entries[i].id))
            printf("entry %s %s\n", typed_entries[i].name, gwy_params_get_string(params, typed_entries[i].id));
    }
    for (text = typed; *text; text++) {
        if (params || gwy_strequal(*text, "+"))
            type_one(dialog, *text);
        else
            type_by_name(GTK_WIDGET(dialog), *text);
    }
    g_strfreev(typed);
    print_labels(GTK_WIDGET(dialog), NULL);
    ok = gtk_widget_is_sensitive(gtk_dialog_get_widget_for_response(GTK_DIALOG(dialog), GTK_RESPONSE_OK));
    printf("ok %d\n", ok);
    gtk_widget_destroy(GTK_WIDGET(dialog));
    tables[0] = tables[1] = NULL;
    return ok ? GWY_DIALOG_PROCEED : GWY_DIALOG_CANCEL;
}

static void
move_point(GwyContainer *data, gint id)
{
    gchar *key = g_strdup_printf(TESM_SELECTIONS "point", id);
    GwySelection *selection = GWY_SELECTION(gwy_container_get_object_by_name(data, key));
    gdouble xy[] = { 1e-8, 2e-8 };

    gwy_selection_set_object(selection, 0, xy);
    g_free(key);
}

static void
run_function(GwyContainer *data, const gchar *kind, const gchar *name, gint id)
{
    gboolean asks = g_str_has_prefix(name, "ask:");
    GwyRunType run = asks ? GWY_RUN_INTERACTIVE : GWY_RUN_IMMEDIATE;

    name += asks ? strlen("ask:") : 0;
    if (gwy_strequal(name, "move"))
        move_point(data, id);
    else if (gwy_strequal(kind, "proc")) {
        gwy_app_data_browser_select_data_field(data, id);
        gwy_process_func_run(name, data, run);
    }
    else if (gwy_strequal(kind, "volume")) {
        gwy_app_data_browser_select_brick(data, id);
        gwy_volume_func_run(name, data, run);
    }
    else {
        gwy_app_data_browser_select_lawn(data, id);
        gwy_curve_map_func_run(name, data, run);
    }
}

/* Largest memory of this program in KB.  getrusage() would begin with that of the program which started it. */
static long
peak_of_memory(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long peak = -1;

    while (status && fgets(line, sizeof(line), status)) {
        if (sscanf(line, "VmHWM: %ld kB", &peak) == 1)
            break;
    }
    if (status)
        fclose(status);
    return peak;
}

int
main(int argc, char **argv)
{
    GwyContainer *data;
    GError *error = NULL;
    GSList *item;
    GTimer *timer;
    const guchar *filename = NULL;
    gchar *path, **names, **name;
    gint id;

    if (argc < 7) {
        fprintf(stderr, "modulehost MODULE.so KIND FUNCTION ID IN.gwy OUT.gwy [CHANNEL]\n");
        return 2;
    }
    setlocale(LC_ALL, "");
    g_log_set_default_handler(note_warning, NULL);
    if (strstr(argv[3], "ask:") && !gtk_init_check(&argc, &argv)) {
        fprintf(stderr, "There is no display for a dialog.\n");
        return 2;
    }
    start_gwyddion();
    load_module(argv[1]);
    for (item = gwy_module_get_functions("tesm"); item; item = g_slist_next(item))
        printf("function %s\n", (gchar*)item->data);
    data = load_data(argv[5]);
    gwy_app_data_browser_add(data);
    if (argc > 7)
        gwy_app_data_browser_select_data_field(data, atoi(argv[7]));
    id = atoi(argv[4]);
    timer = g_timer_new();
    names = g_strsplit(argv[3], ",", -1);
    for (name = names; *name; name++)
        run_function(data, argv[2], *name, id);
    g_strfreev(names);
    printf("milliseconds %d\n", (gint)(1000*g_timer_elapsed(timer, NULL)));
    g_timer_destroy(timer);
    gwy_container_gis_string_by_name(data, "/filename", &filename);
    printf("filename %s\n", filename ? (const gchar*)filename : "");
    printf("decimal %s\n", localeconv()->decimal_point);
    printf("peak %ld\n", peak_of_memory());
    fflush(stdout);
    if (*argv[6] && !gwy_file_func_run_save(TESM_FILE_MODULE, data, argv[6], GWY_RUN_NONINTERACTIVE, &error)) {
        fprintf(stderr, "%s: %s\n", argv[6], error->message);
        return 2;
    }
    path = gwy_app_settings_get_settings_filename();
    gwy_app_settings_save(path, NULL);
    g_free(path);
    return n_warnings ? 1 : 0;
}
