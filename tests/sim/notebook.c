/* notebook.c -- a log of notes with the three stages that a file has: noted, written, synced. */
#include "notebook.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static const int64_t SYNC_FROM_NS = 1 * MUSTER_S; /* of run time */

static void free_body(struct note *note)
{
    union {
        const uint8_t *lent;
        void *own;
    } pointer = {.lent = note->body.data};
    free(pointer.own);
    note->body = (struct bytes){0};
}

void notebook_done(struct notebook *notebook)
{
    for (size_t i = 0; i < notebook->notes.n; i++)
        free_body(&notebook->notes.items[i]);
    free(notebook->notes.items);
    free(notebook->log.items);
    *notebook = (struct notebook){0};
}

static void append(struct notebook *notebook, int type, uint64_t handle)
{
    struct notebook_entry entry = {.handle = handle};
    entry.type = type == NOTE_STARTED  ? NOTE_STARTED
                 : type == NOTE_RECORD ? NOTE_RECORD
                                       : NOTE_FORGET;
    TABLE_ADD(notebook->log, entry);
}

static struct note *note_of(struct notebook *notebook, uint64_t handle)
{
    MUST(handle != 0 && handle <= notebook->notes.n);
    return &notebook->notes.items[handle - 1];
}

const struct note *notebook_note(const struct notebook *notebook, uint64_t handle)
{
    return handle == 0 || handle > notebook->notes.n ? NULL : &notebook->notes.items[handle - 1];
}

static uint64_t add(struct notebook *notebook, const struct agent_id *id, uint32_t token)
{
    struct note note = {.handle = notebook->notes.n + 1, .id = *id, .token = token};
    TABLE_ADD(notebook->notes, note);
    return note.handle;
}

uint64_t notebook_start(struct notebook *notebook, const struct agent_id *id)
{
    uint64_t handle = add(notebook, id, 0);
    append(notebook, NOTE_STARTED, handle);
    return handle;
}

void notebook_token(struct notebook *notebook, uint64_t handle, uint32_t token)
{
    note_of(notebook, handle)->token = token;
}

uint64_t notebook_end(struct notebook *notebook, uint64_t handle,
                      const struct wire_record_head *record, uint32_t token)
{
    if (handle == 0) {
        struct agent_id id = {.pool = record->pool,
                              .attempt = record->attempt,
                              .epoch = record->epoch,
                              .track_id = record->track_id};
        handle = add(notebook, &id, token);
    }
    struct note *note = note_of(notebook, handle);
    uint8_t *copy = malloc(record->body.size + 1);
    MUST(copy != NULL);
    if (record->body.size > 0)
        memcpy(copy, record->body.data, record->body.size);
    note->record = *record;
    note->body = note->record.body = bytes_of(copy, record->body.size);
    append(notebook, NOTE_RECORD, handle);
    if (record->run_ns >= SYNC_FROM_NS)
        notebook->sync_wanted = true;
    return handle;
}

void notebook_forget(struct notebook *notebook, uint64_t handle)
{
    if (handle == 0 || note_of(notebook, handle)->forgotten)
        return;
    note_of(notebook, handle)->forgotten = true;
    append(notebook, NOTE_FORGET, handle);
}

void notebook_flush(struct notebook *notebook)
{
    notebook->written = notebook->log.n;
    if (notebook->sync_wanted)
        notebook->synced = notebook->written;
    notebook->sync_wanted = false;
}

void notebook_killed(struct notebook *notebook)
{
    notebook->log.n = notebook->written;
}

void notebook_lost_power(struct notebook *notebook, struct rand *rand)
{
    size_t unsynced = notebook->written - notebook->synced;
    notebook->log.n = notebook->synced + (size_t)rand_below(rand, unsynced + 1);
    notebook->boot++;
}

void notebook_wipe(struct notebook *notebook)
{
    notebook->log.n = notebook->written = notebook->synced = 0;
    notebook->incarnation = 0;
    notebook->install++;
    notebook->boot++;
}

bool notebook_is_unsure(const struct notebook *notebook)
{
    return notebook->boot != notebook->boot_known;
}

void notebook_open(struct notebook *notebook, void (*each)(void *ctx, const struct note *note),
                   void *ctx)
{
    notebook->incarnation++;
    notebook->written = notebook->synced = notebook->log.n;
    notebook->sync_wanted = false;
    for (size_t i = 0; i < notebook->notes.n; i++) {
        struct note *note = &notebook->notes.items[i];
        note->is_record = false;
        note->forgotten = true;
    }
    for (size_t i = 0; i < notebook->log.n; i++) {
        const struct notebook_entry *entry = &notebook->log.items[i];
        struct note *note = note_of(notebook, entry->handle);
        note->forgotten = entry->type == NOTE_FORGET;
        note->is_record = note->is_record || entry->type == NOTE_RECORD;
    }
    for (size_t i = 0; i < notebook->notes.n; i++)
        if (!notebook->notes.items[i].forgotten)
            each(ctx, &notebook->notes.items[i]);
}
