/* What an earlier spawner of the same spool directory may have left running. */
#ifndef MUSTER_WORKER_RUN_LEFTOVER_H
#define MUSTER_WORKER_RUN_LEFTOVER_H

/* Waits until no other spawner uses the directory: a descriptor to be kept for as long as this one
 * does, -EWOULDBLOCK when another is still there after the wait, or another -errno. */
int leftover_lock(const char *spool_dir, int wait_ms);

/* Ends what the last spawner left running, by the note that it wrote. Returns the number of
 * processes that were seen, 0 without a note, or -EBUSY when some are alive after the wait. */
int leftover_end(const char *spool_dir, int wait_ms);

/* Notes how the processes of this spawner can be found. `group_path` may be NULL. 0 or -errno. */
int leftover_note(const char *spool_dir, const char *cookie, const char *group_path);

/* Removes the note: nothing is left. */
void leftover_forget(const char *spool_dir);

#endif
