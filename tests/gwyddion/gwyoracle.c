/*
 * gwyoracle [--values] FILE.gwy
 *
 * Loads a file with Gwyddion's own libraries, without a display, and prints what they made of it as JSON:
 *
 *     {"gwyddion": VERSION, "items": {KEY: VALUE, ...}, "problems": [TEXT, ...]}
 *
 * Scalars and strings stand as they are; an object is {"type": NAME, ...}; an array of numbers is {"n": COUNT,
 * "sha256": DIGEST OF ITS LITTLE-ENDIAN BYTES} and with --values also {"values": [...]} to 17 digits.  Every warning of
 * the libraries and everything gwy_data_validate() finds is a problem.  Bytes that are not UTF-8 are printed as the
 * lone surrogates U+DC80..U+DCFF, as Python's "surrogateescape" has them.
 *
 * Exit status: 0 no problems, 1 problems, 2 not readable (reasons on stderr).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <libgwyddion/gwyddion.h>
#include <libprocess/gwyprocess.h>
#include <libprocess/lawn.h>
#include <libdraw/gwydraw.h>
#include <libgwydgets/gwydgets.h>
#include <libgwymodule/gwymodule.h>
#include <app/gwyapp.h>
#include <app/validate.h>

#define MAGIC_SIZE 4
#define MOST_PROBLEMS 200    /* a damaged file can make the libraries warn without end */

static GPtrArray *problems;
static gboolean with_values = FALSE;
static GString *out;

/*** Problems *****************************************************************************************************/

static void
note_problem(gchar *text)
{
    if (problems->len < MOST_PROBLEMS)
        g_ptr_array_add(problems, text);
    else
        g_free(text);
}

static void
note_warning(const gchar *domain, GLogLevelFlags level, const gchar *message, G_GNUC_UNUSED gpointer data)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
        note_problem(g_strdup_printf("%s: %s", domain ? domain : "", message));
}

static void
validate(GwyContainer *container)
{
    GSList *failures = gwy_data_validate(container, GWY_DATA_VALIDATE_ALL), *item;

    for (item = failures; item; item = g_slist_next(item)) {
        GwyDataValidationFailure *failure = item->data;

        note_problem(g_strdup_printf("%s: %s%s%s", g_quark_to_string(failure->key),
                                     gwy_data_error_desrcibe(failure->error),    /* sic */
                                     failure->details ? ": " : "", failure->details ? failure->details : ""));
    }
    gwy_data_validation_failure_list_free(failures);
}

/*** JSON *********************************************************************************************************/

