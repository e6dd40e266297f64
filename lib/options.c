/*
 * The options of a pool: owned copies, checked where they are set.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/limits.h"
#include "proto/wire.h"

enum { CONNECT_TIMEOUT_MS = 5000 };

void options_init(struct muster_options *options)
{
    *options = (struct muster_options){
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .request_timeout_ms = -1,
    };
}

void options_done(struct muster_options *options)
{
    free(options->pool);
    free(options->url);
    free(options->program_dir);
    free(options->store_dir);
    free(options->workdir);
    options_init(options);
}

static int set_text(char **place, const char *text, size_t size_max)
{
    char *copy = NULL;
    if (text) {
        if (text[0] == '\0' || strlen(text) > size_max)
            return MUSTER_EINVAL;
        copy = strdup(text);
        if (!copy)
            return MUSTER_ENOMEM;
    }
    free(*place);
    *place = copy;
    return MUSTER_OK;
}

bool options_copy(struct muster_options *to, const struct muster_options *from)
{
    options_init(to);
    if (!from)
        return true;
    to->processes = from->processes;
    to->connect_timeout_ms = from->connect_timeout_ms;
    to->request_timeout_ms = from->request_timeout_ms;
    if (set_text(&to->pool, from->pool, SIZE_MAX) == 0 &&
        set_text(&to->url, from->url, SIZE_MAX) == 0 &&
        set_text(&to->program_dir, from->program_dir, SIZE_MAX) == 0 &&
        set_text(&to->store_dir, from->store_dir, SIZE_MAX) == 0 &&
        set_text(&to->workdir, from->workdir, SIZE_MAX) == 0)
        return true;
    options_done(to);
    return false;
}

muster_options *muster_options_new(void)
{
    muster_options *options = malloc(sizeof *options);
    if (options)
        options_init(options);
    return options;
}

void muster_options_free(muster_options *options)
{
    if (!options)
        return;
    options_done(options);
    free(options);
}

int muster_options_set_pool(muster_options *options, const char *name)
{
    if (!options || (name && !wire_is_name(bytes_of_str(name))))
        return MUSTER_EINVAL;
    return set_text(&options->pool, name, WIRE_NAME_MAX);
}

int muster_options_set_url(muster_options *options, const char *url)
{
    return options ? set_text(&options->url, url, WIRE_URL_MAX) : MUSTER_EINVAL;
}

int muster_options_set_processes(muster_options *options, unsigned slots)
{
    if (!options || slots > OPTIONS_PROCESSES_MAX)
        return MUSTER_EINVAL;
    options->processes = slots;
    return MUSTER_OK;
}

int muster_options_set_connect_timeout(muster_options *options, int timeout_ms)
{
    if (!options || timeout_ms < -1)
        return MUSTER_EINVAL;
    options->connect_timeout_ms = timeout_ms;
    return MUSTER_OK;
}

int muster_options_set_request_timeout(muster_options *options, int timeout_ms)
{
    if (!options || timeout_ms < -1)
        return MUSTER_EINVAL;
    options->request_timeout_ms = timeout_ms;
    return MUSTER_OK;
}

int muster_options_set_program_dir(muster_options *options, const char *dir)
{
    return options ? set_text(&options->program_dir, dir, WIRE_PATH_MAX) : MUSTER_EINVAL;
}

int muster_options_set_store_dir(muster_options *options, const char *dir)
{
    return options ? set_text(&options->store_dir, dir, WIRE_PATH_MAX) : MUSTER_EINVAL;
}

int muster_options_set_workdir(muster_options *options, const char *dir)
{
    return options ? set_text(&options->workdir, dir, WIRE_PATH_MAX) : MUSTER_EINVAL;
}
