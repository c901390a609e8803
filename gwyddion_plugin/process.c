/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright (C) 2026 The napari-tesm developers
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.  See COPYING.
 */

/* The engine as a process: its progress in Gwyddion's dialog, its last words in an error, its end with Cancel. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include "tesm.h"

#define PROGRESS "PROGRESS "
#define POLL_TIME 50         /* ms between two looks at the Cancel button */
#define GRACE 3.0            /* s from the request to end to the end by force */
#define DRAIN_TIME 1.0       /* s for what still is in the pipes when the engine has ended */
#define LONGEST_LINE 4096
#define LONGEST_OUTPUT (1 << 20)

typedef struct {
    GPid pid;
    gint fds[2];             /* stdout, stderr; -1 after their end */
    GString *output;
    GString *line;           /* the unfinished line of stderr */
    gchar *reason;           /* the last line of stderr that is no progress */
    gchar *message;
    gdouble fraction;
} Engine;

/* In the child: a group of its own, so that Cancel reaches also what the engine has started. */
static void
prepare_child(G_GNUC_UNUSED gpointer unused)
{
    setpgid(0, 0);
#ifdef __linux__
    /* Nobody waits for the engine of a Gwyddion that has crashed. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
}

static void
take_line(Engine *engine)
{
    gchar *text = g_utf8_make_valid(engine->line->str, engine->line->len), *end;
    gdouble fraction;

    g_strstrip(text);
    if (g_str_has_prefix(text, PROGRESS)) {
        fraction = g_ascii_strtod(text + strlen(PROGRESS), &end);
        if (end != text + strlen(PROGRESS) && fraction >= 0.0 && fraction <= 1.0) {
            engine->fraction = fraction;
            g_strstrip(end);
            g_free(engine->message);
            engine->message = *end ? g_markup_escape_text(end, -1) : NULL;
        }
    }
    else if (*text) {
        g_free(engine->reason);
        engine->reason = g_strdup(text);
    }
    g_free(text);
    g_string_truncate(engine->line, 0);
}

static void
take_bytes(Engine *engine, gint stream, const gchar *bytes, gsize n)
{
    gsize i;

    if (stream == 0) {
        g_string_append_len(engine->output, bytes, MIN(n, LONGEST_OUTPUT - engine->output->len));
        return;
    }
    for (i = 0; i < n; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\r')
            take_line(engine);
        else if (engine->line->len < LONGEST_LINE)
            g_string_append_c(engine->line, bytes[i]);
    }
}

/* Waits a moment for output and takes it; returns whether there was any. */
static gboolean
read_output(Engine *engine, gint milliseconds)
{
    struct pollfd polled[2];
    static gchar buffer[1 << 16];
    gboolean any = FALSE;
    gssize n;
    gint i;

    for (i = 0; i < 2; i++) {
        polled[i].fd = engine->fds[i];    /* poll() passes over those that are -1 */
        polled[i].events = POLLIN;
        polled[i].revents = 0;
    }
    if (poll(polled, 2, milliseconds) <= 0)
        return FALSE;
    for (i = 0; i < 2; i++) {
        if (!polled[i].revents)
            continue;
        n = read(engine->fds[i], buffer, sizeof(buffer));
        if (n > 0) {
            take_bytes(engine, i, buffer, n);
            any = TRUE;
        }
        else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(engine->fds[i]);
            engine->fds[i] = -1;
        }
    }
    return any;
}

