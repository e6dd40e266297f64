/* Which hosts a selector takes, seen from here.
 *
 * The broker decides when a command is submitted; this tells beforehand, by the same rules over the
 * hosts that it lists: a selector is a comma list of host names, KEY=VALUE labels and "all". */
#include "cli/targets.h"

#include <stdio.h>
#include <string.h>

#include <muster.h>

#include "base/bytes.h"
#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"

static bool item_takes(struct bytes item, const char *host, const char *const *labels)
{
    if (bytes_equal_str(item, "all") || bytes_equal_str(item, "@all")) {
        return true;
    }
    if (bytes_find(item, '=') < 0) {
        return bytes_equal_str(item, host);
    }
    for (; labels != NULL && *labels != NULL; labels++) {
        if (bytes_equal_str(item, *labels)) {
            return true;
        }
    }
    return false;
}

bool targets_match(const char *selector, const char *host, const char *const *labels)
{
    if (selector == NULL || selector[0] == '\0') {
        return true;
    }
    for (;;) {
        size_t size = strcspn(selector, ",");
        struct bytes item = bytes_of(selector, size);
        while (item.size > 0 && item.data[0] == ' ') {
            item = bytes_slice(item, 1, SIZE_MAX);
        }
        while (item.size > 0 && item.data[item.size - 1] == ' ') {
            item.size--;
        }
        if (item.size > 0 && item_takes(item, host, labels)) {
            return true;
        }
        if (selector[size] == '\0') {
            return false;
        }
        selector += size + 1;
    }
}

struct targets {
    struct emit emit;
    int64_t found;
};

static int on_host(const muster_host_info *host, void *arg)
{
    struct targets *targets = arg;
    /* "each" expects every known host, away or not; "any" waits for one that comes. */
    if (!targets_match(shared.on, host->host, host->labels)) {
        return 0;
    }
    targets->found++;
    if (emit_is_wanted()) {
        struct buffer object = BUFFER_EMPTY;
        json_host(&object, host);
        emit_object(&targets->emit, &object);
        buffer_done(&object);
    } else {
        printf("%s%s\n", host->host, host->present ? "" : "  (away)");
    }
    return 0;
}

int targets_print(void)
{
    struct broker broker;
    struct targets targets = {0};
    int status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        return status;
    }
    emit_begin(&targets.emit, NULL, true);
    int64_t code = muster_hosts(broker.pool, on_host, &targets);
    if (emit_is_wanted()) {
        emit_end(&targets.emit);
    }
    if (code < 0) {
        status = say_failed(broker.pool, code, "list the hosts");
    } else if (targets.found == 0) {
        (void)say_error("no host matches %s: muster hosts lists them",
                        shared.on != NULL ? shared.on : "any");
        status = EXIT_NO_MATCH;
    } else {
        say("%s", shared.each ? "each of these would get a command"
                              : "one of these would run the command");
    }
    return broker_close(&broker, status);
}
