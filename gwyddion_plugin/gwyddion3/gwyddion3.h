/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* Gwyddion 3 by the names of Gwyddion 2, which the rest of the module is written in: what it calls otherwise, and in
 * gwyddion3.c what it does otherwise. */
#ifndef TESM_GWYDDION3_H
#define TESM_GWYDDION3_H

#include <gwy.h>

#define TESM_CHANNELS "/image/"
#define TESM_CHANNEL_IMAGE ""
#define TESM_CHANNEL "/image/%d/"
#define TESM_CHANNEL_VISIBLE "/image/%d/visible"
#define TESM_SELECTIONS "/image/%d/selection/"
#define TESM_GRAPHS "/graph/"
#define TESM_GRAPH_VISIBLE "/graph/%d/visible"
#define TESM_NOT_MOVED "visible", "log"
#define TESM_FILE_MODULE "gwy3file"
#define TESM_FILE_ENDING ".gwy3"
#define TESM_LOG_OF_CHANNELS "image"
#define TESM_UNIT_X "unit-x"
#define TESM_UNIT_Y "unit-y"

/* Types. A file is a dictionary, too. */
typedef GwyDict GwyContainer;
typedef GwyField GwyDataField;
typedef GwyUnit GwySIUnit;
typedef GwyRunModeFlags GwyRunType;
#define GWY_RUN_NONINTERACTIVE GWY_RUN_IMMEDIATE
#define GWY_MENU_FLAG_DATA GWY_MENU_FLAG_IMAGE
#define GWY_MENU_FLAG_CURVE_MAP GWY_MENU_FLAG_CMAP
#define GWY_DATA_COMPATIBILITY_RES GWY_DATA_MISMATCH_RES
#define GWY_DATA_COMPATIBILITY_REAL GWY_DATA_MISMATCH_REAL
#define GWY_APP_DATA_FIELD_ID GWY_APP_FIELD_ID

/* Dictionaries. */
#define gwy_container_new gwy_dict_new
#define gwy_container_contains gwy_dict_contains
#define gwy_container_get_object gwy_dict_get_object
#define gwy_container_gis_object gwy_dict_gis_object
#define gwy_container_set_object gwy_dict_set_object
#define gwy_container_get_value gwy_dict_get_value
#define gwy_container_set_value(dict, key, value, end) gwy_dict_set_value(dict, key, value)
#define gwy_container_get_n_items gwy_dict_get_n_items
#define gwy_container_keys_by_name gwy_dict_keys_by_name
#define gwy_container_remove_by_name gwy_dict_remove_by_name
#define gwy_container_gis_boolean_by_name gwy_dict_gis_boolean_by_name
#define gwy_container_gis_string_by_name(dict, name, text) gwy_dict_gis_string_by_name(dict, name, (const gchar**)(text))
#define gwy_container_set_const_string_by_name(dict, name, text) gwy_dict_set_string_by_name(dict, name, (const gchar*)(text))
#define gwy_container_foreach tesm_dict_foreach

