/*
 * config_file.c -- reads the configuration file (ZPL, through czmq's zconfig) as options.
 *
 * A file of its own: nothing else of the worker sees czmq.h, which brings in half the system's
 * names.
 */
#include "worker/config_file.h"

#include <czmq.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct opt_spec *find_spec(const struct opt_spec *table, const char *name)
{
    for (const struct opt_spec *spec = table; spec->name || spec->kind == OPT_HEADING; spec++) {
        if (spec->name && strcmp(spec->name, name) == 0)
            return spec;
    }
    return NULL;
}

/* Turns a line of the file into the option it stands for. */
static int file_line(struct config *config, const struct opt_spec *table, zconfig_t *line,
                     const char **ret_arg, struct buffer *message)
{
    const char *name = zconfig_name(line), *value = zconfig_value(line);
    const struct opt_spec *spec = find_spec(table, name);
    struct buffer arg = BUFFER_EMPTY;
    if (!spec || strcmp(name, "config") == 0 || strcmp(name, "help") == 0 ||
        strcmp(name, "version") == 0) {
        buffer_printf(message,
                      "%s: there is no setting \"%s\"; see muster-worker --help for their names",
                      config->file, name);
        return -EINVAL;
    }
    if (zconfig_child(line)) {
        buffer_printf(message, "%s: \"%s\" takes a value, not lines indented below it",
                      config->file, name);
        return -EINVAL;
    }
    if (spec->kind != OPT_FLAG) {
        buffer_printf(&arg, "--%s=%s", name, value ? value : "");
    } else if (value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)) {
        buffer_printf(&arg, "--%s", name);
    } else if (value && (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)) {
        buffer_printf(&arg, "--no-%s", name);
    } else {
        buffer_printf(message, "%s: \"%s\" must be true or false", config->file, name);
        return -EINVAL;
    }
    *ret_arg = config_own(config, buffer_take(&arg));
    return 0;
}

int config_read_file(struct config *config, const struct opt_spec *table, const char **args,
                     int *n_args, struct buffer *message)
{
    /* czmq shall neither take signals nor start anything: only its reader of files is used. */
    zsys_handler_set(NULL);
    zconfig_t *root = zconfig_load(config->file);
    if (!root) {
        buffer_printf(message, "cannot read the configuration file %s: %s", config->file,
                      access(config->file, R_OK) == 0
                          ? "it is not well-formed (name = value, one a line)"
                          : strerror(errno));
        return -EINVAL;
    }
    int r = 0;
    for (zconfig_t *line = zconfig_child(root); line && r == 0; line = zconfig_next(line)) {
        if (*n_args == CONFIG_FILE_ARGS_MAX) {
            buffer_printf(message, "%s has over %d lines", config->file, CONFIG_FILE_ARGS_MAX);
            r = -EINVAL;
            break;
        }
        r = file_line(config, table, line, &args[*n_args], message);
        if (r == 0)
            (*n_args)++;
    }
    zconfig_destroy(&root);
    return r;
}
