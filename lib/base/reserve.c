/* Reserved address space by mmap; nothing of it in core dumps' way, nothing committed. */
#include "base/reserve.h"

#include <sys/mman.h>

#include "base/assert.h"

void *reserve_map(size_t size)
{
    void *region = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return region == MAP_FAILED ? NULL : region;
}

void reserve_forget(void *region, size_t size)
{
    MUST(madvise(region, size, MADV_DONTNEED) == 0);
}

void reserve_unmap(void *region, size_t size)
{
    if (region)
        MUST(munmap(region, size) == 0);
}
