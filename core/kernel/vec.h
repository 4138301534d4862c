// A vector of LANES elements of type T, from memory and back: included once for each type.

#define VEC NAME(vec)
typedef T VEC __attribute__((vector_size(LANES * sizeof(T))));

NPW_INLINE VEC NAME(load)(const T *x) {
	VEC v;
	memcpy(&v, x, sizeof v);
	return v;
}

NPW_INLINE void NAME(store)(T *x, VEC v) { memcpy(x, &v, sizeof v); }