/* Files: gwyddion3.c has what is more than another name. */
#define tesm_file_new() GWY_DICT(gwy_file_new_in_construction())
#define tesm_file_is_complete gwy_dict_finish_construction
#define gwy_app_get_data_key_for_id gwy_file_key_image
#define gwy_app_get_data_title_key_for_id gwy_file_key_image_title
#define gwy_app_get_data_meta_key_for_id gwy_file_key_image_meta
#define gwy_app_get_mask_key_for_id gwy_file_key_image_mask
#define gwy_app_get_brick_key_for_id gwy_file_key_volume
#define gwy_app_get_brick_title_key_for_id gwy_file_key_volume_title
#define gwy_app_get_brick_meta_key_for_id gwy_file_key_volume_meta
#define gwy_app_get_lawn_key_for_id gwy_file_key_cmap
#define gwy_app_get_lawn_title_key_for_id gwy_file_key_cmap_title
#define gwy_app_get_lawn_meta_key_for_id gwy_file_key_cmap_meta
#define gwy_app_get_graph_key_for_id gwy_file_key_graph
#define gwy_app_get_data_field_title(file, id) gwy_file_get_display_title(GWY_FILE(file), GWY_FILE_IMAGE, id)
#define gwy_app_get_brick_title(file, id) gwy_file_get_display_title(GWY_FILE(file), GWY_FILE_VOLUME, id)
#define gwy_app_get_lawn_title(file, id) gwy_file_get_display_title(GWY_FILE(file), GWY_FILE_CMAP, id)
#define gwy_app_data_browser_get_data_ids(file) gwy_file_get_ids(GWY_FILE(file), GWY_FILE_IMAGE)
#define gwy_app_data_browser_get_volume_ids(file) gwy_file_get_ids(GWY_FILE(file), GWY_FILE_VOLUME)
#define gwy_app_data_browser_get_curve_map_ids(file) gwy_file_get_ids(GWY_FILE(file), GWY_FILE_CMAP)
#define gwy_app_data_browser_get_graph_ids(file) gwy_file_get_ids(GWY_FILE(file), GWY_FILE_GRAPH)
#define gwy_app_data_browser_get_number(file) gwy_file_get_id(GWY_FILE(file))
#define gwy_app_data_browser_get_current gwy_data_browser_get_current
#define gwy_app_data_browser_get_gui_enabled gwy_data_browser_get_gui_enabled
#define gwy_app_data_browser_add_data_field tesm_add_image
#define gwy_app_data_browser_add_graph_model tesm_add_graph
#define gwy_app_find_window_for_channel(file, id) gwy_data_browser_get_window_for_data(GWY_FILE(file), GWY_FILE_IMAGE, id)
#define gwy_app_find_window_for_volume(file, id) gwy_data_browser_get_window_for_data(GWY_FILE(file), GWY_FILE_VOLUME, id)
#define gwy_app_find_window_for_curve_map(file, id) gwy_data_browser_get_window_for_data(GWY_FILE(file), GWY_FILE_CMAP, id)
#define gwy_app_main_window_get gwy_app_main_window
#define gwy_app_channel_log_add(file, before, id, name, end) \
    gwy_log_add_full(GWY_FILE(file), GWY_FILE_IMAGE, before, id, name, NULL)
#define gwy_file_func_run_save(module, file, path, run, error) \
    (gwy_file_func_run_save)(module, GWY_FILE(file), path, run, error)
#define gwy_file_func_run_load(module, path, run, error) \
    ((GwyDict*)(gwy_file_func_run_load)(module, path, run, error))

/* Data. */
#define gwy_data_field_check_compatibility gwy_field_is_incompatible
#define gwy_data_field_check_compatibility_with_brick_xy gwy_field_is_incompatible_with_brick_xy
#define gwy_data_field_check_compatibility_with_lawn gwy_field_is_incompatible_with_lawn
#define gwy_brick_get_si_unit_x gwy_brick_get_unit_x
#define gwy_brick_get_si_unit_z gwy_brick_get_unit_z
#define gwy_lawn_get_si_unit_xy gwy_lawn_get_unit_xy
#define gwy_si_unit_equal_string gwy_unit_equal_string
/* Files have no end at 4 GiB. */
#define gwy_serializable_get_size(object) ((gsize)0)

/* Functions in menus are not told by which name they are called. */
#define TESM_MENU_FUNCTION(function, kind, menu) \
    static void function(GwyFile *file, GwyRunModeFlags run) \
    { \
        run_function(GWY_DICT(file), run, gwy_##kind##_func_current(), menu); \
    }
#define gwy_process_func_register gwy_image_func_register
#define gwy_curve_map_func_register gwy_cmap_func_register

/* Dialogs: a table belongs to the dialog it lies in. */
#define gwy_dialog_add_buttons(dialog, reset, cancel, ok, end) \
    gwy_dialog_add_stock_buttons(dialog, GWY_STOCK_RESET, GWY_STOCK_CANCEL, GWY_STOCK_OK, 0)
#define gwy_dialog_add_param_table(dialog, table) ((void)(dialog))
#define gwy_param_table_data_id_set_filter(table, id, filter, user_data, destroy) \
    (gwy_param_table_data_id_set_filter)(table, id, (GwyDataChooserFilterFunc)(filter), user_data, destroy)
#define gwy_save_auxiliary_data(title, window, length, text) \
    (gwy_save_auxiliary_data)(title, window, text, length, FALSE)

#define tesm_show_uri(window, uri) gtk_show_uri_on_window(window, uri, GDK_CURRENT_TIME, NULL)

void tesm_dict_foreach(GwyDict *dict, const gchar *prefix, GHFunc function, gpointer user_data);
gint tesm_add_image   (GwyField *field, GwyDict *file, gboolean visible);
gint tesm_add_graph   (GwyGraphModel *graph, GwyDict *file, gboolean visible);

#endif
