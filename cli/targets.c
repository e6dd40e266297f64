/* Which hosts a selector takes, by the word of the broker, which decides about submissions too. A
 * host that is away counts: "each" expects it, "any" may wait for it. */
#include "cli/targets.h"

#include <stdio.h>

#include <muster.h>

#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"

struct targets {
    struct emit emit;
    int64_t found;
};

static int on_host(const muster_host_info *host, void *arg)
{
    struct targets *targets = arg;
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
    int64_t code = muster_hosts_matching(broker.pool, shared.on, on_host, &targets);
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
