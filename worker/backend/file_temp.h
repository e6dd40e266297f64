/* Temporary files beside the file that they will become, invisible to listings.
 *
 * Their names are made from the target's, so that a later put of the same target meets what a
 * killed one left. A live one is locked (flock); where that is not possible, age decides. */
#ifndef MUSTER_WORKER_BACKEND_FILE_TEMP_H
#define MUSTER_WORKER_BACKEND_FILE_TEMP_H

#include "base/bytes.h"

#include <stdbool.h>

#define FILE_TEMP_PREFIX ".muster-tmp-"

struct file_temp {
    int directory; /* borrowed */
    int fd;        /* read and write */
    char name[64]; /* empty: nothing to remove */
};

/* Creates one for `target` in `directory`. 0, -EBUSY when too many are alive, or -errno. */
int file_temp_create(int directory, struct bytes target, struct file_temp *ret_temp);

/* Gives it its final name, atomically: over an existing file, or -EEXIST. The caller has synced the
 * content; the directory is synced here. */
int file_temp_publish(struct file_temp *temp, const char *name, bool replace);

/* Closes it, and removes it unless it was published. Harmless twice. */
void file_temp_drop(struct file_temp *temp);

/* Removes the file if its name is a temporary one, nobody is alive who writes it, and it is older
 * than a day. */
void file_temp_sweep(int directory, const char *name);

#endif
