// How this process treats memory that was freed.
// Threads: once, before others begin.
#pragma once

namespace keruen::host {

// Keeps it, as far as reason goes, for the next batch: those are hundreds of KiB, and glibc would
// give each back to the kernel and take zeroed pages for the next, a fault for every 4 KiB.
// Source: mallopt(3).
void keep_freed_memory();

}  // namespace keruen::host
