/* --dry-run: which hosts a submission would go to. */
#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

#include <stdbool.h>

/* Prints the hosts that --on selects among those that the broker knows. Returns the exit status: 4
 * when there is none. */
int targets_print(void);

/* True when the selector takes a host of this name with these labels (ends with NULL, may be NULL).
 * NULL and "" take every host. */
bool targets_match(const char *selector, const char *host, const char *const *labels);

#endif
