/*
 * environ.c -- builds the environment of an attempt.
 *
 * What the worker itself was started with (secrets of its unit, LD_PRELOAD, descriptors of a
 * supervisor) does not leak into commands: only the names of the base pass.
 */
#include "environ.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const char *const passed[] = {"PATH", "HOME",     "USER", "LOGNAME", "SHELL",
                                     "LANG", "LANGUAGE", "TZ",   "TMPDIR"};

static const char path_default[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static bool is_passed(const char *entry)
{
    if (strncmp(entry, "LC_", 3) == 0)
        return strchr(entry, '=') != NULL;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        size_t size = strlen(passed[i]);
        if (strncmp(entry, passed[i], size) == 0 && entry[size] == '=')
            return true;
    }
    return false;
}

static int add(struct environ_base *base, char *entry)
{
    char **entries = NULL;
    if (entry)
        entries = realloc(base->entries, (base->count + 1) * sizeof *entries);
    if (!entries) {
        free(entry);
        return -ENOMEM;
    }
    base->entries = entries;
    base->entries[base->count++] = entry;
    return 0;
}

static int add_default(struct environ_base *base, const char *name, const char *value)
{
    if (getenv(name) || !value)
        return 0;
    size_t size = strlen(name) + strlen(value) + 2;
    char *entry = malloc(size);
    if (entry)
        snprintf(entry, size, "%s=%s", name, value);
    return add(base, entry);
}

int environ_base_init(struct environ_base *base)
{
    *base = (struct environ_base){0};
    int error = 0;
    for (char **at = environ; at && *at && error == 0; at++) {
        if (is_passed(*at))
            error = add(base, strdup(*at));
    }
    const struct passwd *who = getpwuid(geteuid());
    const char *const made_up[][2] = {
        {"PATH", path_default},
        {"HOME", who ? who->pw_dir : "/"},
        {"USER", who ? who->pw_name : NULL},
        {"LOGNAME", who ? who->pw_name : NULL},
        {"SHELL", "/bin/sh"},
    };
    for (size_t i = 0; i < sizeof made_up / sizeof made_up[0] && error == 0; i++)
        error = add_default(base, made_up[i][0], made_up[i][1]);
    if (error < 0)
        environ_base_done(base);
    return error;
}

void environ_base_done(struct environ_base *base)
{
    for (size_t i = 0; i < base->count; i++)
        free(base->entries[i]);
    free(base->entries);
    *base = (struct environ_base){0};
}

/* The array that is being built. */
struct building {
    struct arena *arena;
    char **entries;
    size_t count;
};

static size_t name_size(const char *entry)
{
    return (size_t)(strchrnul(entry, '=') - entry);
}

/* Appends, or replaces the entry of the same name. */
static void put(struct building *building, char *entry)
{
    size_t size = name_size(entry) + 1;
    for (size_t i = 0; i < building->count; i++) {
        if (strncmp(building->entries[i], entry, size) == 0) {
            building->entries[i] = entry;
            return;
        }
    }
    building->entries[building->count++] = entry;
}

__attribute__((format(printf, 2, 3))) static int put_text(struct building *building,
                                                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : arena_alloc(building->arena, (size_t)size + 1);
    if (!text)
        return -ENOMEM;
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    put(building, text);
    return 0;
}

static int put_attempt(struct building *building, const struct environ_attempt *attempt)
{
    int error = put_text(building, "MUSTER_POOL=%.*s", (int)attempt->pool_name.size,
                         (const char *)attempt->pool_name.data);
    if (error == 0)
        error = put_text(building, "MUSTER_TRACK_ID=%llu", (unsigned long long)attempt->track_id);
    if (error == 0)
        error = put_text(building, "MUSTER_ATTEMPT=%u", attempt->attempt);
    if (error == 0)
        error = put_text(building, "MUSTER_HOST=%s", attempt->host);
    if (error == 0)
        error = put_text(building, "MUSTER_SLOT=%u", attempt->slot);
    return error;
}

int environ_build(const struct environ_base *base, const struct environ_attempt *attempt,
                  const struct bytes *env, size_t n_env, struct arena *arena, char ***ret_envp,
                  size_t *ret_bad)
{
    struct building building = {.arena = arena};
    building.entries = arena_zalloc(arena, base->count + n_env + 7, sizeof *building.entries);
    if (!building.entries)
        return -ENOMEM;
    for (size_t i = 0; i < base->count; i++)
        building.entries[building.count++] = base->entries[i];
    int error = put_attempt(&building, attempt);
    for (size_t i = 0; i < n_env && error == 0; i++) {
        struct bytes entry;
        if (!bytes_is_text(env[i]) || bytes_find(env[i], '=') <= 0) {
            *ret_bad = i;
            return -EINVAL;
        }
        if (!arena_copy(arena, env[i], &entry))
            return -ENOMEM;
        put(&building, (char *)(uintptr_t)entry.data);
    }
    if (error == 0)
        error = put_text(&building, ENVIRON_COOKIE "=%s", attempt->cookie);
    if (error == 0)
        *ret_envp = building.entries;
    return error;
}

const char *environ_get(char *const envp[], const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; envp[i]; i++) {
        if (strncmp(envp[i], name, size) == 0 && envp[i][size] == '=')
            return envp[i] + size + 1;
    }
    return NULL;
}
