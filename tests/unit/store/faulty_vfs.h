/*
 * faulty_vfs.h -- SQLite's file system with a disk that can lose power or fail.
 *
 * Registered as the default, it passes everything on, and keeps for each file what was synced and
 * what was only written. Paths of more than one open file are not shared; one thread.
 */
#ifndef TESTS_UNIT_STORE_FAULTY_VFS_H
#define TESTS_UNIT_STORE_FAULTY_VFS_H

#include <stdint.h>

enum fault {
    FAULT_POWER, /* the process ends; faulty_on_power says what is done before */
    FAULT_WRITE, /* a write fails with EIO */
    FAULT_SYNC,  /* a sync fails */
    FAULT_FULL,  /* a write finds no space */
};

/* The fault comes at the `operation`-th write, sync or truncation from now on (the next one that it
 * can hit), and a FAULT_WRITE, FAULT_SYNC or FAULT_FULL only once. */
void faulty_arm(enum fault fault, uint64_t operation);
/* Since faulty_arm. */
uint64_t faulty_operations(void);
int faulty_has_struck(void);

/* Writes the files as a power cut leaves them into the directory: what was synced, and of each
 * 512-byte sector that was only written the old or the new content, as `seed` decides. */
void faulty_write_image(const char *directory, uint64_t seed);

/* `on_power` is called when FAULT_POWER strikes and must not return. */
void faulty_register(void (*on_power)(void));

#endif
