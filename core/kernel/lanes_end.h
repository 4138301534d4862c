// The end of what product.c defines for one type.
#undef T
#undef NAME
#undef WIDTH
#undef VEC
#undef ZERO
#undef SPREAD
#undef LOAD
#undef STORE
#undef TIMES
#undef FMA
#undef FNMA
#undef STRIP
