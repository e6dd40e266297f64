/*
 * Finding the two programs of the embedded default. Both must be in one directory, so that their
 * versions belong together.
 */
#include "programs.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fs.h"

#ifndef MUSTER_BINDIR
#define MUSTER_BINDIR "/usr/local/bin"
#endif

struct search {
    struct programs *found;
    struct buffer tried;
    bool no_memory;
};

void programs_done(struct programs *programs)
{
    free(programs->broker);
    free(programs->worker);
    *programs = (struct programs){NULL, NULL};
}

/* The absolute path of an executable in `dir`, or NULL. */
static char *find_in(const char *dir, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    fs_join(&path, dir, name);
    char *real = path.failed ? NULL : realpath(buffer_str(&path), NULL);
    if (real && access(real, X_OK) < 0) {
        free(real);
        real = NULL;
    }
    buffer_done(&path);
    return real;
}

static bool try_dir(struct search *search, const char *dir)
{
    if (dir[0] == '\0')
        return false;
    search->found->broker = find_in(dir, "muster-broker");
    search->found->worker = find_in(dir, "muster-worker");
    if (search->found->broker && search->found->worker)
        return true;
    programs_done(search->found);
    buffer_printf(&search->tried, "%s%s", search->tried.size ? ", " : "", dir);
    return false;
}

/* The directory of `path`, with `below` behind it. */
static bool try_beside(struct search *search, const char *path, const char *below)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    struct buffer dir = BUFFER_EMPTY;
    buffer_append(&dir, path, (size_t)(slash - path));
    buffer_append_str(&dir, below);
    bool found = !dir.failed && try_dir(search, buffer_str(&dir));
    buffer_done(&dir);
    return found;
}

static bool try_program(struct search *search)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size <= 0)
        return false;
    path[size] = '\0';
    return try_beside(search, path, "");
}

static bool try_library(struct search *search)
{
    Dl_info info;
    static const char anchor = 0; /* something of this library's */
    if (dladdr(&anchor, &info) == 0 || !info.dli_fname)
        return false;
    char *path = realpath(info.dli_fname, NULL);
    if (!path)
        return false;
    bool found = try_beside(search, path, "") || try_beside(search, path, "/../bin");
    free(path);
    return found;
}

static bool try_path(struct search *search)
{
    const char *path = getenv("PATH");
    bool found = false;
    while (path && *path && !found) {
        size_t size = strcspn(path, ":");
        struct buffer dir = BUFFER_EMPTY;
        buffer_append(&dir, path, size);
        found = !dir.failed && try_dir(search, buffer_str(&dir));
        buffer_done(&dir);
        path += size;
        path += *path == ':';
    }
    return found;
}

int programs_find(const char *program_dir, struct programs *ret_programs, struct error *error)
{
    struct programs found = {NULL, NULL};
    struct search search = {.found = &found};
    bool ok;
    if (!program_dir)
        program_dir = getenv("MUSTER_PROGRAM_DIR");
    if (program_dir && program_dir[0])
        ok = try_dir(&search, program_dir); /* said so: no other will do */
    else
        ok = try_program(&search) || try_library(&search) || try_dir(&search, MUSTER_BINDIR) ||
             try_path(&search);
    if (ok)
        *ret_programs = found;
    else
        error_set(error, MUSTER_ESYSTEM,
                  "muster-broker and muster-worker were not found together in: %s. Install Muster, "
                  "set MUSTER_PROGRAM_DIR, or name a running broker (MUSTER_BROKER)",
                  buffer_str(&search.tried));
    buffer_done(&search.tried);
    return ok ? MUSTER_OK : MUSTER_ESYSTEM;
}
