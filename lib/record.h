/* Rows of the wire as the records that a program sees. */
#ifndef MUSTER_LIB_RECORD_H
#define MUSTER_LIB_RECORD_H

#include <muster.h>

#include "base/arena.h"
#include "proto/message.h"

/* Everything that the record points to lives in the arena. A body that cannot be decoded is not an
 * error: the record then says so in error_type ("muster.undecodable") and error_message. -ENOMEM
 * when the arena refuses. */
int record_build(const struct wire_row *row, struct arena *arena, muster_record *ret_record);

/* In place of a record that could not even be received: its pos, and what was wrong. */
void record_build_unreadable(int64_t pos, const char *what, muster_record *ret_record);

/* The command of a packed CommandBody: argv (NULL for other functions), args, kwargs, label. 0,
 * -EBADMSG or -ENOMEM. */
struct record_command {
    const char *const *argv;
    const muster_value *args, *kwargs;
    const char *label;
};
int record_command_build(struct bytes function, struct bytes packed, struct arena *arena,
                         struct record_command *ret_command);

/* A copy with a NUL behind; NULL when the arena refuses. */
const char *record_text(struct bytes from, struct arena *arena);
/* A NULL-terminated array of such copies. */
const char *const *record_texts(const struct bytes *from, uint32_t n, struct arena *arena);

#endif
