/* --dry-run: which hosts a submission would go to. */
#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

/* Prints the hosts that --on selects among those that the broker knows. Returns the exit status: 4
 * when there is none. */
int targets_print(void);

#endif
