// Copies what a library wrote on another thread and handed over by means the thread sanitizer does
// not see (libzmq is not built with it; it would report, or search its suppressions for, every
// byte).
// Threads: any; the library has handed the bytes over.
//
// Source: compiler-rt/lib/tsan, AnnotateIgnoreReadsBegin.
#pragma once

#include "schemas/bytes.h"

#if defined(__SANITIZE_THREAD__)
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
#endif

namespace keruen {

[[nodiscard]] inline Bytes copy_of_foreign(BytesView bytes) {
#if defined(__SANITIZE_THREAD__)
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  Bytes copy = copy_of(bytes);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  return copy;
#else
  return copy_of(bytes);
#endif
}

}  // namespace keruen
