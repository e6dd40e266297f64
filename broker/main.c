/* main.c -- muster-broker: options, warnings, run, exit status; nothing else. */
#include "broker/broker.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct config config;
    struct buffer message = BUFFER_EMPTY;
    int status = 0;
    if (config_load(&config, argc, (const char **)argv, &message) < 0) {
        fprintf(stderr, "muster-broker: %s\nTry muster-broker --help.\n", buffer_str(&message));
        status = BROKER_EXIT_FAILED;
    } else if (config.wants_help) {
        config_print_help();
    } else if (config.wants_version) {
        puts("muster-broker " MUSTER_VERSION);
    } else {
        log_init("muster-broker", config.log_level);
        if (config.insecure_network)
            log_event(LEVEL_WARN, "insecure_network",
                      "text=\"nothing is authenticated or encrypted: whoever reaches the ports can "
                      "run commands\"");
        status = broker_run(&config);
    }
    buffer_done(&message);
    config_done(&config);
    return status;
}
