#ifndef NPW_CLONES_H
#define NPW_CLONES_H

#include <stdint.h> // which defines __GLIBC__

// Loops are compiled for several generations of x86 where the compiler can; the loader picks.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(NPW_NO_CLONES) && (!defined(__clang__) || __clang_major__ >= 18)
#define NPW_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define NPW_CLONES
#endif
#define NPW_INLINE static inline __attribute__((always_inline))

#endif