/* A comma is due before anything that does not open a list or follow a key. */
static void
separate(void)
{
    gchar last = out->len ? out->str[out->len - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        g_string_append_c(out, ',');
}

static void
open_with(gchar bracket)
{
    separate();
    g_string_append_c(out, bracket);
}

static void
close_with(gchar bracket)
{
    g_string_append_c(out, bracket);
}

static void
put_string(const gchar *text)
{
    const guchar *p = (const guchar*)(text ? text : "");

    separate();
    g_string_append_c(out, '"');
    while (*p) {
        gunichar c = g_utf8_get_char_validated((const gchar*)p, -1);

        if (c == (gunichar)-1 || c == (gunichar)-2)
            g_string_append_printf(out, "\\udc%02x", *(p++));
        else {
            if (c < 0x20 || c == '"' || c == '\\')
                g_string_append_printf(out, "\\u%04x", c);
            else
                g_string_append_unichar(out, c);
            p = (const guchar*)g_utf8_next_char(p);
        }
    }
    g_string_append_c(out, '"');
}

static void
put_key(const gchar *key)
{
    put_string(key);
    g_string_append_c(out, ':');
}

/* Python's json reads NaN and Infinity written so. */
static void
put_double(gdouble value)
{
    gchar buffer[G_ASCII_DTOSTR_BUF_SIZE];

    separate();
    if (isnan(value))
        g_string_append(out, "NaN");
    else if (isinf(value))
        g_string_append(out, value < 0.0 ? "-Infinity" : "Infinity");
    else
        g_string_append(out, g_ascii_formatd(buffer, sizeof(buffer), "%.17g", value));
}

static void
put_int(gint64 value)
{
    separate();
    g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void
put_bool(gboolean value)
{
    separate();
    g_string_append(out, value ? "true" : "false");
}

static void
put_null(void)
{
    separate();
    g_string_append(out, "null");
}

static void key_string(const gchar *key, const gchar *value) { put_key(key); put_string(value); }
static void key_double(const gchar *key, gdouble value) { put_key(key); put_double(value); }
static void key_int(const gchar *key, gint64 value) { put_key(key); put_int(value); }

/* A string a library has just made for us. */
static void
key_own_string(const gchar *key, gchar *value)
{
    key_string(key, value);
    g_free(value);
}

static void
key_unit(const gchar *key, GwySIUnit *unit)
{
    key_own_string(key, unit ? gwy_si_unit_get_string(unit, GWY_SI_UNIT_FORMAT_PLAIN) : g_strdup(""));
}

static void
key_array(const gchar *key, gconstpointer data, gsize n, gsize item_size)
{
    gsize i;

    put_key(key);
    open_with('{');
    key_int("n", n);
    key_own_string("sha256", g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, n*item_size));
    if (with_values) {
        put_key("values");
        open_with('[');
        for (i = 0; i < n; i++) {
            if (item_size == sizeof(gdouble))
                put_double(((const gdouble*)data)[i]);
            else
                put_int(((const gint*)data)[i]);
        }
        close_with(']');
    }
    close_with('}');
}

static void key_doubles(const gchar *key, const gdouble *data, gsize n) { key_array(key, data, n, sizeof(gdouble)); }
static void key_ints(const gchar *key, const gint *data, gsize n) { key_array(key, data, n, sizeof(gint)); }

/*** Objects ******************************************************************************************************/

static void put_object(GObject *object);

static void
put_field(GwyDataField *field)
{
    gint xres = gwy_data_field_get_xres(field), yres = gwy_data_field_get_yres(field);

    key_int("xres", xres);
    key_int("yres", yres);
    key_double("xreal", gwy_data_field_get_xreal(field));
    key_double("yreal", gwy_data_field_get_yreal(field));
    key_double("xoff", gwy_data_field_get_xoffset(field));
    key_double("yoff", gwy_data_field_get_yoffset(field));
    key_unit("unit_xy", gwy_data_field_get_si_unit_xy(field));
    key_unit("unit_z", gwy_data_field_get_si_unit_z(field));
    key_doubles("data", gwy_data_field_get_data_const(field), (gsize)xres*yres);
}

static void
put_line(GwyDataLine *line)
{
    key_int("res", gwy_data_line_get_res(line));
    key_double("real", gwy_data_line_get_real(line));
    key_double("off", gwy_data_line_get_offset(line));
    key_unit("unit_x", gwy_data_line_get_si_unit_x(line));
    key_unit("unit_y", gwy_data_line_get_si_unit_y(line));
    key_doubles("data", gwy_data_line_get_data_const(line), gwy_data_line_get_res(line));
}

static void
put_brick(GwyBrick *brick)
{
    GwyDataLine *calibration = gwy_brick_get_zcalibration(brick);
    gint xres = gwy_brick_get_xres(brick), yres = gwy_brick_get_yres(brick), zres = gwy_brick_get_zres(brick);

    key_int("xres", xres);
    key_int("yres", yres);
    key_int("zres", zres);
    key_double("xreal", gwy_brick_get_xreal(brick));
    key_double("yreal", gwy_brick_get_yreal(brick));
    key_double("zreal", gwy_brick_get_zreal(brick));
    key_double("xoff", gwy_brick_get_xoffset(brick));
    key_double("yoff", gwy_brick_get_yoffset(brick));
    key_double("zoff", gwy_brick_get_zoffset(brick));
    key_unit("unit_x", gwy_brick_get_si_unit_x(brick));
    key_unit("unit_y", gwy_brick_get_si_unit_y(brick));
    key_unit("unit_z", gwy_brick_get_si_unit_z(brick));
    key_unit("unit_w", gwy_brick_get_si_unit_w(brick));
    key_doubles("data", gwy_brick_get_data_const(brick), (gsize)xres*yres*zres);
    put_key("calibration");
    if (calibration)
        put_object(G_OBJECT(calibration));
    else
        put_null();
    if (calibration && gwy_data_line_get_res(calibration) != zres)
        note_problem(g_strdup("the z-calibration of a brick has another length than its z-axis"));
}

static void
put_lawn(GwyLawn *lawn)
{
    gint xres = gwy_lawn_get_xres(lawn), yres = gwy_lawn_get_yres(lawn);
    gint n_curves = gwy_lawn_get_n_curves(lawn), n_segments = gwy_lawn_get_n_segments(lawn), i, j, n;
    GArray *lengths = g_array_new(FALSE, FALSE, sizeof(gint));
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(gdouble));
    GArray *segments = g_array_new(FALSE, FALSE, sizeof(gint));

    key_int("xres", xres);
    key_int("yres", yres);
    key_double("xreal", gwy_lawn_get_xreal(lawn));
    key_double("yreal", gwy_lawn_get_yreal(lawn));
    key_double("xoff", gwy_lawn_get_xoffset(lawn));
    key_double("yoff", gwy_lawn_get_yoffset(lawn));
    key_unit("unit_xy", gwy_lawn_get_si_unit_xy(lawn));
    put_key("curves");
    open_with('[');
    for (j = 0; j < n_curves; j++) {
        open_with('{');
        key_string("label", gwy_lawn_get_curve_label(lawn, j));
        key_unit("unit", gwy_lawn_get_si_unit_curve(lawn, j));
        close_with('}');
    }
    close_with(']');
    for (i = 0; i < xres*yres; i++) {
        n = gwy_lawn_get_curve_length(lawn, i % xres, i/xres);
        g_array_append_val(lengths, n);
        for (j = 0; j < n_curves; j++) {
            const gdouble *curve = gwy_lawn_get_curve_data_const(lawn, i % xres, i/xres, j, &n);
            g_array_append_vals(samples, curve, n);
        }
        if (n_segments)
            g_array_append_vals(segments, gwy_lawn_get_segments(lawn, i % xres, i/xres, NULL), 2*n_segments);
    }
    key_ints("lengths", (const gint*)lengths->data, lengths->len);
    key_doubles("data", (const gdouble*)samples->data, samples->len);
    put_key("segment_labels");
    open_with('[');
    for (j = 0; j < n_segments; j++)
        put_string(gwy_lawn_get_segment_label(lawn, j));
    close_with(']');
    key_ints("segments", (const gint*)segments->data, segments->len);
    g_array_free(lengths, TRUE);
    g_array_free(samples, TRUE);
    g_array_free(segments, TRUE);
}

