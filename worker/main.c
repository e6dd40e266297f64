/* main.c -- muster-worker: options, run, exit status; nothing else. */
#include <stdio.h>

#include "net/endpoint.h"
#include "worker/worker.h"

static void warn_network(const struct config *config)
{
    struct endpoint endpoint;
    if (config->insecure_network || endpoint_parse(config->broker, &endpoint, NULL) < 0 ||
        endpoint.is_ipc)
        return;
    log_event(LEVEL_WARN, "insecure_network",
              "text=\"nothing is authenticated or encrypted: who poses as the broker can run "
              "commands here\" broker=%s",
              log_quote_str(config->broker));
}

int main(int argc, char **argv)
{
    struct config config;
    struct buffer message = BUFFER_EMPTY;
    int status = WORKER_EXIT_DRAINED;
    if (config_load(&config, argc, (const char **)argv, &message) < 0) {
        fprintf(stderr, "muster-worker: %s\nTry muster-worker --help.\n", buffer_str(&message));
        status = WORKER_EXIT_FAILED;
    } else if (config.wants_help) {
        config_print_help();
    } else if (config.wants_version) {
        puts("muster-worker " MUSTER_VERSION);
    } else {
        log_init("muster-worker", config.log_level);
        warn_network(&config);
        status = worker_run(&config);
    }
    buffer_done(&message);
    config_done(&config);
    return status;
}
