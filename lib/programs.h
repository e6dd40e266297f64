/* Where muster-broker and muster-worker are. */
#ifndef MUSTER_LIB_PROGRAMS_H
#define MUSTER_LIB_PROGRAMS_H

#include "error.h"

struct programs {
    char *broker, *worker; /* absolute paths, owned */
};

/* In `program_dir` if given, else $MUSTER_PROGRAM_DIR if set, else the first of: beside the running
 * program, beside and in ../bin of the library, where they were installed, $PATH. 0, or
 * MUSTER_ESYSTEM with an error that names what was tried. */
int programs_find(const char *program_dir, struct programs *ret_programs, struct error *error);
void programs_done(struct programs *programs);

#endif
