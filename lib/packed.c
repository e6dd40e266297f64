/*
 * A command becomes a submission: defaults are filled in, limits are checked, everything is copied
 * into one block that lives until the broker has answered.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "proto/limits.h"
#include "proto/wire.h"

enum { BACKEND_ATTEMPTS = 5 };

bool command_is_backend(struct bytes function)
{
    static const char *const names[] = {"put",    "put_validated", "get", "list",
                                        "delete", "query",         "move"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_equal_str(function, names[i]))
            return true;
    return false;
}

void packed_free(struct packed *packed)
{
    free(packed);
}

static struct bytes place(uint8_t **at, struct bytes from)
{
    struct bytes copy = {*at, from.size};
    if (from.size)
        memcpy(*at, from.data, from.size);
    *at += from.size;
    return copy;
}

static struct wire_command_body body_of(const struct muster_command *command, const char *url,
                                        int64_t throttled_ns)
{
    struct wire_command_body body = command->body;
    body.args = command->args.items;
    body.n_args = command->args.count;
    body.kwargs = command->kwargs.items;
    body.n_kwargs = command->kwargs.count;
    body.argv = command->argv.items;
    body.n_argv = command->argv.count;
    body.env = command->env.items;
    body.n_env = command->env.count;
    body.throttled_ns = throttled_ns;
    if (body.url.size == 0 && url && command_is_backend(command->function))
        body.url = bytes_of_str(url);
    return body;
}

static void fill(struct wire_submission *submission, const struct muster_command *command)
{
    bool backend = command_is_backend(command->function);
    submission->each = command->each;
    submission->rerunnable =
        command->idempotent == BY_DEFAULT ? backend : command->idempotent == YES;
    submission->priority = command->priority;
    submission->max_attempts = command->max_attempts;
    if (submission->max_attempts == 0 && backend && submission->rerunnable)
        submission->max_attempts = BACKEND_ATTEMPTS;
    submission->delay_ns = command->delay_ns;
    submission->at_wall_ns = command->at_wall_ns;
    submission->start_within_ns = command->start_within_ns;
    submission->start_by_wall_ns = command->start_by_wall_ns;
    submission->lost_after_ns = command->lost_after_ns;
}

int command_pack(const struct muster_command *command, const char *url, int64_t throttled_ns,
                 struct packed **ret_packed, struct error *error)
{
    if (!command)
        return error_set(error, MUSTER_EINVAL, "no command was given");
    if (command->code)
        return error_set(error, command->code, "the command is unfit: %s", command->what);
    struct wire_command_body body = body_of(command, url, throttled_ns);
    size_t body_size = wire_command_body_size(&body);
    if (body_size > WIRE_COMMAND_BODY_MAX) {
        error_set(error, MUSTER_ETOOLARGE,
                  "the command is %zu bytes long, the limit is %d: pass large things as files",
                  body_size, WIRE_COMMAND_BODY_MAX);
        error->info.limit = WIRE_COMMAND_BODY_MAX;
        return MUSTER_ETOOLARGE;
    }
    struct packed *packed = malloc(sizeof *packed + body_size + command->function.size +
                                   command->selector.size + command->request_id.size);
    if (!packed)
        return error_set(error, MUSTER_ENOMEM, "out of memory");
    *packed = (struct packed){.size = 0};
    uint8_t *at = packed->data;
    wire_command_body_encode(&body, at, body_size);
    packed->submission.body = (struct bytes){at, body_size};
    at += body_size;
    packed->submission.function = place(&at, command->function);
    packed->submission.selector = place(&at, command->selector);
    packed->request_id = place(&at, command->request_id);
    fill(&packed->submission, command);
    packed->size = wire_submission_size(&packed->submission);
    *ret_packed = packed;
    return MUSTER_OK;
}