static void
put_graph_curve(GwyGraphCurveModel *curve)
{
    gint n = gwy_graph_curve_model_get_ndata(curve), mode;
    gchar *description;
    GwyRGBA *colour;

    g_object_get(curve, "description", &description, "mode", &mode, "color", &colour, NULL);
    key_own_string("description", description);
    key_int("mode", mode);
    put_key("colour");
    open_with('[');
    put_double(colour->r);
    put_double(colour->g);
    put_double(colour->b);
    close_with(']');
    gwy_rgba_free(colour);
    key_doubles("x", gwy_graph_curve_model_get_xdata(curve), n);
    key_doubles("y", gwy_graph_curve_model_get_ydata(curve), n);
}

static void
put_graph(GwyGraphModel *graph)
{
    gchar *title, *x_label, *y_label;
    GwySIUnit *x_unit, *y_unit;
    gint i;

    g_object_get(graph, "title", &title, "axis-label-bottom", &x_label, "axis-label-left", &y_label,
                 "si-unit-x", &x_unit, "si-unit-y", &y_unit, NULL);
    key_own_string("title", title);
    key_own_string("x_label", x_label);
    key_own_string("y_label", y_label);
    key_unit("x_unit", x_unit);
    key_unit("y_unit", y_unit);
    g_object_unref(x_unit);
    g_object_unref(y_unit);
    put_key("curves");
    open_with('[');
    for (i = 0; i < gwy_graph_model_get_n_curves(graph); i++)
        put_object(G_OBJECT(gwy_graph_model_get_curve(graph, i)));
    close_with(']');
}