/* Looks without reaping: as long as the engine is not reaped, its number is nobody else's. */
static gboolean
has_ended(Engine *engine)
{
    siginfo_t info;

    info.si_pid = 0;
    return waitid(P_PID, engine->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == engine->pid;
}

static void
end_by_request(Engine *engine)
{
    GTimer *timer = g_timer_new();

    kill(-engine->pid, SIGTERM);
    while (!has_ended(engine) && g_timer_elapsed(timer, NULL) < GRACE) {
        if (!read_output(engine, POLL_TIME))
            g_usleep(10000);
    }
    g_timer_destroy(timer);
}

/* Shows the progress until the engine has ended; returns FALSE if the user did not want to wait for it. */
static gboolean
wait_for_end(Engine *engine, GtkWindow *window, const gchar *title)
{
    gchar *shown = NULL, *text;
    gboolean wanted = TRUE, ended = FALSE;

    if (window)
        gwy_app_wait_start(window, title);
    while (wanted && !ended) {
        ended = has_ended(engine);
        /* A long line of output must not keep Gwyddion from seeing the Cancel button, nor one of silence. */
        if (!ended && !read_output(engine, POLL_TIME) && engine->fds[0] < 0 && engine->fds[1] < 0)
            g_usleep(1000*POLL_TIME);
        if (!window)
            continue;
        /* Only these may run the main loop while their dialog is up, and none of them after one has said no. */
        text = engine->message ? g_strdup_printf("%s: %s", title, engine->message) : g_strdup(title);
        if (g_strcmp0(text, shown))
            wanted = gwy_app_wait_set_message(text);
        g_free(shown);
        shown = text;
        if (wanted)
            wanted = gwy_app_wait_set_fraction(engine->fraction);
    }
    if (window)
        gwy_app_wait_finish();
    g_free(shown);
    return wanted;
}

/* What to say of an engine that has failed: its own words, or what the system knows. */
gchar*
tesm_reason_from_status(gint status, const gchar *line)
{
    if (WIFSIGNALED(status))
        return g_strdup_printf("The engine was ended by signal %d (%s).", WTERMSIG(status),
                               g_strsignal(WTERMSIG(status)));
    if (!line)
        return g_strdup_printf("The engine ended with status %d and did not say why.", WEXITSTATUS(status));
    return g_strdup(g_str_has_prefix(line, "tesm: ") ? line + strlen("tesm: ") : line);
}

/* Runs the engine to its end and returns TRUE if it did what it was to do; `output` is what it printed then. */
gboolean
tesm_process_run(gchar **words, GtkWindow *window, const gchar *title, gchar **output, GError **error)
{
    Engine engine = { 0 };
    GError *cause = NULL;
    GTimer *timer;
    gboolean wanted;
    /* The engine calls what can be set as the dialog calls it. */
    gchar **environment = g_environ_setenv(g_get_environ(), "TESM_READER", "gwyddion", TRUE);
    gchar *reason;
    gint status = 0, i;
    gboolean started;

    started = g_spawn_async_with_pipes(NULL, words, environment, G_SPAWN_DO_NOT_REAP_CHILD, prepare_child, NULL,
                                       &engine.pid, NULL, engine.fds, engine.fds + 1, &cause);
    g_strfreev(environment);
    if (!started) {
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "The engine cannot be started: %s", cause->message);
        g_error_free(cause);
        return FALSE;
    }
    engine.output = g_string_new(NULL);
    engine.line = g_string_new(NULL);
    for (i = 0; i < 2; i++)
        fcntl(engine.fds[i], F_SETFL, fcntl(engine.fds[i], F_GETFL) | O_NONBLOCK);

    wanted = wait_for_end(&engine, window, title);
    if (!wanted)
        end_by_request(&engine);
    timer = g_timer_new();
    while (wanted && (engine.fds[0] >= 0 || engine.fds[1] >= 0) && g_timer_elapsed(timer, NULL) < DRAIN_TIME)
        read_output(&engine, POLL_TIME);
    g_timer_destroy(timer);
    /* Whoever of the group is left by now holds on to the pipes or to the temporary files. */
    kill(-engine.pid, SIGKILL);
    while (waitpid(engine.pid, &status, 0) < 0 && errno == EINTR)
        ;
    for (i = 0; i < 2; i++) {
        if (engine.fds[i] >= 0)
            close(engine.fds[i]);
    }
    g_spawn_close_pid(engine.pid);
    take_line(&engine);

    if (!wanted)
        g_set_error(error, TESM_ERROR, TESM_ERROR_CANCELLED, "Cancelled.");
    else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        reason = tesm_reason_from_status(status, engine.reason);
        g_set_error(error, TESM_ERROR, TESM_ERROR_FAILED, "%s", reason);
        g_free(reason);
        wanted = FALSE;
    }
    *output = g_utf8_make_valid(engine.output->str, engine.output->len);
    g_string_free(engine.output, TRUE);
    g_string_free(engine.line, TRUE);
    g_free(engine.reason);
    g_free(engine.message);
    return wanted;
}
