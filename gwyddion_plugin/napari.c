/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The open file in napari, which goes its own way from there and may outlive Gwyddion. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "tesm.h"

/* Shows the file, and removes it afterwards if it is only a copy, for Gwyddion may have ended by then.  What somebody
 * has saved beside the copy stays, and the folder with it. */
#define SCRIPT \
    "\"$1\" view \"$2\"; status=$?; " \
    "if [ -n \"$3\" ]; then rm -f -- \"$2\"; rmdir -- \"$3\" 2>/dev/null; fi; exit $status"

typedef struct {
    GtkWindow *window;
    const gchar *title;
    gint words;        /* a file without a name that takes what the engine says on stderr */
} Viewer;

/* In the child: a session of its own, which ends neither with Gwyddion nor with the terminal it was started from. */
static void
prepare_child(gpointer words)
{
    setsid();
    if (GPOINTER_TO_INT(words) >= 0)
        dup2(GPOINTER_TO_INT(words), STDERR_FILENO);
}

/* A file that is gone with the last who has it open: napari goes on writing to it when Gwyddion has ended. */
static gint
open_nameless(void)
{
    gchar *name = NULL;
    gint fd = g_file_open_tmp("gwyddion-tesm-XXXXXX", &name, NULL);

    if (fd >= 0) {
        g_unlink(name);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    g_free(name);
    return fd;
}

static gchar*
last_line(gint fd)
{
    gchar buffer[4096], *text, *line, *found = NULL;
    off_t size = lseek(fd, 0, SEEK_END);
    gssize n = size > 0 ? pread(fd, buffer, sizeof(buffer), MAX(size - (off_t)sizeof(buffer), 0)) : 0;

    if (n <= 0)
        return NULL;
    text = g_utf8_make_valid(buffer, n);
    g_strchomp(text);
    line = strrchr(text, '\n');
    found = g_strdup(g_strstrip(line ? line + 1 : text));
    g_free(text);
    return found;
}

/* napari was closed, in hours or at once; only the latter needs words. */
static void
viewer_ended(GPid pid, gint status, gpointer user_data)
{
    Viewer *viewer = user_data;
    GError *error;
    gchar *line, *reason;

    if (status) {
        line = viewer->words >= 0 ? last_line(viewer->words) : NULL;
        reason = tesm_reason_from_status(status, line);
        error = g_error_new(TESM_ERROR, TESM_ERROR_FAILED, "%s", reason);
        tesm_show_error(viewer->window, viewer->title, error);
        g_error_free(error);
        g_free(reason);
        g_free(line);
    }
    g_spawn_close_pid(pid);
    if (viewer->words >= 0)
        close(viewer->words);
    if (viewer->window)
        g_object_remove_weak_pointer(G_OBJECT(viewer->window), (gpointer*)&viewer->window);
    g_free(viewer);
}

/* The file on the disk if it holds what is open, else NULL.  A file of an instrument is handed over as Gwyddion has
 * understood it. */
static gchar*
file_as_it_is(GwyContainer *data)
{
    gchar *path = tesm_file_name(data);

    if (path && gwy_file_func_run_detect(TESM_FILE_MODULE, path, FALSE) > 0 && tesm_file_holds(path, data))
        return path;
    g_free(path);
    return NULL;
}

static gboolean
start_viewer(const TesmSource *source, const TesmFunction *function, const gchar *engine, const gchar *path,
             const gchar *folder, GError **error)
{
    const gchar *words[] = { "/bin/sh", "-c", SCRIPT, "tesm", engine, path, folder ? folder : "", NULL };
    Viewer *viewer = g_new0(Viewer, 1);
    GError *cause = NULL;
    GPid pid;

    viewer->title = function->title;
    viewer->words = open_nameless();
    if (!g_spawn_async(NULL, (gchar**)words, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                       prepare_child, GINT_TO_POINTER(viewer->words), &pid, &cause)) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "The engine cannot be started: %s", cause->message);
        g_error_free(cause);
        if (viewer->words >= 0)
            close(viewer->words);
        g_free(viewer);
        return FALSE;
    }
    viewer->window = source->window;
    if (viewer->window)
        g_object_add_weak_pointer(G_OBJECT(viewer->window), (gpointer*)&viewer->window);
    g_child_watch_add(pid, viewer_ended, viewer);
    return TRUE;
}

gboolean
tesm_open_in_napari(const TesmSource *source, const TesmFunction *function, GError **error)
{
    gchar *setting = tesm_engine_setting(), *engine = tesm_engine_find(setting, NULL, error), *path = NULL;
    gchar *folder = NULL;
    gboolean ok = FALSE;

    g_free(setting);
    if (!engine)
        return FALSE;
    if ((path = file_as_it_is(source->data)))
        ok = start_viewer(source, function, engine, path, NULL, error);
    else if ((folder = tesm_folder_new(error))) {
        path = tesm_handover_path(source->data, folder);
        ok = (tesm_handover_write_all(source->data, path, error)
              && start_viewer(source, function, engine, path, folder, error));
        if (ok)
            g_free(folder);
        else
            tesm_folder_remove(folder);
    }
    g_free(path);
    g_free(engine);
    return ok;
}
