/* Writing the first inputs of a fuzz target into a directory. */
#ifndef TESTS_FUZZ_CORPUS_H
#define TESTS_FUZZ_CORPUS_H

#include <stddef.h>

/* What each target's corpus_<name>.c defines: calls corpus_add for every input. */
void corpus_make(void);

/* Writes one input, named by its content. Ends the program with a message on failure. */
void corpus_add(const void *data, size_t size);

#endif
