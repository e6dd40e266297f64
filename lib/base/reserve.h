/* Address space that becomes memory only where it is touched. For slabs and heaps. */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include <stddef.h>

/* Zeroed, page-aligned, not counted as committed memory; NULL when there is no address space. */
void *reserve_map(size_t size);

/* Gives the memory back and keeps the address space: it reads as zeros again. */
void reserve_forget(void *region, size_t size);

/* Takes NULL. */
void reserve_unmap(void *region, size_t size);

#endif