static void
put_spectra(GwySpectra *spectra)
{
    guint n = gwy_spectra_get_n_spectra(spectra), i;

    key_string("title", gwy_spectra_get_title(spectra));
    key_string("x_label", gwy_spectra_get_spectrum_x_label(spectra));
    key_string("y_label", gwy_spectra_get_spectrum_y_label(spectra));
    key_unit("unit_xy", gwy_spectra_get_si_unit_xy(spectra));
    put_key("positions");
    open_with('[');
    for (i = 0; i < n; i++) {
        gdouble x, y;

        gwy_spectra_itoxy(spectra, i, &x, &y);
        put_double(x);
        put_double(y);
    }
    close_with(']');
    put_key("curves");
    open_with('[');
    for (i = 0; i < n; i++)
        put_object(G_OBJECT(gwy_spectra_get_spectrum(spectra, i)));
    close_with(']');
}

static void
put_selection(GwySelection *selection)
{
    gint n = gwy_selection_get_data(selection, NULL), size = gwy_selection_get_object_size(selection), i;
    gdouble *data = g_new(gdouble, n*size + 1);
    GObjectClass *klass = G_OBJECT_GET_CLASS(selection);

    gwy_selection_get_data(selection, data);
    key_int("max", gwy_selection_get_max_objects(selection));
    put_key("data");
    open_with('[');
    for (i = 0; i < n*size; i++)
        put_double(data[i]);
    close_with(']');
    g_free(data);
    if (g_object_class_find_property(klass, "slackness") && g_object_class_find_property(klass, "closed")) {
        gdouble slackness;
        gboolean closed;

        g_object_get(selection, "slackness", &slackness, "closed", &closed, NULL);
        key_double("slackness", slackness);
        put_key("closed");
        put_bool(closed);
    }
}

static void
put_string_list(GwyStringList *list)
{
    guint i;

    put_key("strings");
    open_with('[');
    for (i = 0; i < gwy_string_list_get_length(list); i++)
        put_string(gwy_string_list_get(list, i));
    close_with(']');
}

static void
put_value(const GValue *value)
{
    if (G_VALUE_HOLDS_STRING(value))
        put_string(g_value_get_string(value));
    else if (G_VALUE_HOLDS_BOOLEAN(value))
        put_bool(g_value_get_boolean(value));
    else if (G_VALUE_HOLDS_INT(value))
        put_int(g_value_get_int(value));
    else if (G_VALUE_HOLDS_INT64(value))
        put_int(g_value_get_int64(value));
    else if (G_VALUE_HOLDS_UCHAR(value))
        put_int(g_value_get_uchar(value));
    else if (G_VALUE_HOLDS_DOUBLE(value))
        put_double(g_value_get_double(value));
    else if (G_VALUE_HOLDS_OBJECT(value))
        put_object(g_value_get_object(value));
    else
        put_null();
}

static gint
compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(g_quark_to_string(*(const GQuark*)a), g_quark_to_string(*(const GQuark*)b));
}

static void
put_items(GwyContainer *container)
{
    gint n = gwy_container_get_n_items(container), i;
    GQuark *keys = gwy_container_keys(container);

    /* Gwyddion keeps them in a hash table; sorted, two outputs can be compared. */
    qsort(keys, n, sizeof(GQuark), compare_keys);
    put_key("items");
    open_with('{');
    for (i = 0; i < n; i++) {
        GValue value = gwy_container_get_value(container, keys[i]);

        put_key(g_quark_to_string(keys[i]));
        put_value(&value);
        g_value_unset(&value);
    }
    close_with('}');
    g_free(keys);
}

static void
put_object(GObject *object)
{
    open_with('{');
    key_string("type", G_OBJECT_TYPE_NAME(object));
    if (GWY_IS_DATA_FIELD(object))
        put_field(GWY_DATA_FIELD(object));
    else if (GWY_IS_BRICK(object))
        put_brick(GWY_BRICK(object));
    else if (GWY_IS_LAWN(object))
        put_lawn(GWY_LAWN(object));
    else if (GWY_IS_DATA_LINE(object))
        put_line(GWY_DATA_LINE(object));
    else if (GWY_IS_GRAPH_MODEL(object))
        put_graph(GWY_GRAPH_MODEL(object));
    else if (GWY_IS_GRAPH_CURVE_MODEL(object))
        put_graph_curve(GWY_GRAPH_CURVE_MODEL(object));
    else if (GWY_IS_SPECTRA(object))
        put_spectra(GWY_SPECTRA(object));
    else if (GWY_IS_SELECTION(object))
        put_selection(GWY_SELECTION(object));
    else if (GWY_IS_STRING_LIST(object))
        put_string_list(GWY_STRING_LIST(object));
    else if (GWY_IS_SI_UNIT(object))
        key_unit("unit", GWY_SI_UNIT(object));
    else if (GWY_IS_CONTAINER(object))
        put_items(GWY_CONTAINER(object));
    close_with('}');
}

