/* From operands to sets of commands. */
#include "cli/select.h"

#include <errno.h>

#include "cli/exit.h"
#include "cli/say.h"

int select_parse(const char *verb, const struct opt_result *args, struct id_set *ret_set)
{
    struct id_set set = {0};
    struct buffer message = BUFFER_EMPTY;
    int status = 0;
    for (int i = 0; i < args->operand_count && status == 0; i++) {
        int rc = ids_parse(&set, args->operands[i], &message);
        if (rc == -ENOMEM) {
            status = say_no_memory();
        } else if (rc < 0) {
            status = say_usage(verb, "%s", buffer_str(&message));
        }
    }
    buffer_done(&message);
    if (status != 0) {
        ids_done(&set);
        return status;
    }
    *ret_set = set;
    return 0;
}

int select_resolve(muster_pool *pool, struct id_set *set)
{
    muster_stats stats = {.size = sizeof stats};
    struct buffer message = BUFFER_EMPTY;
    if (!ids_need_last(set)) {
        return 0;
    }
    int code = muster_get_stats(pool, 0, &stats);
    if (code < 0) {
        return say_failed(pool, code, "ask for the last command");
    }
    /* Ids are given out without a gap, so their number is the last one. */
    int status =
        ids_resolve(set, stats.submitted, &message) < 0 ? say_error("%s", buffer_str(&message)) : 0;
    buffer_done(&message);
    return status;
}
