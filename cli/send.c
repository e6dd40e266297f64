/* From a command line to submitted commands. */
#include "cli/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/targets.h"
#include "cli/watch.h"

/* "-c STRING" runs under the options that make a failing part fail the whole. */
static const char *const shell_words[] = {"bash", "-e", "-o", "pipefail", "-c"};

enum { SHELL_WORDS = sizeof shell_words / sizeof shell_words[0] };

static int compose_shell(const struct opt_result *args, muster_command **ret_command)
{
    const char **argv = calloc(SHELL_WORDS + 3 + (size_t)args->operand_count, sizeof *argv);
    size_t n = 0;
    if (argv == NULL) {
        return say_no_memory();
    }
    for (; n < SHELL_WORDS; n++) {
        argv[n] = shell_words[n];
    }
    argv[n++] = shared.shell;
    argv[n++] = "bash"; /* $0 */
    for (int i = 0; i < args->operand_count; i++) {
        argv[n++] = args->operands[i];
    }
    *ret_command = muster_command_exec(argv);
    free(argv);
    return 0;
}

int send_compose_exec(const char *verb, const struct opt_result *args, muster_command **ret_command)
{
    int status = 0;
    if (args->dashes_at > 0) {
        return say_usage(verb,
                         "unexpected \"%s\": the command and its arguments come behind --, "
                         "as in: muster %s -- hostname -f",
                         args->operands[0], verb);
    }
    *ret_command = NULL;
    if (shared.shell != NULL) {
        status = compose_shell(args, ret_command);
    } else if (args->operand_count == 0) {
        status = say_usage(verb,
                           "what is to be run? Put it behind --, as in: muster %s -- hostname "
                           "-f, or give a script with -c",
                           verb);
    } else if (args->operands[0][0] == '\0') {
        status = say_usage(verb, "the name of the program is empty");
    } else {
        *ret_command = muster_command_exec(args->operands);
    }
    if (status == 0 && *ret_command == NULL) {
        status = say_error("the command is not fit to be sent: memory is short, or it has too many "
                           "or too long arguments");
    }
    return status;
}

int send_command(struct broker *broker, muster_command *command, struct sent *ret_sent)
{
    *ret_sent = (struct sent){.count = 1};
    if (shared.each) {
        int64_t batch =
            muster_submit_batch(broker->pool, command, &ret_sent->first, &ret_sent->count);
        if (batch < 0) {
            return say_failed(broker->pool, batch, "submit");
        }
        ret_sent->batch = batch;
        return 0;
    }
    int64_t id = shared.throttled
                     ? muster_submit_throttled(broker->pool, command, (int)shared.buffer, -1)
                     : muster_submit(broker->pool, command);
    if (id < 0) {
        return say_failed(broker->pool, id, "submit");
    }
    ret_sent->first = id;
    return 0;
}

void send_print(const struct broker *broker, const struct sent *sent)
{
    if (emit_is_wanted()) {
        struct emit emit;
        struct buffer object = BUFFER_EMPTY;
        char batch[24];
        snprintf(batch, sizeof batch, "B%lld", (long long)sent->batch);
        json_open(&object, '{');
        json_field_text(&object, "schema", "muster.submitted/1");
        json_field_text(&object, "pool", muster_pool_name(broker->pool));
        json_field_int(&object, "track_id", sent->first);
        json_field_int(&object, "count", sent->count);
        json_field_text(&object, "batch", sent->batch != 0 ? batch : NULL);
        json_close(&object, '}');
        emit_begin(&emit, NULL, false);
        emit_object(&emit, &object);
        emit_end(&emit);
        buffer_done(&object);
    } else if (sent->batch != 0) {
        printf("B%lld\n", (long long)sent->batch);
    } else {
        printf("%lld\n", (long long)sent->first);
    }
}

static int follow(const struct broker *broker, const struct sent *sent, const struct send_how *how)
{
    int64_t *ids = calloc((size_t)sent->count + 1, sizeof *ids);
    if (ids == NULL) {
        return say_no_memory();
    }
    for (int64_t i = 0; i < sent->count; i++) {
        ids[i] = sent->first + i;
    }
    int status = watch_run(&(struct watch){.pool = broker->pool,
                                           .ids = ids,
                                           .count = (size_t)sent->count,
                                           .batch = sent->batch,
                                           .is_several = sent->batch != 0,
                                           .is_embedded = broker->is_embedded,
                                           .can_cancel = true,
                                           .shows_output = how->shows_output,
                                           .timeout = MUSTER_NEVER,
                                           .each = how->each,
                                           .arg = how->arg});
    free(ids);
    return status;
}

int send_and_follow(muster_command *command, const struct send_how *how)
{
    struct broker broker;
    struct sent sent;
    if (shared.dry_run) {
        muster_command_free(command);
        return targets_print();
    }
    /* What is wrong with the options is said before anything is started. */
    int status = options_apply(command);
    if (status == 0) {
        status = broker_open(how->detach ? BROKER_RUNNING : BROKER_OR_EMBEDDED, &broker);
    }
    if (status == 0) {
        status = send_command(&broker, command, &sent);
        if (status == 0 && how->detach) {
            send_print(&broker, &sent);
        } else if (status == 0) {
            status = follow(&broker, &sent, how);
        }
        status = broker_close(&broker, status);
    }
    muster_command_free(command);
    return status;
}