/*** Loading ******************************************************************************************************/

static gboolean
register_module(const gchar *group)
{
    gchar *folder = gwy_find_self_dir("modules"), *name = g_strconcat(group, ".so", NULL);
    gchar *path = g_build_filename(folder, group, name, NULL);
    GError *error = NULL;
    gboolean ok = gwy_module_register_module(path, &error) != NULL;

    if (!ok)
        fprintf(stderr, "%s: %s\n", path, error->message);
    g_clear_error(&error);
    g_free(path);
    g_free(name);
    g_free(folder);
    return ok;
}

static GObject*
load_current(const gchar *buffer, gsize size)
{
    gsize position = 0;
    GObject *object;

    size -= MAGIC_SIZE;
    if (!size)    /* gwy_serializable_deserialize() would abort */
        return NULL;
    object = gwy_serializable_deserialize((const guchar*)buffer + MAGIC_SIZE, size, &position);
    if (object && position != size)
        note_problem(g_strdup_printf("%" G_GSIZE_FORMAT " bytes after the container", size - position));
    return object;
}

/* Only Gwyddion's file module knows the format of Gwyddion 1. */
static GObject*
load_old(const gchar *path)
{
    GError *error = NULL;
    GwyContainer *container;

    if (!register_module("file"))
        return NULL;
    container = gwy_file_func_run_load("gwyfile", path, GWY_RUN_NONINTERACTIVE, &error);
    if (error)
        note_problem(g_strdup(error->message));
    g_clear_error(&error);
    return (GObject*)container;
}

static GObject*
load(const gchar *path)
{
    GError *error = NULL;
    GMappedFile *file = g_mapped_file_new(path, FALSE, &error);
    GObject *object = NULL;
    const gchar *buffer;
    gsize size;

    if (!file) {
        fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
        return NULL;
    }
    buffer = g_mapped_file_get_contents(file);
    size = g_mapped_file_get_length(file);
    if (size >= MAGIC_SIZE && memcmp(buffer, "GWYP", MAGIC_SIZE) == 0)
        object = load_current(buffer, size);
    else if (size >= MAGIC_SIZE && memcmp(buffer, "GWYO", MAGIC_SIZE) == 0)
        object = load_old(path);
    else
        fprintf(stderr, "%s is not a Gwyddion file\n", path);
    g_mapped_file_unref(file);
    return object;
}

int
main(int argc, char **argv)
{
    GObject *object;
    guint i;

    with_values = argc == 3 && strcmp(argv[1], "--values") == 0;
    if (argc != 2 + with_values) {
        fprintf(stderr, "usage: gwyoracle [--values] FILE.gwy\n");
        return 2;
    }
    problems = g_ptr_array_new_with_free_func(g_free);
    g_log_set_default_handler(note_warning, NULL);
    gwy_widgets_type_init();    /* the types of all libraries; gtk_init() would want a display */
    if (!register_module("layer"))    /* GwySelectionPoint and its kin live there */
        return 2;

    object = load(argv[argc - 1]);
    if (!object || !GWY_IS_CONTAINER(object)) {
        fprintf(stderr, "%s cannot be read\n", argv[argc - 1]);
        for (i = 0; i < problems->len; i++)
            fprintf(stderr, "  %s\n", (const gchar*)g_ptr_array_index(problems, i));
        return 2;
    }

    out = g_string_new(NULL);
    open_with('{');
    key_string("gwyddion", gwy_version_string());
    put_items(GWY_CONTAINER(object));
    validate(GWY_CONTAINER(object));
    put_key("problems");
    open_with('[');
    for (i = 0; i < problems->len; i++)
        put_string(g_ptr_array_index(problems, i));
    close_with(']');
    close_with('}');
    puts(out->str);
    g_string_free(out, TRUE);
    g_object_unref(object);
    return problems->len ? 1 : 0;
}
